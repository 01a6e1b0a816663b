//! The process that keeps a set of namespaces alive, and the way into them.
//!
//! The first process of a pid namespace waits at a pipe held by this process: when the pipe closes,
//! for whatever reason, it ends, and the kernel ends all others of the namespace with it.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

/// A running first process.
pub(crate) struct Holder {
    outer: Child,
    pipe: Option<ChildStdin>,
    pid: i32,
    pidfd: OwnedFd,
    flags: ThreadNameSpaceType,
}

impl Holder {
    /// Namespaces for a whole host. `setup` is shell text that runs inside before anything else,
    /// with `/proc` already that of the host.
    pub(crate) fn host(setup: &str) -> Result<Self> {
        Self::start(
            &["--mount", "--uts", "--net", "--pid", "--ipc"],
            &format!("mount -t proc proc /proc\n{setup}"),
            ThreadNameSpaceType::NETWORK
                | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
                | ThreadNameSpaceType::PROCESS_ID
                | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
        )
    }

    /// A network namespace alone, for the switch.
    pub(crate) fn network() -> Result<Self> {
        Self::start(&["--net", "--pid"], "", ThreadNameSpaceType::NETWORK)
    }

    fn start(namespaces: &[&str], setup: &str, flags: ThreadNameSpaceType) -> Result<Self> {
        // Read before /proc changes: the shell's id in this process's view.
        // `cat` never reaps; with SIGCHLD ignored the kernel reaps orphans for it.
        let script = format!(
            "set -e\nread -r pid rest </proc/self/stat\n{setup}\necho \"$pid\"\n\
             exec env --ignore-signal=CHLD cat >/dev/null"
        );
        let mut outer = Command::new("unshare")
            .args(namespaces)
            .args(["--fork", "--kill-child=KILL", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start `unshare` (package util-linux)")?;
        let pipe = outer.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = outer.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let Ok(pid) = line.trim().parse::<i32>() else {
            drop(pipe);
            let mut why = String::new();
            if let Some(mut stderr) = outer.stderr.take() {
                stderr.read_to_string(&mut why)?;
            }
            outer.wait()?;
            bail!("cannot make namespaces for a host: {}", why.trim());
        };
        let raw = Pid::from_raw(pid).context("process id 0")?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty())
            .context("pidfd_open (Linux 5.8 is needed for namespace hosts)")?;
        Ok(Self {
            outer,
            pipe,
            pid,
            pidfd,
            flags,
        })
    }

    /// Runs `work` on a thread of its own inside the namespaces, all but the mount namespace,
    /// which threads of one process share; processes started by `work` are born inside.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| {
                move_into_thread_name_spaces(rustix::fd::AsFd::as_fd(&self.pidfd), self.flags)
                    .context("cannot enter a host's namespaces")?;
                work()
            });
            entered
                .join()
                .unwrap_or_else(|_| bail!("a thread inside a host panicked"))
        })
    }

    /// Its id as this process sees it.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// What `nsenter --mount=` takes.
    pub(crate) fn mount_namespace(&self) -> PathBuf {
        format!("/proc/{}/ns/mnt", self.pid).into()
    }

    /// Ends everything inside.
    pub(crate) fn kill(&mut self) {
        drop(self.pipe.take());
        crate::process::kill(self.pid, crate::Signal::KILL);
        let _ = self.outer.wait(); // it waits for its child, so all is gone afterwards
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}
