//! Asking a compiler what it knows by itself.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use includes::Question;
use invocation::Language;

/// What decides about a compiler's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) program: PathBuf,
    pub(crate) language: Language,
    pub(crate) options: Vec<OsString>,
    /// Relative directories among the options are meant from here.
    pub(crate) directory: PathBuf,
    /// The compile's environment: some variables name directories.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// What it wrote.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Asked {
    /// Runs the compiler's preprocessor on [`includes::question`].
    pub(crate) fn ask(&self, questions: &[Question]) -> io::Result<Said> {
        let mut child = Command::new(&self.program)
            .args(&self.options)
            .args(["-E", "-v", "-dD", "-w", "-x", name(self.language), "-"])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Smaller than a pipe, and read before anything is written.
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&includes::question(questions))?;
        }
        let output = child.wait_with_output()?;
        Ok(Said {
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }
}

fn name(language: Language) -> &'static str {
    match language {
        Language::C => "c",
        Language::Cxx => "c++",
        Language::ObjectiveC => "objective-c",
        Language::ObjectiveCxx => "objective-c++",
    }
}
