//! Ask a compiler about itself: run it with a deadline and keep what it says.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::busy::{again_while_busy, tells_of_it};
use crate::expendable::unprotect;

/// A compiler that takes longer than this to say its name is not one that can be packed.
const PATIENCE: Duration = Duration::from_secs(20);

/// More than any driver prints with `-v`.
const LONGEST_ANSWER: u64 = 4 << 20;

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `program` with `args` and `input`, untranslated, and never through one of our own wrappers.
///
/// The output goes to files in memory: a pipe that nobody empties would stop a talkative program.
/// `search` is the PATH in which it finds its own tools; `None` for that of this process.
pub(crate) fn ask<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    input: &str,
    search: Option<&OsStr>,
) -> io::Result<Said> {
    let is_busy = |error: &io::Error| error.kind() == io::ErrorKind::ExecutableFileBusy;
    again_while_busy(
        || ask_once(program, args, input, search),
        |said| match said {
            Ok(said) => !said.success && tells_of_it(&said.stderr),
            Err(error) => is_busy(error),
        },
    )
}

fn ask_once<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    input: &str,
    search: Option<&OsStr>,
) -> io::Result<Said> {
    let mut stdin = scratch("stdin")?;
    stdin.write_all(input.as_bytes())?;
    stdin.seek(SeekFrom::Start(0))?;
    let (stdout, stderr) = (scratch("stdout")?, scratch("stderr")?);
    let mut command = Command::new(program);
    if let Some(search) = search {
        command.env("PATH", search);
    }
    let mut child = command
        .args(args)
        .env("LC_ALL", "C")
        .env(job::variable::ICECC, "disable")
        .env("CCACHE_DISABLE", "1")
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout.try_clone()?))
        .stderr(Stdio::from(stderr.try_clone()?))
        .process_group(0)
        .spawn()?;
    unprotect(child.id());
    let success = wait(&mut child)?;
    Ok(Said {
        success,
        stdout: text(stdout)?,
        stderr: text(stderr)?,
    })
}

fn scratch(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

fn text(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST_ANSWER).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for the end of `child`; at the deadline ends it and all that it started.
fn wait(child: &mut Child) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    let pid = Pid::from_child(child);
    let handle = pidfd_open(pid, PidfdFlags::empty());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Gone already is as good as killed.
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = child.wait();
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", PATIENCE.as_secs()),
            ));
        }
        match &handle {
            Ok(handle) => {
                let limit = Timespec {
                    tv_sec: left.as_secs() as i64,
                    tv_nsec: left.subsec_nanos().into(),
                };
                match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&limit)) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            // A kernel without pidfds (before 5.3).
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
