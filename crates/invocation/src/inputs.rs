//! What decides which files a source reads: macros and files of the command line in their order, and
//! the options by which the compiler chooses its directories and its own macros.

use std::ffi::{OsStr, OsString};

use crate::reader::Kind;
use crate::reading::{Reading, Sent};

/// One option of the preprocessor that concerns a source directly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// `-D`, as it is written behind it.
    Define(OsString),
    /// `-U`.
    Undefine(OsString),
    /// `-imacros`.
    Macros(OsString),
    /// `-include`.
    Include(OsString),
}

/// What has to be known to follow a source through its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    pub presets: Vec<Preset>,
    /// Options with which the compiler is asked for its directories and its own macros. Relative
    /// directories among them are meant from the compile's.
    pub question: Vec<OsString>,
}

/// Options that change the search, or what directives mean, in ways that nobody follows.
const UNKNOWN: &[&str] = &[
    "-A",
    "--assert",
    "-undef",
    "-I-",
    "-remap",
    "-F",
    "-iframework",
    "-iframeworkwithsysroot",
    "-ivfsoverlay",
    "-traditional",
    "-traditional-cpp",
    "--traditional-cpp",
    "-trigraphs",
    "-finput-charset=",
];

/// Words that are given to the preprocessor as they are, or change how clang looks for files.
const UNKNOWN_BEGINNINGS: &[&str] = &[
    "-Wp,",
    "-Xpreprocessor",
    "-Xclang",
    "-fms-",
    "-ftrack-macro",
];

impl Inputs {
    /// Of a command that may travel; `None` where something is not followed.
    pub(crate) fn of(reading: &Reading<'_>) -> Option<Self> {
        let mut inputs = Self::default();
        for part in &reading.parts {
            if !part.here || part.word.is_about_dependencies() {
                continue;
            }
            let first = part.word.arguments.first()?.to_string_lossy();
            let is_given_on = UNKNOWN_BEGINNINGS
                .iter()
                .any(|begin| first.starts_with(begin));
            // `-Wp,-MMD,file` is about dependencies only: nothing of it is sent.
            if is_given_on && !(first.starts_with("-Wp,") && part.sent == Sent::No) {
                return None;
            }
            if is_given_on {
                continue;
            }
            match part.word.kind {
                Kind::Input => {}
                Kind::Unlisted => inputs.question.extend_from_slice(part.word.arguments),
                Kind::Listed { spec, .. } if UNKNOWN.contains(&spec.spelling) => return None,
                Kind::Listed { spec, value } => match preset(spec.spelling, value) {
                    Some(preset) => inputs.presets.push(preset),
                    None => inputs.question.extend_from_slice(part.word.arguments),
                },
            }
        }
        Some(inputs)
    }
}

fn preset(spelling: &str, value: &OsStr) -> Option<Preset> {
    let make = match spelling {
        "-D" | "--define-macro" => Preset::Define,
        "-U" | "--undefine-macro" => Preset::Undefine,
        "-imacros" | "--imacros" => Preset::Macros,
        "-include" | "--include" => Preset::Include,
        _ => return None,
    };
    Some(make(value.to_owned()))
}
