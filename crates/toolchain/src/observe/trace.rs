//! The tracer: starts the program behind a gate, seizes it, and follows it and all that it starts.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::fs::{MemfdFlags, memfd_create};

use super::machine::{self, Call, Stop};
use super::{Seen, Trial, memory};
use crate::expendable::unprotect;

/// A trial compile takes milliseconds; whatever takes this long is stuck.
const PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_COMPLAINT: u64 = 64 << 10;
/// More than any compiler opens for a trial.
const MOST_FILES: usize = 10_000;
const MOST_RUNS: usize = 1000;

/// Waits for a line and becomes the program: until then it can be seized. Its own files are not
/// recorded.
const GATE: &str = "read -r go; exec \"$0\" \"$@\"";

pub(super) fn run(trial: &Trial<'_>) -> io::Result<Seen> {
    let mut stderr = File::from(memfd_create("stderr", MemfdFlags::CLOEXEC)?);
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(GATE)
        .arg(trial.program)
        .args(trial.arguments);
    match trial.environment {
        Some(all) => {
            command
                .env_clear()
                .envs(all.iter().map(|(name, value)| (name, value)));
        }
        None => {
            command.env("LC_ALL", "C").env("CCACHE_DISABLE", "1");
        }
    }
    if let Some(search) = trial.search {
        command.env("PATH", search);
    }
    let mut child = command
        .env(job::variable::ICECC, "disable")
        .current_dir(trial.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::from(stderr.try_clone()?))
        .process_group(0)
        .spawn()?;
    unprotect(child.id());
    let mut tracer = Tracer::new(&child, trial);
    let ended = tracer
        .seize(&mut child)
        .and_then(|()| with_deadline(tracer.root, || tracer.follow()));
    // Nothing of it may stay, whatever happened.
    kill_group(tracer.root);
    let _ = child.kill();
    tracer.reap();
    let _ = child.try_wait();
    ended?;
    let mut seen = tracer.seen;
    stderr.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    stderr.take(LONGEST_COMPLAINT).read_to_end(&mut text)?;
    seen.stderr = String::from_utf8_lossy(&text).into_owned();
    Ok(seen)
}

/// Ends the program when it takes too long: its end is what `work` waits for.
fn with_deadline<T>(group: Pid, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (done, over) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let watchdog = scope.spawn(move || {
            let late = over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if late {
                kill_group(group);
            }
            late
        });
        let result = work();
        drop(done);
        if watchdog.join().unwrap_or(false) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the trial compile did not end",
            ));
        }
        result
    })
}

fn kill_group(group: Pid) {
    // Gone already is as good as killed.
    let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
}

/// A file that a call names.
#[derive(Debug)]
enum Named {
    /// To read or run it.
    Used(PathBuf),
    Looked(PathBuf),
}

struct Tracer<'a> {
    root: Pid,
    trial: &'a Trial<'a>,
    /// The gate has become the program.
    is_begun: bool,
    /// The file that a process has named in the call that it is in.
    named: HashMap<Pid, Named>,
    /// Processes that were seen and whose end was not.
    alive: HashSet<Pid>,
    seen: Seen,
}

impl<'a> Tracer<'a> {
    fn new(child: &Child, trial: &'a Trial<'a>) -> Self {
        // Process ids are positive ints.
        let root = Pid::from_raw(child.id() as i32);
        Self {
            root,
            trial,
            is_begun: false,
            named: HashMap::new(),
            alive: HashSet::new(),
            seen: Seen::default(),
        }
    }

    fn seize(&self, child: &mut Child) -> io::Result<()> {
        ptrace::seize(
            self.root,
            Options::PTRACE_O_TRACESYSGOOD
                | Options::PTRACE_O_TRACEFORK
                | Options::PTRACE_O_TRACEVFORK
                | Options::PTRACE_O_TRACECLONE
                | Options::PTRACE_O_TRACEEXEC
                | Options::PTRACE_O_EXITKILL,
        )?;
        // Stopped once, so that it can be told to stop at each call.
        ptrace::interrupt(self.root)?;
        match child.stdin.take() {
            Some(mut gate) => gate.write_all(b"go\n"),
            None => Err(io::Error::other("the gate has no input")),
        }
    }

