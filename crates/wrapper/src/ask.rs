//! The conversation with the agent.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;

use handover::{Answer, Ask, FileId, Finished, FrameError, Reply, Request, Run, SILENCE, frame};
use rustix::fs::Mode;

use crate::run::Invocation;
use crate::say::say;

/// What the agent, or its absence, decided.
pub(crate) enum Verdict {
    Finished(Finished),
    BecomeCompiler,
    /// The agent could not be had; the text says why.
    Unavailable(String),
}

/// Asks the agent and waits. Never fails: no answer is an answer.
pub(crate) fn ask(invocation: &Invocation) -> Verdict {
    let Some(run) = describe(invocation) else {
        return Verdict::Unavailable("the working directory cannot be named".to_owned());
    };
    let stream = match handover::connect_or_start() {
        Ok(stream) => stream,
        Err(error) => return Verdict::Unavailable(error.to_string()),
    };
    converse(stream, run).unwrap_or_else(|error| Verdict::Unavailable(error.to_string()))
}

fn converse(mut stream: UnixStream, run: Run) -> Result<Verdict, FrameError> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    frame::write(
        &mut stream,
        &Request {
            ask: Some(Ask::Run(run)),
        },
    )?;
    loop {
        match frame::read::<Reply>(&mut stream)?.answer {
            Some(Answer::Working(working)) => {
                if !working.notice.is_empty() {
                    say(&format!("icecc: {}", working.notice));
                }
            }
            Some(Answer::Finished(finished)) => return Ok(Verdict::Finished(finished)),
            Some(Answer::BecomeCompiler(_)) => return Ok(Verdict::BecomeCompiler),
            // A newer agent's answer that we cannot read, or one to another question.
            Some(Answer::Status(_)) | None => {
                let what = "the agent's answer cannot be read; its release differs".to_owned();
                return Ok(Verdict::Unavailable(what));
            }
        }
    }
}

fn describe(invocation: &Invocation) -> Option<Run> {
    let wrapped = &invocation.wrapped;
    let bytes = |word: &OsString| word.as_bytes().to_vec();
    let environment = env::vars_os().map(|(name, value)| {
        let mut pair = name.into_vec();
        pair.push(b'=');
        pair.extend(value.into_vec());
        pair
    });
    Some(Run {
        program: invocation.program.as_os_str().as_bytes().to_vec(),
        called_as: bytes(&wrapped.name),
        arguments: wrapped.arguments.iter().map(bytes).collect(),
        environment: environment.collect(),
        directory: env::current_dir().ok()?.into_os_string().into_vec(),
        umask: umask(),
        stderr_is_terminal: rustix::termios::isatty(rustix::stdio::stderr()),
        never_distribute: wrapped.never_distribute,
        root: identify("/")?,
        here: identify(".")?,
        niceness: niceness(),
        columns: columns(),
    })
}

/// gcc asks the terminal at standard input how wide the one at standard error is.
fn columns() -> u32 {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdin());
    size.map_or(0, |size| size.ws_col.into())
}

fn identify(path: &str) -> Option<FileId> {
    let stat = rustix::fs::stat(path).ok()?;
    Some(FileId {
        device: stat.st_dev,
        inode: stat.st_ino,
    })
}

/// The mask can only be read by setting it; this process has one thread.
fn umask() -> u32 {
    let mask = rustix::process::umask(Mode::empty());
    rustix::process::umask(mask);
    mask.bits()
}

fn niceness() -> u32 {
    let nice = rustix::process::getpriority_process(None).unwrap_or(0);
    u32::try_from(nice).unwrap_or(0)
}
