//! What decides which files a source reads: macros and files of the command line in their order, and
//! the options by which the compiler chooses its directories and its own macros.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::precompiled::{Follows, Precompiled};
use crate::reader::Kind;
use crate::reading::{Reading, Sent};
use crate::table::{Fate, Meaning};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Inputs {
    pub presets: Vec<Preset>,
    /// Options with which the compiler is asked for its directories and its own macros. Relative
    /// directories among them are meant from the compile's.
    pub question: Vec<OsString>,
    /// What clang reads instead of its header, which is among the presets.
    pub precompiled: Option<Precompiled>,
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
        let mut of_front_end = OfFrontEnd::default();
        let mut is_told = false;
        for part in &reading.parts {
            if !part.here || part.word.is_about_dependencies() {
                continue;
            }
            let first = part.word.arguments.first()?.to_string_lossy();
            if let [option, word] = part.word.arguments
                && option == "-Xclang"
                && reading.precompiled.is_some()
            {
                of_front_end.take(word)?;
                continue;
            }
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
                Kind::Listed { spec, .. } if spec.fate == Fate::Means(Meaning::Precompiled) => {
                    is_told = true;
                }
                Kind::Listed { spec, value } => match preset(spec.spelling, value) {
                    Some(preset) => inputs.presets.push(preset),
                    None => inputs.question.extend_from_slice(part.word.arguments),
                },
            }
        }
        if let Some(precompiled) = &reading.precompiled {
            let is_macros = |preset: &Preset| matches!(preset, Preset::Macros(_));
            if inputs.presets.iter().any(is_macros) {
                // It is read before them.
                return None;
            }
            if is_told || of_front_end.is_told {
                let header = precompiled.header.clone().into_os_string();
                inputs.presets.insert(0, Preset::Include(header));
            }
            let headers = of_front_end.headers.into_iter();
            inputs.presets.extend(headers.map(Preset::Include));
            inputs.precompiled = Some(precompiled.clone());
        }
        Some(inputs)
    }
}

/// What the front end is told directly, which is behind all that the driver tells it.
#[derive(Debug, Default)]
struct OfFrontEnd {
    follows: Option<Follows>,
    is_told: bool,
    headers: Vec<OsString>,
}

impl OfFrontEnd {
    /// `None` where that is not followed.
    fn take(&mut self, word: &OsStr) -> Option<()> {
        match (self.follows.take(), word.as_bytes()) {
            (None, b"-include-pch") => self.follows = Some(Follows::Precompiled),
            (None, b"-include") => self.follows = Some(Follows::Header),
            (Some(Follows::Precompiled), _) => self.is_told = true,
            (Some(Follows::Header), header) => {
                self.headers.push(OsStr::from_bytes(header).to_owned());
            }
            _ => return None,
        }
        Some(())
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
