//! The proof that a toolchain is whole: on a directory with exactly its files, a compile of each
//! language is tried in a sandbox, as an executor would run it. What it misses is looked for on this
//! host and added, or named.
//!
//! Watching a compile on this host shows nearly everything; the proof finds what only another place
//! shows (files that are elsewhere in the archive than here), and is all there is where compiles
//! cannot be watched. Who has a sandbox is the caller's business: see [`Sandbox`].

mod complaint;
mod supply;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::busy::{again_while_busy, tells_of_it};
use crate::collect::{Cause, Collector};
use crate::compiler::{Compiler, Family};
use crate::fileset::FileSet;
use crate::trial::{C_SOURCE, CXX_SOURCE, first_line};
use complaint::missing;
use tree::Tree;

/// Runs trials on a toolchain's directory, and tells of each in their order. An error says why
/// nothing can be tried on this host: that is no fault of the toolchain's.
pub type Sandbox = dyn Fn(&Path, &[Trial]) -> Result<Vec<Ran>, String> + Send + Sync;

/// One trial compile: a driver and a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// As processes tell each other.
    pub name: &'static str,
    language: &'static str,
    /// The program inside, then its arguments, without the object's name.
    pub command: &'static [&'static str],
    /// What it compiles.
    pub source: &'static str,
    /// The member without which the language is not installed.
    needs: &'static str,
    family: Family,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    Fine,
    /// With what the compiler said.
    Failed(String),
}

impl Trial {
    pub const ALL: [Self; 4] = [
        Self {
            name: "gcc-c",
            language: "c",
            command: &[
                "/usr/bin/gcc",
                "-x",
                "c",
                "-O2",
                "-c",
                "-fpreprocessed",
                "-",
            ],
            source: C_SOURCE,
            needs: "usr/bin/cc1",
            family: Family::Gcc,
        },
        Self {
            name: "gcc-c++",
            language: "c++",
            command: &[
                "/usr/bin/g++",
                "-x",
                "c++",
                "-O2",
                "-c",
                "-fpreprocessed",
                "-",
            ],
            source: CXX_SOURCE,
            needs: "usr/bin/cc1plus",
            family: Family::Gcc,
        },
        Self {
            name: "clang-c",
            language: "c",
            command: &[
                "/usr/bin/clang",
                "-x",
                "c",
                "-O2",
                "-c",
                "-no-canonical-prefixes",
                "-",
            ],
            source: C_SOURCE,
            needs: "usr/bin/clang",
            family: Family::Clang,
        },
        Self {
            name: "clang-c++",
            language: "c++",
            command: &[
                "/usr/bin/clang",
                "-x",
                "c++",
                "-O2",
                "-c",
                "-no-canonical-prefixes",
                "-",
            ],
            source: CXX_SOURCE,
            needs: "usr/bin/clang",
            family: Family::Clang,
        },
    ];

    /// By its [`Trial::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trial| trial.name == name)
    }

    pub(crate) fn is_cxx(&self) -> bool {
        self.language == "c++"
    }

    /// What a toolchain has to be good for. A language that is not installed is not tried.
    pub(crate) fn of(compiler: &Compiler, set: &FileSet) -> Vec<Self> {
        let has = |trial: &Self| {
            let driver = trial.command[0].trim_start_matches('/');
            let has = |name: &str| set.members.contains_key(Path::new(name));
            trial.family == compiler.family && has(trial.needs) && has(driver)
        };
        Self::ALL.into_iter().filter(has).collect()
    }
}

/// A toolchain after its trials.
#[derive(Debug)]
pub(crate) struct Proven {
    /// With what was added.
    pub(crate) set: FileSet,
    /// What fails, and why.
    pub(crate) faults: Vec<(Trial, Cause)>,
}

/// A compiler that misses one file may, when it has it, miss another one.
const ROUNDS: usize = 8;

/// Tries `set`, which is of `compiler`, in a directory made below `place`. An error says why nothing
/// could be tried.
pub(crate) fn prove(
    compiler: &Compiler,
    set: FileSet,
    place: &Path,
    sandbox: &Sandbox,
) -> Result<Proven, String> {
    let mut trials = Trial::of(compiler, &set);
    let mut faults = Vec::new();
    let asked = set.compiler.clone();
    let mut tree = Tree::new(place).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut collector = Collector::resume(compiler, set);
    for round in 0..=ROUNDS {
        let written = tree.write(collector.members());
        written.map_err(|error| format!("{}: {error}", tree.root().display()))?;
        let results = tried(tree.root(), &trials, sandbox)?;
        if results.len() != trials.len() {
            return Err("the sandbox did not tell of every trial".to_owned());
        }
        let before = collector.members().len();
        let mut again = Vec::new();
        let mut in_vain = Vec::new();
        for (trial, ran) in trials.into_iter().zip(results) {
            let Ran::Failed(said) = ran else { continue };
            let (missing, cause) = complained(&trial, &said);
            match missing.map(|missing| collector.supply(compiler, &missing)) {
                Some(Ok(())) if round < ROUNDS => again.push((trial, cause)),
                Some(Err(deeper)) => in_vain.push((trial, deeper)),
                Some(Ok(())) | None => in_vain.push((trial, cause)),
            }
        }
        faults.extend(in_vain);
        // What is missed though it is there is missed for another reason.
        let is_more = collector.members().len() > before;
        trials = again.iter().map(|(trial, _)| *trial).collect();
        if !is_more {
            faults.extend(again);
            break;
        }
        if trials.is_empty() {
            break;
        }
    }
    Ok(Proven {
        set: collector.finish(asked),
        faults,
    })
}

fn tried(root: &Path, trials: &[Trial], sandbox: &Sandbox) -> Result<Vec<Ran>, String> {
    let is_busy = |ran: &Ran| matches!(ran, Ran::Failed(said) if tells_of_it(said));
    again_while_busy(
        || sandbox(root, trials),
        |ran| ran.as_ref().is_ok_and(|all| all.iter().any(is_busy)),
    )
}

/// What a failed trial misses, and the words for it if that is nowhere.
fn complained(trial: &Trial, said: &str) -> (Option<complaint::Missing>, Cause) {
    let missing = missing(said);
    let cause = match &missing {
        Some(missing) => missing.cause(),
        None => Cause::Sandboxed {
            language: trial.language,
            said: first_line(said),
        },
    };
    (missing, cause)
}
