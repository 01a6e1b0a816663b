//! One invocation, from the question to the exit.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use job::{Compiled, JobRecord, Reason, variable};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::ask::{Verdict, ask};
use crate::mode::Wrapped;
use crate::say::say;
use crate::{code, guard};

/// A wrapped program, found.
pub(crate) struct Invocation {
    pub(crate) wrapped: Wrapped,
    /// With a slash.
    pub(crate) program: PathBuf,
    /// This wrapper's own depth.
    pub(crate) depth: u32,
}

pub(crate) fn run(invocation: &Invocation) -> ExitCode {
    if disabled() || invocation.depth >= guard::INSIDE {
        return become_compiler(invocation);
    }
    match ask(invocation) {
        Verdict::Finished(finished) => {
            print(rustix::stdio::stdout(), &finished.stdout);
            print(rustix::stdio::stderr(), &finished.stderr);
            ExitCode::from(finished.exit_code.to_le_bytes()[0])
        }
        Verdict::BecomeCompiler => become_compiler(invocation),
        Verdict::Unavailable(why) => {
            record(invocation, why);
            become_compiler(invocation)
        }
    }
}

fn disabled() -> bool {
    env::var_os(variable::ICECC).is_some_and(|value| value.eq_ignore_ascii_case("disable"))
}

/// Replaces this process by the program, with the user's own arguments. Returns only on failure.
fn become_compiler(invocation: &Invocation) -> ExitCode {
    let wrapped = &invocation.wrapped;
    let below = guard::below(invocation.depth, &wrapped.name, wrapped.never_distribute);
    let error = Command::new(&invocation.program)
        .args(&wrapped.arguments)
        .env(variable::SAFEGUARD, below.to_string())
        .exec();
    say(&format!("icecc: {}: {error}", invocation.program.display()));
    let missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    ExitCode::from(if missing {
        code::NO_SUCH_FILE
    } else {
        code::NOT_EXECUTABLE
    })
}

/// Writes all of `bytes`, also to a descriptor that somebody made non-blocking. A reader that
/// went away is no reason to fail a compile.
pub(crate) fn print(to: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut wait = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
                let _ = rustix::event::poll(&mut wait, None);
            }
            Err(_) => return,
        }
    }
}

/// Keeps a record of what no agent could record. A log is worth no build: errors are ignored.
fn record(invocation: &Invocation, why: String) {
    let Some(state) = handover::state_dir() else {
        return;
    };
    let wrapped = &invocation.wrapped;
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let bytes = |path: Option<&OsStr>| path.map(|path| path.as_bytes().to_vec());
    let record = JobRecord {
        started_unix_ms: since_epoch.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(0)),
        directory: bytes(env::current_dir().ok().as_ref().map(|dir| dir.as_os_str()))
            .unwrap_or_default(),
        source: bytes(JobRecord::source_word(&wrapped.arguments).map(Path::as_os_str))
            .unwrap_or_default(),
        output: bytes(
            JobRecord::output_word(&wrapped.arguments)
                .as_deref()
                .map(Path::as_os_str),
        )
        .unwrap_or_default(),
        compiler: invocation.program.as_os_str().as_bytes().to_vec(),
        compiled: Compiled::Here.into(),
        reason: Reason::AgentUnavailable.into(),
        detail: why,
        arguments: kept_arguments(&wrapped.arguments),
        ..JobRecord::default()
    };
    let _ = handover::log::append(&state, &[record]);
}

fn kept_arguments(arguments: &[OsString]) -> Vec<Vec<u8>> {
    let fits = arguments.iter().map(|word| word.len()).sum::<usize>() <= JobRecord::MAX_ARGUMENTS;
    let kept = if fits { arguments } else { &[] };
    kept.iter().map(|word| word.as_bytes().to_vec()).collect()
}
