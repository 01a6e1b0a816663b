//! Remembering how earlier sources went through headers changes no answer: each real source is
//! evaluated with the memory of all before it, and anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use includes::{Facts, Preset};

use crate::run::Setting;

#[derive(Debug, PartialEq)]
struct Answer {
    files: Vec<PathBuf>,
    entered: BTreeSet<PathBuf>,
    blocks: Vec<PathBuf>,
    probes: BTreeSet<PathBuf>,
    facts: Facts,
}

fn answer(setting: &mut Setting, source: &Path, presets: &[Preset]) -> Result<Answer, String> {
    let reached = setting.reached(source, presets)?;
    let path = |file: &includes::FileId| setting.disk.path(*file).to_owned();
    let place = |probe: &includes::Probe| setting.disk.place(*probe, &setting.library);
    Ok(Answer {
        files: reached.files.iter().map(path).collect(),
        entered: reached.entered.iter().map(path).collect(),
        blocks: reached.blocks.iter().map(|(file, _)| path(file)).collect(),
        probes: reached.probes.iter().map(place).collect(),
        facts: reached.facts,
    })
}

/// Files right below a directory.
fn files(directory: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.retain(|path| {
        let end = path.extension().and_then(|end| end.to_str());
        path.is_file() && ends.contains(&end.unwrap_or(""))
    });
    found.sort();
    found
}

/// Sources that include standard headers in other orders.
pub(crate) fn mixed(directory: &Path) -> Vec<PathBuf> {
    let headers = files(Path::new("/usr/include/c++/12"), &[""]);
    let mut state = 1_u64;
    let mut sources = Vec::new();
    for number in 0..80 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap_or(0) % headers.len();
            let name = headers[at].file_name().expect("a name").to_string_lossy();
            text += &format!("#include <{name}>\n");
        }
        let path = directory.join(format!("mixed{number}.cc"));
        fs::write(&path, text).expect("written");
        sources.push(path);
    }
    sources
}

fn compare(
    program: &'static str,
    language: &'static str,
    root: &Path,
    options: &[&str],
    sources: &[PathBuf],
) -> usize {
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    let mut old = Setting::new(program, language, root, &options);
    let mut new = Setting::new(program, language, root, &options);
    new.library.forget();
    let mut known = 0;
    for (number, source) in sources.iter().enumerate() {
        let presets = match number % 4 {
            0 => vec![Preset::Define(b"NDEBUG".to_vec())],
            1 => vec![Preset::Define(b"_FORTIFY_SOURCE=2".to_vec())],
            _ => Vec::new(),
        };
        let with = answer(&mut old, source, &presets);
        let without = answer(&mut new, source, &presets);
        assert_eq!(with, without, "{program}: {}", source.display());
        known += usize::from(with.is_ok());
    }
    println!("{program}: {known} of {} known and alike", sources.len());
    known
}

#[test]
fn c_sources_are_read_alike_with_memory() {
    let redis = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sources/redis");
    let mut sources = files(&redis.join("src"), &["c"]);
    let headers = files(Path::new("/usr/include"), &["h"]);
    let linux = files(Path::new("/usr/include/linux"), &["h"]);
    sources.extend(headers.into_iter().chain(linux).step_by(3));
    let options = ["-Isrc", "-Ideps/hiredis", "-Ideps/lua/src"];
    let root = if redis.exists() {
        redis
    } else {
        PathBuf::from("/")
    };
    for program in ["gcc", "clang"] {
        assert!(compare(program, "c", &root, &options, &sources) > 100);
    }
}

#[test]
fn cplusplus_sources_are_read_alike_with_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut sources = mixed(directory.path());
    sources.extend(files(Path::new("/usr/include/c++/12"), &["", "h"]));
    for program in ["g++", "clang++"] {
        let known = compare(program, "c++", directory.path(), &[], &sources);
        assert!(known > 120, "{known}");
    }
}
