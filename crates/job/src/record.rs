//! What is kept of a job after it ended: one record, written at the end by the process that
//! decided, appended to the user's job log, read by `floe explain`.
//!
//! Protobuf, so that a newer program's log stays readable by an older one and file names keep
//! their bytes. A log is a sequence of records, each behind its length as a varint.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::Reason;

/// A stretch of a job's life. Phases of one job may overlap (placement and preprocessing do).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Phase {
    /// Packing the compiler, or waiting for another job that packs it.
    Toolchain = 0,
    /// Waiting for a local slot or for the scheduler's choice of a host.
    Queue = 1,
    /// Connecting to the executor.
    Connect = 2,
    /// Sending the toolchain and waiting for its verification.
    Install = 3,
    /// Running the preprocessor and sending what it prints.
    Prepare = 4,
    /// From the last byte sent to the executor's answer.
    Wait = 5,
    /// Receiving the outputs.
    Receive = 6,
    /// Writing and renaming the outputs.
    Write = 7,
    /// Running the compiler's front end here for the warnings of a remote compile, which lack
    /// source lines. Their object is the remote one all the same.
    Warnings = 8,
}

impl Phase {
    pub const ALL: &[Self] = &[
        Self::Toolchain,
        Self::Queue,
        Self::Connect,
        Self::Install,
        Self::Prepare,
        Self::Wait,
        Self::Receive,
        Self::Warnings,
        Self::Write,
    ];

    /// The name used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toolchain => "toolchain",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Install => "install",
            Self::Prepare => "prepare",
            Self::Wait => "wait",
            Self::Receive => "receive",
            Self::Write => "write",
            Self::Warnings => "warnings",
        }
    }
}

/// Where the result that the build got was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Compiled {
    /// On this host, by the wrapper that became the compiler.
    Here = 0,
    /// On another host.
    Remote = 1,
    /// Nowhere: the build was interrupted.
    Nowhere = 2,
}

/// What the executor was sent of a job's input, and how that came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Input {
    /// It was compiled here, or nowhere.
    Nothing = 0,
    /// Preprocessed text.
    Text = 1,
    /// Files, the same as the last time: none of them has changed.
    Recorded = 2,
    /// Files, found by evaluating directives.
    Evaluated = 3,
    /// Files, the same as the last time: some have changed, but no directive in them.
    SameDirectives = 4,
}

impl Input {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text => "text",
            Self::Recorded => "recorded",
            Self::Evaluated => "evaluated",
            Self::SameDirectives => "same-directives",
        }
    }
}

/// How long one phase took.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PhaseTime {
    #[prost(enumeration = "Phase", tag = "1")]
    pub phase: i32,
    /// From the job's arrival at the agent to the start of the phase.
    #[prost(uint64, tag = "2")]
    pub start_us: u64,
    #[prost(uint64, tag = "3")]
    pub duration_us: u64,
}

/// One try on another host that gave no result.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FailedTry {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(enumeration = "Reason", tag = "2")]
    pub reason: i32,
    /// The error's own text: the thing, the cause, the next step.
    #[prost(string, tag = "3")]
    pub detail: String,
}

