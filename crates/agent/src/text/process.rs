//! A child process that can be ended from elsewhere, at any moment and never by mistake another.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Mode;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group};

/// A compiler or preprocessor as it would be started for the user.
pub(crate) fn command(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
    directory: &Path,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

/// One child in a process group of its own.
#[derive(Debug, Default)]
pub(crate) struct Process(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    NotYet,
    Running(Pid),
    /// Reaped, or not to be started any more: its number may belong to another process now.
    Over,
}

impl Process {
    /// Starts the child with this mask for the files that it makes.
    pub(crate) fn start(
        &self,
        command: &mut Command,
        umask: u32,
        niceness: u32,
    ) -> io::Result<Child> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Over) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = with_umask(umask, || command.process_group(0).spawn())?;
        let pid = Pid::from_child(&child);
        if niceness > 0 {
            let nice = i32::try_from(niceness).unwrap_or(19);
            // It may be over already.
            let _ = rustix::process::setpriority_process(Some(pid), nice);
        }
        *state = State::Running(pid);
        Ok(child)
    }

    /// Waits for the child's end.
    pub(crate) fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        loop {
            match rustix::process::waitid(WaitId::Pid(Pid::from_child(child)), ended) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State::Over;
        child.wait()
    }

    /// Kills the child and all that it started; one that was not started yet never will be.
    pub(crate) fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            // Gone already is as good as killed. It stays to be reaped by its thread.
            State::Running(pid) => drop(kill_process_group(pid, Signal::KILL)),
            State::NotYet => *state = State::Over,
            State::Over => {}
        }
    }
}

/// Runs `start` while the process's mask is `umask`. The mask belongs to the whole process, so
/// starts take turns; files that the agent makes itself get their modes explicitly.
fn with_umask<T>(umask: u32, start: impl FnOnce() -> T) -> T {
    static CURRENT: Mutex<Option<u32>> = Mutex::new(None);
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if *current != Some(umask) {
        rustix::process::umask(Mode::from_bits_truncate(umask & 0o777));
        *current = Some(umask);
    }
    start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_process_takes_its_children_along() {
        let process = Process::default();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000 & wait"]);
        let mut child = process.start(&mut command, 0o022, 0).unwrap();
        process.end();
        assert!(!process.wait(&mut child).unwrap().success());
        process.end();
    }

    #[test]
    fn what_was_ended_before_it_began_never_begins() {
        let process = Process::default();
        process.end();
        let started = process.start(&mut Command::new("/bin/true"), 0o022, 0);
        assert_eq!(started.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn files_of_the_child_follow_the_mask() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for (mask, expected) in [(0o077, 0o600), (0o002, 0o664)] {
            let process = Process::default();
            let path = dir.path().join(mask.to_string());
            let mut child = process
                .start(Command::new("/bin/touch").arg(&path), mask, 0)
                .unwrap();
            assert!(process.wait(&mut child).unwrap().success());
            assert_eq!(
                path.metadata().unwrap().permissions().mode() & 0o777,
                expected
            );
        }
    }
}
