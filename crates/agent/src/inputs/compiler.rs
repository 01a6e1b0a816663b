//! Asking a compiler what it knows by itself.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use includes::Question;
use invocation::Language;

/// Options behind which directories stand.
const DIRECTORIES: [&str; 4] = ["-I", "-iquote", "-isystem", "-idirafter"];
/// It takes some thirty milliseconds.
const LIMIT: Duration = Duration::from_secs(10);
/// Compilers say some 400 KB.
const MOST_SAID: u64 = 64 << 20;

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
    /// Whether some sanitizer is wanted, which has lists of its own.
    pub(super) fn sanitizes(&self) -> bool {
        let mut words = self.options.iter();
        words.any(|word| word.as_bytes().starts_with(b"-fsanitize"))
    }

    /// Where the options name directories to be searched, and whether a file is there instead.
    pub(super) fn named_directories(&self) -> Vec<(PathBuf, bool)> {
        let mut directories = Vec::new();
        let mut words = self.options.iter().map(|word| word.as_bytes());
        while let Some(word) = words.next() {
            let named = DIRECTORIES.iter().find_map(|option| {
                let rest = word.strip_prefix(option.as_bytes())?;
                Some(if rest.is_empty() {
                    words.clone().next()?
                } else {
                    rest
                })
            });
            let path = named.map(|named| self.directory.join(OsStr::from_bytes(named)));
            directories.extend(path.map(|path| {
                let is_file = path.is_file();
                (path, is_file)
            }));
        }
        directories
    }

    /// Runs the compiler's preprocessor on [`includes::question`].
    pub(crate) fn ask(&self, questions: &[Question]) -> io::Result<Said> {
        self.preprocess(&includes::question(questions), &["-v", "-dD"], None)
    }

    /// Runs it on this text, which is smaller than a pipe, with these options and SOURCE_DATE_EPOCH.
    pub(super) fn preprocess(
        &self,
        text: &[u8],
        options: &[&str],
        epoch: Option<String>,
    ) -> io::Result<Said> {
        let mut child = Command::new(&self.program)
            .args(&self.options)
            .args(options)
            .args(["-E", "-w", "-x", name(self.language), "-"])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .envs(epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)))
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Smaller than a pipe, and read before anything is written.
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text)?;
        }
        let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
        let said = (|| {
            let until = Instant::now() + LIMIT;
            let rest = || until.saturating_duration_since(Instant::now());
            let stdout = stdout.recv_timeout(rest()).ok()?;
            Some((stdout, stderr.recv_timeout(rest()).ok()?))
        })();
        // What it still does after it has said all is of no interest.
        let _gone = child.kill();
        let _reaped = child.wait();
        let late = || {
            let why = format!("it has not answered within {LIMIT:?}");
            io::Error::new(io::ErrorKind::TimedOut, why)
        };
        let (stdout, stderr) = said.ok_or_else(late)?;
        Ok(Said {
            stdout: stdout?,
            stderr: stderr?,
        })
    }
}

/// Reads a pipe to its end, on a thread of its own: something that the compiler started may keep it open for ever.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<io::Result<Vec<u8>>> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match pipe {
            Some(pipe) => pipe.take(MOST_SAID).read_to_end(&mut bytes),
            None => Ok(0),
        };
        let _nobody_waits = tell.send(read.map(|_| bytes));
    });
    told
}

fn name(language: Language) -> &'static str {
    match language {
        Language::C => "c",
        Language::Cxx => "c++",
        Language::ObjectiveC => "objective-c",
        Language::ObjectiveCxx => "objective-c++",
    }
}
