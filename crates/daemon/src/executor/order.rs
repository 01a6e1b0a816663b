//! A peer's request, made safe to turn into an argument list and into paths.

use std::ffi::CString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use icecream::CompileFile;
use thiserror::Error;
use wire::message::{Compile, Family, InputKind, JobInputs, OutputKind};
use wire::name::Argument;
use wire::view::VARIABLES;

use crate::memory::Likeness;

/// Longer names of compilers are a mistake or an attack.
const MAX_COMPILER_NAME: usize = 64;

/// What a request may not contain. Always the peer's fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadOrder {
    #[error("language not supported: number {0} is none of C, C++, Objective-C and Objective-C++")]
    Language(u32),
    #[error("{0:?} is not a compiler's name")]
    Compiler(String),
    #[error("a NUL byte in {0}")]
    Nul(&'static str),
    #[error(
        "split debug information needs an absolute working directory and an output file; the client sent {directory:?} and {output:?}"
    )]
    SplitDwarf { directory: PathBuf, output: PathBuf },
    /// The same job may be sent as text.
    #[error("files are no input for this job: {0}")]
    Files(&'static str),
    #[error("variable {0:?} is none that may be given to a compiler")]
    Variable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Language {
    C,
    Cxx,
    ObjectiveC,
    ObjectiveCxx,
}

impl Language {
    pub(super) fn argument(self) -> CString {
        match self {
            Self::C => c"c",
            Self::Cxx => c"c++",
            Self::ObjectiveC => c"objective-c",
            Self::ObjectiveCxx => c"objective-c++",
        }
        .into()
    }
}

/// A compile that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// A plain file name, to be found in the toolchain's /usr/bin.
    pub(super) compiler: String,
    pub(super) language: Language,
    pub(super) flags: Vec<CString>,
    /// For display and debug information; never opened, unless the input is files.
    pub(super) input_file: CString,
    /// The same, but for split debug information.
    pub(super) working_dir: CString,
    pub(super) split: Option<Split>,
    /// The compiler reads files where they are; else text from its standard input.
    pub(super) files: Option<Files>,
}

/// What is said of a job that reads files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// The object is wanted.
    pub(super) object: bool,
    /// Debug information is split off.
    pub(super) split: bool,
    /// The rules for make are wanted.
    pub(super) dependencies: bool,
    /// `NAME=value`.
    pub(super) environment: Vec<CString>,
    /// Errors are said to a terminal.
    pub(super) terminal: bool,
}

/// Where the client's build runs and writes, so that names in debug information fit. Both are
/// absolute and have no `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) directory: PathBuf,
    pub(super) output: PathBuf,
}

impl TryFrom<CompileFile> for Order {
    type Error = BadOrder;

    fn try_from(message: CompileFile) -> Result<Self, BadOrder> {
        let language = match message.lang {
            0 => Language::C,
            1 => Language::Cxx,
            2 => Language::ObjectiveC,
            3 => Language::ObjectiveCxx,
            other => return Err(BadOrder::Language(other)),
        };
        if !is_plain_name(&message.compiler_name) {
            return Err(BadOrder::Compiler(message.compiler_name));
        }
        let split = message
            .dwarf_fission
            .then(|| Split::new(&message.working_dir, &message.output_file))
            .transpose()?;
        Ok(Self {
            compiler: message.compiler_name,
            language,
            flags: message
                .flags
                .into_iter()
                .map(|flag| c_string(flag, "a flag"))
                .collect::<Result<_, _>>()?,
            input_file: c_string(message.input_file, "the input file's name")?,
            working_dir: c_string(message.working_dir, "the working directory")?,
            split,
            files: None,
        })
    }
}

impl TryFrom<&Compile> for Order {
    type Error = BadOrder;

    fn try_from(message: &Compile) -> Result<Self, BadOrder> {
        let language = match message.language {
            wire::message::Language::C => Language::C,
            wire::message::Language::Cxx => Language::Cxx,
            wire::message::Language::ObjectiveC => Language::ObjectiveC,
            wire::message::Language::ObjectiveCxx => Language::ObjectiveCxx,
        };
        // The names that toolchains are packed with; clang goes by `-x`.
        let compiler = match (message.family, language) {
            (Family::Clang, _) => "clang",
            (Family::Gcc, Language::Cxx | Language::ObjectiveCxx) => "g++",
            (Family::Gcc, _) => "gcc",
        };
        let (directory, output) = (message.directory.as_bytes(), message.output.as_bytes());
        let split = message.wanted.contains(&OutputKind::SplitDwarf);
        let flag = |flag: &Argument| c_string(flag.as_bytes().to_vec(), "a flag");
        Ok(Self {
            compiler: compiler.to_owned(),
            language,
            flags: message
                .arguments
                .iter()
                .map(flag)
                .collect::<Result<_, _>>()?,
            input_file: c_string(message.source.as_bytes().to_vec(), "the input file's name")?,
            working_dir: c_string(directory.to_vec(), "the working directory")?,
            split: (split && message.inputs.is_none())
                .then(|| Split::new(directory, output))
                .transpose()?,
            files: match (message.input, &message.inputs) {
                (InputKind::Text, None) => None,
                (InputKind::Files, Some(inputs)) => Some(Files::new(message, inputs)?),
                (InputKind::Text, Some(_)) => return Err(BadOrder::Files("it is text")),
                (InputKind::Files, None) => return Err(BadOrder::Files("none are named")),
            },
        })
    }
}

