//! Walks an argument list once and gives every word its place in the table.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::plan::Family;
use crate::table::{self, Shape, Spec};

/// One option with its value, or one input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    /// The arguments it consists of: one, or two when the value stands apart.
    pub(crate) arguments: &'a [OsString],
    pub(crate) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Listed {
        spec: &'static Spec,
        value: &'a OsStr,
    },
    Unlisted,
    Input,
}

/// The compiler will refuse this command line in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

impl<'a> Word<'a> {
    /// As the user wrote it, for messages.
    pub(crate) fn shown(&self) -> String {
        let words: Vec<_> = self
            .arguments
            .iter()
            .map(|argument| argument.to_string_lossy())
            .collect();
        words.join(" ")
    }

    /// Whether it asks for a dependency file, or says what is in it.
    pub(crate) fn is_about_dependencies(&self) -> bool {
        matches!(self.kind, Kind::Listed { spec, .. }
            if spec.spelling.starts_with("-M") || spec.spelling.ends_with("-dependencies"))
    }
}

/// Sorts `arguments` into options, their values, and inputs.
pub(crate) fn read(arguments: &[OsString], family: Family) -> Result<Vec<Word<'_>>, Unreadable> {
    let mut words = Vec::with_capacity(arguments.len());
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let bytes = argument.as_bytes();
        let mut count = 1;
        let kind = match bytes {
            b"" => return Err(Unreadable("an empty argument".to_owned())),
            [b'@', ..] => return Err(Unreadable(argument.to_string_lossy().into_owned())),
            b"-" => Kind::Input,
            [b'-', ..] => match table::find(bytes, family) {
                None => Kind::Unlisted,
                Some(spec) => {
                    let rest = &bytes[spec.spelling.len()..];
                    let apart = match spec.shape {
                        Shape::Exact | Shape::Joined => false,
                        Shape::Separate => true,
                        Shape::Either | Shape::Equals => rest.is_empty(),
                    };
                    let value = if apart {
                        count = 2;
                        let next = arguments.get(at + 1);
                        next.ok_or_else(|| {
                            Unreadable(format!("{} without a value", argument.to_string_lossy()))
                        })?
                    } else if spec.shape == Shape::Equals {
                        OsStr::from_bytes(&rest[1..])
                    } else {
                        OsStr::from_bytes(rest)
                    };
                    Kind::Listed { spec, value }
                }
            },
            _ => Kind::Input,
        };
        words.push(Word {
            arguments: &arguments[at..at + count],
            kind,
        });
        at += count;
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(arguments: &[&str], family: Family) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let words = read(&arguments, family).unwrap();
        words
            .iter()
            .filter(|word| matches!(word.kind, Kind::Input))
            .map(Word::shown)
            .collect()
    }

    #[test]
    fn values_are_not_taken_for_inputs() {
        let line = [
            "-I",
            "i",
            "-Xlinker",
            "v",
            "-Xassembler",
            "w",
            "-Xpreprocessor",
            "x",
            "-T",
            "s",
            "-u",
            "y",
            "-z",
            "now",
            "-e",
            "m",
            "-A",
            "p",
            "--param",
            "a=1",
            "--param=b=2",
            "--sysroot",
            "/s",
            "--sysroot=/t",
            "-aux-info",
            "f",
            "-dumpbase",
            "b",
            "-dumpdir",
            "d",
            "-isystemx",
            "-isystem",
            "q",
            "a.c",
        ];
        assert_eq!(inputs(&line, Family::Gcc), ["a.c"]);
        assert_eq!(
            inputs(
                &[
                    "-mllvm", "x", "-Xclang", "y", "-arch", "z", "-MJ", "f", "a.c"
                ],
                Family::Clang
            ),
            ["a.c"]
        );
        assert_eq!(inputs(&["-O2", "-", "-Wall"], Family::Gcc), ["-"]);
    }

    #[test]
    fn an_option_without_its_value_is_the_compilers_to_refuse() {
        for last in ["-MF", "-MT", "-MQ", "-o", "-I", "-x", "-include", "--param"] {
            let line = ["-c".into(), "a.c".into(), last.into()];
            assert_eq!(
                read(&line, Family::Gcc).unwrap_err(),
                Unreadable(format!("{last} without a value"))
            );
        }
        assert!(read(&["".into()], Family::Gcc).is_err());
        assert!(read(&["@gone".into()], Family::Gcc).is_err());
    }
}