    fn wait() -> nix::Result<WaitStatus> {
        // Only this thread's children: others have waiters of their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    }

    fn follow(&mut self) -> io::Result<()> {
        loop {
            let (pid, signal) = match Self::wait() {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.root => {
                    self.seen.success = code == 0;
                    // A server that a script left behind would keep us waiting.
                    return Ok(());
                }
                Ok(WaitStatus::Signaled(pid, ..)) if pid == self.root => return Ok(()),
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
                    self.named.remove(&pid);
                    self.alive.remove(&pid);
                    continue;
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => {
                    self.call(pid)?;
                    (pid, None)
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    if event == libc::PTRACE_EVENT_EXEC && self.begins(pid) {
                        return Ok(());
                    }
                    (pid, None)
                }
                Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
                Ok(_) => continue,
                Err(Errno::ECHILD) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.alive.insert(pid);
            match ptrace::syscall(pid, signal) {
                // Killed meanwhile: its end is reported next.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A process begins or ends a system call.
    fn call(&mut self, pid: Pid) -> io::Result<()> {
        if !self.is_begun && pid != self.root {
            return Ok(());
        }
        match or_gone(machine::stop(pid), Stop::Ends { success: false })? {
            Stop::Begins(call) => {
                // What cannot be read from its memory fails in the kernel, too.
                let read = |at, path| memory::path(pid, at, path).ok();
                let named = match call {
                    Call::Open { at, path, flags } if machine::only_reads(flags) => {
                        read(at, path).map(Named::Used)
                    }
                    Call::Execute { at, path } => read(at, path).map(Named::Used),
                    Call::Look { at, path } => read(at, path).map(Named::Looked),
                    Call::Open { .. } | Call::Other => None,
                };
                match named {
                    Some(named) => self.named.insert(pid, named),
                    None => self.named.remove(&pid),
                };
            }
            Stop::Ends { success } => {
                let named = self.named.remove(&pid);
                if !self.is_begun || self.seen.files.len() + self.seen.missed.len() >= MOST_FILES {
                    return Ok(());
                }
                match named {
                    Some(Named::Used(file)) if success => self.seen.files.insert(file),
                    Some(Named::Used(file) | Named::Looked(file)) if !success => {
                        self.seen.missed.insert(file)
                    }
                    _ => false,
                };
            }
        }
        Ok(())
    }

    /// A process has become another program. Whether that is the one to stop at.
    fn begins(&mut self, pid: Pid) -> bool {
        let Ok(started) = memory::started(pid) else {
            return false;
        };
        // It is seized as soon as its process exists, perhaps before it is the gate.
        if started.arguments.get(2).is_some_and(|word| word == GATE) {
            return false;
        }
        self.is_begun = true;
        let is_last = self.trial.until.is_some_and(|is_last| is_last(&started));
        if self.seen.runs.len() < MOST_RUNS {
            self.seen.runs.push(started);
        }
        is_last
    }

    /// Ends what is left, in whatever group it is, and collects it.
    fn reap(&mut self) {
        for pid in &self.alive {
            let _ = nix::sys::signal::kill(*pid, Signal::SIGKILL);
        }
        loop {
            match Self::wait() {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {}
                Ok(status) => {
                    if let Some(pid) = status.pid() {
                        let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
                        let _ = ptrace::cont(pid, None);
                    }
                }
                Err(_) => return,
            }
        }
    }
}

fn or_gone<T>(result: nix::Result<T>, gone: T) -> io::Result<T> {
    match result {
        Err(Errno::ESRCH) => Ok(gone),
        other => other.map_err(io::Error::from),
    }
}
