//! A program that was started on a host: signals, bounded waits, captured output.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, kill_process, kill_process_group, pidfd_open};

pub use rustix::process::Signal;

/// A started program. Dropping it kills it with its process group.
pub struct Process {
    pub(crate) child: Child,
    pub(crate) name: String,
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
    pub(crate) status: Option<ExitStatus>,
    /// Left running when dropped: it ends with its host.
    pub(crate) detached: bool,
}

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output, when the program succeeded; else an error that shows what it printed.
    pub fn ok(self) -> Result<String> {
        if self.status.success() {
            return Ok(String::from_utf8_lossy(&self.stdout).into_owned());
        }
        let tail = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(25)..].join("\n")
        };
        bail!(
            "{}\n{}\n{}",
            self.status,
            tail(&self.stdout),
            tail(&self.stderr)
        )
    }
}

impl Process {
    /// Its id as this process sees it.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Where its standard output goes.
    pub fn stdout_file(&self) -> &Path {
        &self.stdout
    }

    /// Where its standard error goes: a daemon's log.
    pub fn stderr_file(&self) -> &Path {
        &self.stderr
    }

    /// What it has written to standard error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    pub fn is_running(&mut self) -> bool {
        self.poll().is_none()
    }

    fn poll(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Sends a signal to the program alone.
    pub fn kill(&mut self, signal: Signal) {
        if self.poll().is_none() {
            kill(self.pid(), signal);
        }
    }

    /// Sends a signal to its process group, as a terminal does for Ctrl-C.
    pub fn kill_group(&mut self, signal: Signal) {
        if self.poll().is_none()
            && let Some(pid) = Pid::from_raw(self.pid())
        {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Waits until it ends, at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.poll() {
            return Ok(status);
        }
        let pid = Pid::from_raw(self.pid()).context("process id 0")?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => bail!("{} still runs after {limit:?}", self.name),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }

    /// Waits until it ends and hands out what it printed.
    pub fn output(mut self, limit: Duration) -> Result<Output> {
        let ended = self.wait(limit);
        let read = |file: &PathBuf| fs::read(file).or_else(missing_is_empty);
        let (stdout, stderr) = (read(&self.stdout)?, read(&self.stderr)?);
        match ended {
            Ok(status) => Ok(Output {
                status,
                stdout,
                stderr,
            }),
            Err(e) => Err(e.context(format!(
                "{}\n{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ))),
        }
    }

    /// Lets it run on when this handle goes; it ends with its host.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

fn missing_is_empty(error: io::Error) -> io::Result<Vec<u8>> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(Vec::new())
    } else {
        Err(error)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.detached && self.poll().is_none() {
            self.kill_group(Signal::KILL);
            self.kill(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a process that may be gone already.
pub(crate) fn kill(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Processes whose environment carries the mark of a loopback host: those it started and what
/// they started, also after they detached.
pub(crate) fn marked(mark: &str) -> Vec<i32> {
    carrying(|value| value == mark.as_bytes())
}

fn carrying(wanted: impl Fn(&[u8]) -> bool) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let carries = |one: &[u8]| one.strip_prefix(b"FLOE_LAB=").is_some_and(&wanted);
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|all| all.split(|b| *b == 0).any(carries))
        })
        .collect()
}

/// Ends everything that carries the mark, until nothing is left.
pub(crate) fn sweep(mark: &str) {
    end_all(|| marked(mark));
}

/// Ends everything that runs on loopback hosts whose labs lie below `directory`: for programs that
/// are interrupted while they own a lab.
pub fn sweep_below(directory: &Path) {
    let mut prefix = directory.as_os_str().as_bytes().to_owned();
    prefix.push(b'/');
    end_all(|| carrying(|value| value.starts_with(&prefix)));
}

fn end_all(left: impl Fn() -> Vec<i32>) {
    for _ in 0..50 {
        let left = left();
        if left.is_empty() {
            return;
        }
        for pid in left {
            kill(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
