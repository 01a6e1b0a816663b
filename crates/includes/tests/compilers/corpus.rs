//! Sources of real projects: everything that a compiler opens or finds absent is known before.
//!
//! The compiler is observed with strace, because the lists that it writes leave out what it only asks
//! for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{Seen, Setting};

/// A project among those that `cargo xtask setup` has unpacked.
struct Corpus {
    name: &'static str,
    sources: &'static [&'static str],
    options: &'static [&'static str],
    /// Of so many sources one is read, unless INCLUDES_ALL is in the environment.
    every: usize,
}

const REDIS: Corpus = Corpus {
    name: "redis",
    sources: &[
        "src",
        "deps/lua/src",
        "deps/hiredis",
        "deps/jemalloc/src",
        "deps/hdr_histogram",
    ],
    options: &[
        "-Isrc",
        "-Ideps/hiredis",
        "-Ideps/lua/src",
        "-Ideps/linenoise",
        "-Ideps/hdr_histogram",
        "-Ideps/jemalloc/include",
    ],
    every: 13,
};

const FMTLIB: Corpus = Corpus {
    name: "fmtlib",
    sources: &["src"],
    options: &["-Iinclude", "-std=c++17"],
    every: 1,
};

/// What a compiler does, or nothing where it fails.
fn observed(
    program: &str,
    language: &str,
    options: &[String],
    root: &Path,
    source: &Path,
) -> Option<Seen> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,stat,newfstatat,access",
            "-o",
        ])
        .arg(log.path())
        .args([program, "-fsyntax-only", "-w", "-x", language])
        .args(options)
        .arg(source)
        .current_dir(root)
        .env("LC_ALL", "C")
        .stderr(Stdio::null())
        .status()
        .expect("strace starts");
    if !status.success() {
        return None;
    }
    let text = fs::read(log.path()).expect("a log");
    let mut seen = Seen::default();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some(path) = line.split('"').nth(1) else {
            continue;
        };
        let path = PathBuf::from(path);
        if line.contains(" = -1 ENOENT") {
            seen.absent.insert(path);
        } else if line.contains("open") && !line.contains("O_DIRECTORY") && !line.contains(" = -1")
        {
            seen.opened.insert(path);
        }
    }
    Some(seen)
}

/// Files that belong to the compiler and not to what it compiles.
fn is_own(path: &Path) -> bool {
    let text = path.to_string_lossy();
    // A precompiled header in a header's place is looked for first; the tree says if there is one.
    if text.ends_with(".gch") || text.ends_with(".pch") {
        return true;
    }
    let is_library = text.contains(".so") || text.contains(".mo") || text.ends_with("/specs");
    is_library
        || ["/proc/", "/etc/", "/sys/", "/dev/", "/tmp/"]
            .iter()
            .any(|own| text.starts_with(own))
}

fn sources(corpus: &Corpus, root: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for directory in corpus.sources {
        for entry in fs::read_dir(root.join(directory))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = Path::new(directory).join(entry.file_name());
            let end = path.extension().and_then(|end| end.to_str());
            if matches!(end, Some("c" | "cc" | "cpp")) {
                found.insert(path);
            }
        }
    }
    let all = std::env::var_os("INCLUDES_ALL").is_some();
    let every = if all { 1 } else { corpus.every };
    found.into_iter().step_by(every).collect()
}

fn compare(corpus: &Corpus, program: &'static str, language: &'static str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/sources")
        .join(corpus.name);
    let can_observe = Command::new("strace").arg("-V").output().is_ok();
    if !root.exists() || !can_observe {
        println!(
            "SKIPPED: the sources of {} or strace is missing",
            corpus.name
        );
        return;
    }
    let options: Vec<String> = corpus
        .options
        .iter()
        .map(|option| (*option).to_owned())
        .collect();
    let mut setting = Setting::new(program, language, &root, &options);
    let (mut same, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    let (mut needed, mut sent) = (0, 0);
    for source in sources(corpus, &root) {
        let Some(mut seen) = observed(program, language, &options, &root, &source) else {
            continue;
        };
        let known = match setting.seen(&source, &[]) {
            Ok(known) => known,
            Err(why) => {
                unknown.push(format!("{}: {why}", source.display()));
                continue;
            }
        };
        seen.opened
            .retain(|path| !is_own(path) && root.join(path).is_file());
        let missed: Vec<_> = seen.opened.difference(&known.opened).collect();
        seen.absent.retain(|path| !is_own(path));
        // What is in no directory of the search is the compiler's own affair.
        let is_searched = |path: &&PathBuf| {
            let end = path.extension().and_then(|end| end.to_str());
            let is_header = end.is_some_and(|end| end.starts_with('h'));
            is_header
                && known
                    .absent
                    .iter()
                    .any(|absent| absent.parent() == path.parent())
        };
        let surprises: Vec<_> = seen.absent.difference(&known.absent).collect();
        let surprises: Vec<_> = surprises.into_iter().filter(is_searched).collect();
        (needed, sent) = (needed + seen.opened.len(), sent + known.opened.len());
        if missed.is_empty() && surprises.is_empty() {
            same += 1;
        } else {
            wrong.push(format!(
                "{}: missed {missed:?}, found absent {surprises:?}",
                source.display()
            ));
        }
    }
    println!(
        "{program} {}: {same} same, {} unknown, sent/needed {sent}/{needed}",
        corpus.name,
        unknown.len()
    );
    for line in &unknown {
        println!("unknown: {line}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same > 0 && unknown.len() * 50 <= same + 49, "{same} same");
    assert!(sent * 10 <= needed * 11, "{sent} files for {needed}");
}

#[test]
fn redis() {
    compare(&REDIS, "gcc", "c");
    compare(&REDIS, "clang", "c");
}

#[test]
fn fmtlib() {
    compare(&FMTLIB, "g++", "c++");
    compare(&FMTLIB, "clang++", "c++");
}
