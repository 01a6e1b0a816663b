//! A trial compile of each language on this host, watched: what the compiler opens and runs there
//! and was not collected yet is what nobody could have known without watching.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::busy::{again_while_busy, tells_of_it};
use crate::compiler::{Compiler, Family};
use crate::observe::{self, Seen, Trial};

/// A language and the least that needs the compiler proper and the assembler. Preprocessed, as
/// executors get it.
struct Language {
    name: &'static str,
    source: &'static str,
}

pub(crate) const C_SOURCE: &str = "int floe(int n) { return n + 1; }\n";
pub(crate) const CXX_SOURCE: &str =
    "template <class T> T floe(T n) { return n + 1; }\nint trial(int n) { return floe(n); }\n";

const C: Language = Language {
    name: "c",
    source: C_SOURCE,
};
const CXX: Language = Language {
    name: "c++",
    source: CXX_SOURCE,
};
const ASSEMBLER: Language = Language {
    name: "assembler",
    source: "",
};

/// What the trials of a compiler showed.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Files in use; links are not resolved.
    pub(crate) files: BTreeSet<PathBuf>,
    /// What was looked for in vain.
    pub(crate) missed: BTreeSet<PathBuf>,
    /// Every trial was watched.
    pub(crate) is_complete: bool,
}

/// Why a compiler failed its trial.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) language: &'static str,
    /// The first line of its own words.
    pub(crate) said: String,
}

/// Compiles something in each language that `compiler` has. Where programs cannot be watched,
/// nothing is shown and nothing fails: what the compiler said about itself has to do.
pub(crate) fn compile(compiler: &Compiler, has_c: bool, has_cxx: bool) -> Result<Shown, Failed> {
    let mut trials: Vec<(&Path, Language)> = Vec::new();
    let c = compiler.c.as_deref().filter(|_| has_c);
    let cxx = match compiler.family {
        Family::Gcc => compiler.cxx.as_deref().filter(|_| has_cxx),
        Family::Clang => c,
    };
    trials.extend(c.map(|driver| (driver, C)));
    trials.extend(cxx.map(|driver| (driver, CXX)));
    trials.push((compiler.driver(), ASSEMBLER));
    let results: Vec<Result<Option<Seen>, Failed>> = std::thread::scope(|scope| {
        let running: Vec<_> = trials
            .iter()
            .map(|(driver, language)| scope.spawn(|| one(compiler, driver, language)))
            .collect();
        running
            .into_iter()
            .map(|trial| {
                trial
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut shown = Shown {
        is_complete: true,
        ..Shown::default()
    };
    for seen in results {
        match seen? {
            Some(seen) => {
                shown.files.extend(seen.files);
                shown.missed.extend(seen.missed);
            }
            None => shown.is_complete = false,
        }
    }
    Ok(shown)
}

/// `None` when nothing can be watched here.
fn one(compiler: &Compiler, driver: &Path, language: &Language) -> Result<Option<Seen>, Failed> {
    let Ok(scratch) = Scratch::new() else {
        return Ok(None);
    };
    let source = scratch.0.join("trial");
    if std::fs::write(&source, language.source).is_err() {
        return Ok(None);
    }
    let mut arguments = compiler.options.clone();
    arguments.extend(["-x", language.name, "-c", "-O2"].map(OsString::from));
    if compiler.family == Family::Gcc && language.name != ASSEMBLER.name {
        arguments.push("-fpreprocessed".into());
    }
    arguments.extend([
        source.into_os_string(),
        "-o".into(),
        scratch.0.join("trial.o").into_os_string(),
    ]);
    let trial = Trial {
        program: driver,
        arguments: &arguments,
        directory: &scratch.0,
        environment: None,
        search: compiler.search.as_deref(),
        until: None,
    };
    let is_busy = |seen: &Seen| !seen.success && tells_of_it(&seen.stderr);
    let seen = again_while_busy(
        || observe::observe(&trial),
        |seen| seen.as_ref().is_ok_and(is_busy),
    );
    let Ok(mut seen) = seen else {
        return Ok(None);
    };
    if !seen.success {
        return Err(Failed {
            language: language.name,
            said: first_line(&seen.stderr),
        });
    }
    seen.files.retain(|file| !file.starts_with(&scratch.0));
    seen.missed.retain(|file| !file.starts_with(&scratch.0));
    Ok(Some(seen))
}

/// What a compiler that failed said, for people.
pub(crate) fn first_line(said: &str) -> String {
    let line = said.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("it says nothing")
        .chars()
        .take(300)
        .collect()
}

/// Whether a file that a compiler opened is part of it and not of this host's state: hosts with the
/// same compiler must find the same toolchain.
pub(crate) fn belongs(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    let dir = file.parent().unwrap_or(Path::new("/"));
    // The toolchain has a loader's cache of its own. clang reads the distribution's name for the
    // sake of the linker.
    let is_state = (dir == Path::new("/etc") || dir == Path::new("/usr/lib"))
        && (name.starts_with(b"ld.so.")
            || name.ends_with(b"-release")
            || name == b"debian_version");
    let state = ["/proc", "/sys", "/dev", "/run"];
    !is_state && !state.iter().any(|dir| file.starts_with(dir))
}

/// A directory that goes away with us.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "floe-trial-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().canonicalize()?.join(name);
        // Never somebody else's: the name can be guessed.
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
            .create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
