//! What the wrapper is asked to be, by the name it was called and its first argument
//! (icecream-compatible; options count only as first argument and only under their own name).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::{code, own};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Help,
    Version(&'static str),
    BuildNative(Vec<OsString>),
    NothingToRun { program: &'static str, exit: u8 },
    Wrap(Wrapped),
}

/// A program to stand in for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrapped {
    /// As given, or the name of the link: with a slash it is a path, else PATH is searched.
    pub(crate) name: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// `icerun`: only ever here.
    pub(crate) never_distribute: bool,
}

pub(crate) fn decide(called: &OsStr, arguments: Vec<OsString>) -> Mode {
    let base = Path::new(called).file_name().unwrap_or(called);
    if base == "icecc" {
        return prefix("icecc", "ICECC", arguments, code::RECURSION);
    }
    if base == "icerun" {
        return prefix("icerun", "ICERUN", arguments, code::NOT_FOUND);
    }
    Mode::Wrap(Wrapped {
        name: base.to_owned(),
        arguments,
        never_distribute: own::links_through(called, "icerun"),
    })
}

fn prefix(
    program: &'static str,
    title: &'static str,
    mut arguments: Vec<OsString>,
    exit: u8,
) -> Mode {
    let first = arguments
        .first()
        .map(OsString::as_os_str)
        .unwrap_or_default();
    if first.is_empty() {
        return Mode::NothingToRun { program, exit };
    }
    if first == "--help" {
        return Mode::Help;
    }
    if first == "--version" {
        return Mode::Version(title);
    }
    let name = arguments.remove(0);
    if name == "--build-native" && program == "icecc" {
        return Mode::BuildNative(arguments);
    }
    Mode::Wrap(Wrapped {
        name,
        arguments,
        never_distribute: program == "icerun",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Mode {
        decide(
            OsStr::new(words[0]),
            words[1..].iter().map(OsString::from).collect(),
        )
    }

    fn wrap(name: &str, arguments: &[&str], never_distribute: bool) -> Mode {
        Mode::Wrap(Wrapped {
            name: name.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            never_distribute,
        })
    }

    #[test]
    fn the_name_and_the_first_word_decide() {
        assert_eq!(
            of(&["/usr/bin/icecc", "gcc", "-c", ""]),
            wrap("gcc", &["-c", ""], false)
        );
        assert_eq!(
            of(&["icerun", "make", "--version"]),
            wrap("make", &["--version"], true)
        );
        assert_eq!(
            of(&["no/such/dir/g++-12", "--help"]),
            wrap("g++-12", &["--help"], false)
        );
        assert_eq!(of(&["icecc", "--foo"]), wrap("--foo", &[], false));
        assert_eq!(
            of(&["icerun", "--build-native"]),
            wrap("--build-native", &[], true)
        );
        assert_eq!(of(&["icecc", "--version", "x"]), Mode::Version("ICECC"));
        assert_eq!(of(&["icerun", "--version"]), Mode::Version("ICERUN"));
        assert_eq!(of(&["icecc", "--help"]), Mode::Help);
        assert_eq!(
            of(&["icecc", "--build-native", "gcc"]),
            Mode::BuildNative(vec!["gcc".into()])
        );
    }

    #[test]
    fn nothing_to_run_keeps_the_known_codes() {
        for words in [&["icecc"][..], &["icecc", ""]] {
            assert_eq!(
                of(words),
                Mode::NothingToRun {
                    program: "icecc",
                    exit: 111
                }
            );
        }
        assert_eq!(
            of(&["icerun"]),
            Mode::NothingToRun {
                program: "icerun",
                exit: 115
            }
        );
    }
}