impl Order {
    /// By what the memory of this compile is remembered. Whoever makes two of them alike has a
    /// compile guessed wrong.
    pub fn likeness(&self) -> Likeness {
        /// What a usual file of the language takes with gcc 12 and clang 14.
        const C: u64 = 128 << 20;
        const CXX: u64 = 512 << 20;
        let mut kind = DefaultHasher::new();
        (&self.compiler, self.language, &self.flags).hash(&mut kind);
        let mut job = kind.clone();
        (&self.working_dir, &self.input_file).hash(&mut job);
        Likeness {
            job: job.finish(),
            kind: kind.finish(),
            guess: match self.language {
                Language::C | Language::ObjectiveC => C,
                Language::Cxx | Language::ObjectiveCxx => CXX,
            },
        }
    }

    /// clang takes other options where gcc finds the facts in the preprocessed text.
    pub(super) fn is_clang(&self) -> bool {
        self.compiler.contains("clang")
    }
}

impl Files {
    fn new(message: &Compile, inputs: &JobInputs) -> Result<Self, BadOrder> {
        let bad = |why| Err(BadOrder::Files(why));
        // The compiler would take it for an option, or for a file of options.
        match message.source.as_bytes().first() {
            None => return bad("the source has no name"),
            Some(b'-' | b'@') => return bad("the source's name reads as an option"),
            Some(_) => {}
        }
        if !message.directory.as_bytes().starts_with(b"/") {
            return bad("its directory is not absolute");
        }
        Ok(Self {
            object: message.wanted.contains(&OutputKind::Object),
            split: message.wanted.contains(&OutputKind::SplitDwarf),
            dependencies: message.wanted.contains(&OutputKind::Dependencies),
            environment: inputs
                .environment
                .iter()
                .map(|variable| allowed(variable.as_bytes()))
                .collect::<Result<_, _>>()?,
            terminal: inputs.terminal,
        })
    }
}

fn allowed(variable: &[u8]) -> Result<CString, BadOrder> {
    let name = variable.split(|byte| *byte == b'=').next();
    let is_known = |name: &[u8]| VARIABLES.iter().any(|known| known.as_bytes() == name);
    let name = name.filter(|name| name.len() < variable.len() && is_known(name));
    match name {
        Some(_) => c_string(variable.to_vec(), "a variable"),
        None => Err(BadOrder::Variable(
            String::from_utf8_lossy(variable).chars().take(80).collect(),
        )),
    }
}

impl Split {
    fn new(directory: &[u8], output: &[u8]) -> Result<Self, BadOrder> {
        let given = |bytes| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        let (directory, output) = (given(directory), given(output));
        let bad = || BadOrder::SplitDwarf {
            directory: directory.clone(),
            output: output.clone(),
        };
        if !directory.is_absolute()
            || directory.as_os_str().as_bytes().contains(&0)
            || output.as_os_str().as_bytes().contains(&0)
        {
            return Err(bad());
        }
        let from = normal(&directory);
        let to = normal(&directory.join(&output));
        // A name that ends in a slash or in `..` is no file's.
        let is_file =
            output.file_name().is_some() && !output.as_os_str().as_bytes().ends_with(b"/");
        if is_file && to.file_name().is_some() {
            Ok(Self {
                directory: from,
                output: to,
            })
        } else {
            Err(bad())
        }
    }

    /// How the compiler is told where to write: seen from its directory, as a build would say it.
    pub(super) fn relative_output(&self) -> PathBuf {
        let mut here = self.directory.components().peekable();
        let mut there = self.output.components().peekable();
        while here.peek().is_some() && here.peek() == there.peek() {
            here.next();
            there.next();
        }
        here.map(|_| Component::ParentDir).chain(there).collect()
    }
}

/// Resolves `.` and `..` by text alone; the root is its own parent.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

fn is_plain_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    (1..=MAX_COMPILER_NAME).contains(&name.len())
        && name.bytes().all(allowed)
        && name.as_bytes()[0].is_ascii_alphanumeric()
}

