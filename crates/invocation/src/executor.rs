//! The command line that an executor runs for a job.

use std::ffi::{OsStr, OsString};

use crate::plan::{Family, Language};

/// What the submitter sent, and what the executor adds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    pub family: Family,
    pub language: Language,
    /// The arguments as sent: `-c` or `-S` is among them.
    pub arguments: &'a [OsString],
    /// The source's name as the submitter gave it; may be empty.
    pub source: &'a OsStr,
    /// The submitter's working directory; may be empty.
    pub directory: &'a OsStr,
    /// Where the compiler writes its output.
    pub output: &'a OsStr,
    /// gcc's `ggc-min-expand` and `ggc-min-heapsize`. They go into the producer string of debug
    /// information, so leave them out where memory allows.
    pub garbage_collection: Option<(u32, u32)>,
    /// For split DWARF: the directory that stands for the submitter's root.
    pub dwarf_root: Option<&'a OsStr>,
}

impl Family {
    /// The program in the toolchain, below its root.
    pub fn program(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Clang, _) => "/usr/bin/clang",
            (Self::Gcc, Language::Cxx) => "/usr/bin/g++",
            (Self::Gcc, _) => "/usr/bin/gcc",
        }
    }
}

impl Language {
    /// The name for `-x`.
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cxx => "c++",
            Self::ObjectiveC => "objective-c",
            Self::ObjectiveCxx => "objective-c++",
        }
    }
}

/// The arguments after the program; the source comes from standard input.
pub fn executor_arguments(execution: &Execution<'_>) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["-x".into(), execution.language.name().into()];
    let clang = execution.family == Family::Clang;
    if clang {
        for (option, value) in [
            ("-main-file-name", execution.source),
            ("-fdebug-compilation-dir", execution.directory),
        ] {
            if !value.is_empty() {
                line.extend([
                    "-Xclang".into(),
                    option.into(),
                    "-Xclang".into(),
                    value.to_owned(),
                ]);
            }
        }
    }
    line.extend_from_slice(execution.arguments);
    if !clang {
        line.push("-fpreprocessed".into());
    }
    line.extend(["-".into(), "-o".into(), execution.output.to_owned()]);
    if clang {
        line.push("-no-canonical-prefixes".into());
        return line;
    }
    if let Some((expand, heapsize)) = execution.garbage_collection {
        for limit in [
            format!("ggc-min-expand={expand}"),
            format!("ggc-min-heapsize={heapsize}"),
        ] {
            line.extend(["--param".into(), limit.into()]);
        }
    }
    if let Some(root) = execution.dwarf_root {
        let mut map = OsString::from("-fdebug-prefix-map=");
        map.push(root);
        map.push("/=/");
        line.push(map);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(execution: &Execution<'_>) -> String {
        executor_arguments(execution)
            .join(OsStr::new(" "))
            .into_string()
            .unwrap()
    }

    #[test]
    fn gcc_reads_preprocessed_text() {
        let arguments = ["-O2".into(), "-c".into(), "-fdirectives-only".into()];
        let mut execution = Execution {
            family: Family::Gcc,
            language: Language::C,
            arguments: &arguments,
            source: OsStr::new("a.c"),
            directory: OsStr::new("/w"),
            output: OsStr::new("/tmp/o"),
            garbage_collection: None,
            dwarf_root: None,
        };
        assert_eq!(
            shown(&execution),
            "-x c -O2 -c -fdirectives-only -fpreprocessed - -o /tmp/o"
        );
        execution.garbage_collection = Some((100, 131_072));
        execution.dwarf_root = Some(OsStr::new("/tmp/r"));
        assert_eq!(
            shown(&execution),
            "-x c -O2 -c -fdirectives-only -fpreprocessed - -o /tmp/o --param ggc-min-expand=100 \
             --param ggc-min-heapsize=131072 -fdebug-prefix-map=/tmp/r/=/"
        );
    }

    #[test]
    fn clang_is_told_names_that_text_lacks() {
        let arguments = ["-c".into()];
        let mut execution = Execution {
            family: Family::Clang,
            language: Language::Cxx,
            arguments: &arguments,
            source: OsStr::new("a.cc"),
            directory: OsStr::new("/w"),
            output: OsStr::new("o"),
            garbage_collection: Some((30, 4096)),
            dwarf_root: Some(OsStr::new("/tmp/r")),
        };
        assert_eq!(
            shown(&execution),
            "-x c++ -Xclang -main-file-name -Xclang a.cc -Xclang -fdebug-compilation-dir -Xclang /w -c - -o o -no-canonical-prefixes"
        );
        execution.source = OsStr::new("");
        execution.directory = OsStr::new("");
        assert_eq!(shown(&execution), "-x c++ -c - -o o -no-canonical-prefixes");
        assert_eq!(Family::Gcc.program(Language::Cxx), "/usr/bin/g++");
    }
}