/// Everything that is kept of one job.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct JobRecord {
    /// Wall clock at arrival, milliseconds since 1970. For display only.
    #[prost(uint64, tag = "1")]
    pub started_unix_ms: u64,
    /// The working directory's bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub directory: Vec<u8>,
    /// The source's bytes as given on the command line; empty when there is none.
    #[prost(bytes = "vec", tag = "3")]
    pub source: Vec<u8>,
    /// The output's bytes as given or derived; empty when there is none.
    #[prost(bytes = "vec", tag = "4")]
    pub output: Vec<u8>,
    /// The compiler's path or name.
    #[prost(bytes = "vec", tag = "5")]
    pub compiler: Vec<u8>,
    #[prost(enumeration = "Compiled", tag = "6")]
    pub compiled: i32,
    #[prost(enumeration = "Reason", tag = "7")]
    pub reason: i32,
    /// More about the reason: the option, the file, the error. May be empty.
    #[prost(string, tag = "8")]
    pub detail: String,
    /// The executor's address, and its name when known. Empty for local jobs.
    #[prost(string, tag = "9")]
    pub executor: String,
    /// The scheduler's job number; 0 when there was none.
    #[prost(uint32, tag = "10")]
    pub job_id: u32,
    #[prost(message, repeated, tag = "11")]
    pub phases: Vec<PhaseTime>,
    #[prost(message, repeated, tag = "12")]
    pub failed_tries: Vec<FailedTry>,
    /// From arrival to the end, or to the moment when the wrapper became the compiler.
    #[prost(uint64, tag = "13")]
    pub total_us: u64,
    /// Bytes of source text before compression.
    #[prost(uint64, tag = "14")]
    pub sent_bytes: u64,
    /// Bytes of outputs before compression.
    #[prost(uint64, tag = "15")]
    pub received_bytes: u64,
    /// The exit code relayed to the build; absent when the wrapper became the compiler.
    #[prost(int32, optional, tag = "16")]
    pub exit_code: Option<i32>,
    /// The toolchain's name, when one was used.
    #[prost(string, tag = "17")]
    pub toolchain: String,
    /// The arguments after the compiler, so that the compile can be repeated; left out beyond
    /// [`JobRecord::MAX_ARGUMENTS`] bytes.
    #[prost(bytes = "vec", repeated, tag = "18")]
    pub arguments: Vec<Vec<u8>>,
    #[prost(enumeration = "Input", tag = "19")]
    pub input: i32,
    /// How many files the compiler was to read.
    #[prost(uint32, tag = "20")]
    pub files: u32,
    /// Why its input was text, where files were wanted.
    #[prost(string, tag = "21")]
    pub why_text: String,
    /// It is not repeatable: a file names the time.
    #[prost(bool, tag = "22")]
    pub names_time: bool,
}

impl JobRecord {
    /// The most bytes of arguments that a record keeps.
    pub const MAX_ARGUMENTS: usize = 16 << 10;

    /// The word of a command line that looks like the source, for a job that no plan was made of:
    /// the last one with a source's extension.
    pub fn source_word(arguments: &[OsString]) -> Option<&Path> {
        const EXTENSIONS: &[&str] = &[
            "c", "i", "cc", "cpp", "cxx", "cp", "c++", "C", "ii", "m", "mi", "mm", "mii", "M", "s",
            "S",
        ];
        let named = |word: &&Path| {
            !word.as_os_str().as_encoded_bytes().starts_with(b"-")
                && word
                    .extension()
                    .is_some_and(|given| EXTENSIONS.iter().any(|known| given == *known))
        };
        arguments.iter().rev().map(Path::new).find(named)
    }

    /// What such a command line makes: what `-o` names, else the object of its source in the working
    /// directory.
    pub fn output_word(arguments: &[OsString]) -> Option<PathBuf> {
        let mut words = arguments.iter();
        let mut named = None;
        while let Some(word) = words.next() {
            match word.as_encoded_bytes().strip_prefix(b"-o") {
                Some(b"") => named = words.next().map(PathBuf::from),
                Some(joined) => named = Some(OsStr::from_bytes(joined).into()),
                None => {}
            }
        }
        let object = || {
            let source = Self::source_word(arguments)?;
            let compiles = arguments.iter().any(|word| word == "-c");
            compiles.then(|| Path::new(source.file_name().unwrap_or_default()).with_extension("o"))
        };
        named.or_else(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_makes_is_found_without_a_plan() {
        let made = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            JobRecord::output_word(&words).map(|path| path.display().to_string())
        };
        assert_eq!(made("-c a.c -o 1.o").as_deref(), Some("1.o"));
        assert_eq!(made("-oout/1.o -c a.c").as_deref(), Some("out/1.o"));
        assert_eq!(made("-c src/part.cc").as_deref(), Some("part.o"));
        assert_eq!(made("a.c"), None);
    }
}
