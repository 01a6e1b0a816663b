//! Which languages of a compiler travel, and why the others do not: what the cache finds out beside
//! the first compiles, for somebody who asks before.

use std::path::Path;

use crate::collect::collect;
use crate::compiler::{Compiler, Family};
use crate::native::NativeError;
use crate::proof::{Proven, Sandbox, Trial, prove};

/// A compiler whose files were collected.
#[derive(Debug, Clone)]
pub struct Examined {
    pub version: String,
    /// What it compiles for.
    pub target: String,
    pub files: usize,
    pub bytes: u64,
    /// C and C++.
    pub languages: [Language; 2],
    /// Why nothing could be tried on this host. The files are there then, as far as one can see.
    pub untried: Option<String>,
}

/// One language of a compiler.
#[derive(Debug, Clone)]
pub struct Language {
    pub name: &'static str,
    pub fate: Fate,
}

/// What becomes of compiles in a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Travels,
    /// The compiler proper is not there: such compiles fail here as well.
    NotInstalled(String),
    /// They run here. With what is missing.
    Stays(String),
}

/// Collects the files of `compiler` and tries them in `sandbox`, in a directory made below `place`.
pub fn examine(compiler: &Path, place: &Path, sandbox: &Sandbox) -> Result<Examined, NativeError> {
    let asked = Compiler::probe(compiler).map_err(|error| NativeError::probe(compiler, &error))?;
    let set = collect(&asked, &[]).map_err(|error| NativeError::collect(&error))?;
    let trials = Trial::of(&asked, &set);
    let (files, bytes) = (set.members().count(), set.bytes());
    let mut examined = Examined {
        version: asked.version.clone(),
        target: asked.target.clone(),
        files,
        bytes,
        languages: [("C", false), ("C++", true)].map(|(name, is_cxx)| {
            let is_there = trials.iter().any(|trial| trial.is_cxx() == is_cxx);
            let fate = match is_there {
                true => Fate::Travels,
                false => Fate::NotInstalled(absent(&asked, is_cxx)),
            };
            Language { name, fate }
        }),
        untried: None,
    };
    let Proven { set, faults } = match prove(&asked, set, place, sandbox) {
        Ok(proven) => proven,
        Err(why) => {
            let untried = Some(why);
            return Ok(Examined {
                untried,
                ..examined
            });
        }
    };
    (examined.files, examined.bytes) = (set.members().count(), set.bytes());
    for (trial, cause) in faults {
        examined.languages[usize::from(trial.is_cxx())].fate = Fate::Stays(format!(
            "{cause}; install what is missing, or name it in ICECC_EXTRAFILES"
        ));
    }
    Ok(examined)
}

fn absent(compiler: &Compiler, is_cxx: bool) -> String {
    let (program, proper, package) = match is_cxx {
        true => ("g++", "cc1plus", "C++"),
        false => ("gcc", "cc1", "C"),
    };
    let driver = if is_cxx { &compiler.cxx } else { &compiler.c };
    let what = match (compiler.family, driver) {
        (Family::Clang, _) => "clang",
        (Family::Gcc, None) => program,
        (Family::Gcc, Some(_)) => proper,
    };
    format!("{what} is not installed beside it; install the {package} compiler of the same version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Ran;

    fn examined(sandbox: &Sandbox) -> Option<Examined> {
        let gcc = Path::new("/usr/bin/gcc");
        if !gcc.exists() {
            println!("SKIPPED: no gcc");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        Some(examine(gcc, place.path(), sandbox).unwrap())
    }

    #[test]
    fn each_language_has_its_own_fate() {
        let only_c = |_: &Path, trials: &[Trial]| {
            let ran = |trial: &Trial| match trial.is_cxx() {
                true => Ran::Failed("cc1plus: licence expired".to_owned()),
                false => Ran::Fine,
            };
            Ok(trials.iter().map(ran).collect())
        };
        let Some(examined) = examined(&only_c) else {
            return;
        };
        let [c, cxx] = examined.languages;
        assert_eq!((c.name, c.fate), ("C", Fate::Travels));
        match cxx.fate {
            Fate::Stays(why) => {
                assert!(why.contains("licence expired") && why.contains("ICECC_EXTRAFILES"));
            }
            Fate::NotInstalled(why) => assert!(why.contains("is not installed")),
            Fate::Travels => panic!("C++ failed its trial"),
        }
        assert_eq!(examined.untried, None);
    }

    #[test]
    fn a_host_without_a_sandbox_says_so() {
        let none = |_: &Path, _: &[Trial]| Err("no namespaces".to_owned());
        if let Some(examined) = examined(&none) {
            assert_eq!(examined.untried.as_deref(), Some("no namespaces"));
            assert!(examined.files > 10 && examined.bytes > 1_000_000);
        }
    }
}