fn c_string(bytes: Vec<u8>, what: &'static str) -> Result<CString, BadOrder> {
    CString::new(bytes).map_err(|_| BadOrder::Nul(what))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn message() -> CompileFile {
        CompileFile {
            lang: 0,
            job_id: 7,
            flags: vec![b"-O2".to_vec(), b"-c".to_vec()],
            env_version: "abc".into(),
            target_platform: "x86_64".into(),
            compiler_name: "gcc".into(),
            input_file: b"src/a.c".to_vec(),
            working_dir: b"/build".to_vec(),
            output_file: b"obj/a.o".to_vec(),
            dwarf_fission: false,
        }
    }

    #[test]
    fn compilers_are_plain_names() {
        for name in [
            "gcc",
            "g++",
            "clang",
            "clang++",
            "gcc-12",
            "x86_64-w64-mingw32-gcc",
        ] {
            assert!(
                Order::try_from(CompileFile {
                    compiler_name: name.into(),
                    ..message()
                })
                .is_ok(),
                "{name}"
            );
        }
        let long = "g".repeat(65);
        for name in [
            "",
            ".",
            "..",
            "../gcc",
            "/bin/sh",
            "-gcc",
            "g cc",
            "gcc\0",
            "gc\u{e9}",
            long.as_str(),
        ] {
            let order = Order::try_from(CompileFile {
                compiler_name: name.into(),
                ..message()
            });
            assert_eq!(order, Err(BadOrder::Compiler(name.to_owned())));
        }
    }

    #[test]
    fn compiles_are_alike_by_what_they_read_and_how() {
        let like = |change: fn(&mut CompileFile)| {
            let mut file = message();
            change(&mut file);
            Order::try_from(file).unwrap().likeness()
        };
        let first = like(|_| {});
        assert_eq!(first, like(|file| file.job_id = 99));
        let other = like(|file| file.input_file = b"src/b.c".to_vec());
        assert_eq!((first.kind, first.guess), (other.kind, other.guess));
        assert_ne!(first.job, other.job);
        let slower = like(|file| file.flags.push(b"-O3".to_vec()));
        assert!(slower.kind != first.kind && slower.job != first.job);
        assert!(like(|file| file.lang = 1).guess > first.guess);
    }

    #[test]
    fn only_variables_of_the_table_are_given_to_compilers() {
        for good in ["CPATH=/a:/b", "LC_ALL=", "TZ=:Europe/Berlin=x"] {
            let variable = allowed(good.as_bytes()).unwrap();
            assert_eq!(variable.to_str().unwrap(), good);
        }
        for bad in [
            "DEPENDENCIES_OUTPUT=/x",
            "LD_PRELOAD=/x",
            "CPATH",
            "CPATH ",
            "=",
            "",
            "cpath=/x",
        ] {
            assert!(allowed(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(allowed(b"TZ=a\0b").is_err());
    }

    #[test]
    fn languages_beyond_four_and_nul_bytes_are_refused() {
        assert_eq!(
            Order::try_from(CompileFile {
                lang: 4,
                ..message()
            }),
            Err(BadOrder::Language(4))
        );
        let flags = vec![b"-DA=\0".to_vec()];
        assert_eq!(
            Order::try_from(CompileFile { flags, ..message() }),
            Err(BadOrder::Nul("a flag"))
        );
        let input_file = b"a\0.c".to_vec();
        assert!(
            Order::try_from(CompileFile {
                input_file,
                ..message()
            })
            .is_err()
        );
    }

    fn split(directory: &str, output: &str) -> Result<(String, String, String), BadOrder> {
        let message = CompileFile {
            dwarf_fission: true,
            working_dir: directory.into(),
            output_file: output.into(),
            ..message()
        };
        let split = Order::try_from(message)?.split.unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Ok((
            text(&split.directory),
            text(&split.output),
            text(&split.relative_output()),
        ))
    }

    #[test]
    fn split_output_stays_below_the_root() {
        let three = |a: &str, b: &str, c: &str| Ok((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(split("/build", "a.o"), three("/build", "/build/a.o", "a.o"));
        assert_eq!(
            split("/build/x", "../obj/a.o"),
            three("/build/x", "/build/obj/a.o", "../obj/a.o")
        );
        assert_eq!(
            split("/build/./x", "/other/a.o"),
            three("/build/x", "/other/a.o", "../../other/a.o")
        );
        assert_eq!(
            split("/", "../../../etc/a.o"),
            three("/", "/etc/a.o", "etc/a.o")
        );
        assert_eq!(split("/../..", "a.o"), three("/", "/a.o", "a.o"));
    }

    #[test]
    fn split_output_needs_a_place() {
        for (directory, output) in [
            ("build", "a.o"),
            ("", "a.o"),
            ("/build", ""),
            ("/build", "a/.."),
            ("/build", "a/"),
            ("/b\0", "a.o"),
        ] {
            assert!(
                matches!(split(directory, output), Err(BadOrder::SplitDwarf { .. })),
                "{directory} {output}"
            );
        }
    }
}
