//! What is made of a compiler's end.

use std::fs::File;
use std::io::Read as _;

use job::Trouble;
use sandbox::{Ended, Limits, Outcome, Usage};

use super::Failure;
use super::command::Command;
use super::scratch::Place;
use super::streams::Said;

/// A status that icecream's executors give for a compiler that had too little memory or was killed.
pub const STATUS_KILLED: i32 = 105;

/// The compiler ran to an end.
#[derive(Debug)]
pub struct Finished {
    /// The compiler's exit status, or [`STATUS_KILLED`].
    pub status: i32,
    /// The result says nothing about the source. Goes out as "was out of memory", which makes
    /// every client compile again itself.
    pub out_of_memory: bool,
    /// What it was, then.
    pub setback: Option<Setback>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// There if and only if `status` is 0, if one is made at all.
    pub object: Option<Output>,
    pub dwo: Option<Output>,
    /// The rules for make, with any status of the compiler's own.
    pub dependencies: Option<Output>,
    pub usage: Usage,
    /// Bytes of source text.
    pub source_len: u64,
    /// The files' directory; they are gone from the disk when this is dropped.
    _place: Place,
}

/// Why a compile that ran says nothing about its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// It was ended for using more memory than it may. It may work on a host with more.
    Memory,
    /// A signal killed the driver.
    Signal(i32),
    /// What the compiler said, left or used shows it; its driver's status does not.
    Shown(Trouble),
}

impl Setback {
    pub fn trouble(self) -> Trouble {
        match self {
            Self::Memory => Trouble::Memory,
            Self::Signal(signal) => Trouble::of_signal(signal),
            Self::Shown(trouble) => trouble,
        }
    }
}

/// A complete file.
#[derive(Debug)]
pub struct Output {
    pub file: File,
    pub len: u64,
}

impl Output {
    /// All of it, read from the page cache where the compiler has just put it.
    pub fn read(mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// `said` is `None` when the compiler was stopped for saying too much.
pub(super) fn judge(
    command: &Command,
    place: Place,
    outcome: Outcome,
    said: Option<Said>,
    source_len: u64,
    limits: &Limits,
) -> Result<Finished, Failure> {
    let verbose = said.is_none();
    let Said { stdout, stderr } = said.unwrap_or_default();
    let files = place.files(outcome.files)?;
    let (status, setback) = match outcome.ended {
        Ended::NotStarted(error) => return Err(Failure::NotStarted(error)),
        Ended::OutOfMemory => (STATUS_KILLED, Some(Setback::Memory)),
        Ended::OutOfDisk => (STATUS_KILLED, Some(Setback::Shown(Trouble::Disk))),
        _ if verbose => (STATUS_KILLED, Some(Setback::Shown(Trouble::Messages))),
        Ended::Exited(0) => (0, None),
        // A signal as well: a program may die of the page that a full scratch directory has not got.
        ended => {
            let seen = seen(&outcome.usage, limits);
            let seen = seen.or_else(|| files.are_full().then_some(Trouble::Disk));
            match (ended, seen) {
                (Ended::Exited(status), _) => {
                    let told = || Trouble::in_words(&stderr).or_else(|| Trouble::of_status(status));
                    (status, seen.or_else(told).map(Setback::Shown))
                }
                (Ended::Signalled(signal), None) => (STATUS_KILLED, Some(Setback::Signal(signal))),
                (_, seen) => (STATUS_KILLED, seen.map(Setback::Shown)),
            }
        }
    };
    let mut finished = Finished {
        status: setback.map_or(status, |_| STATUS_KILLED),
        out_of_memory: setback.is_some(),
        setback,
        stdout,
        stderr,
        object: None,
        dwo: None,
        dependencies: None,
        usage: outcome.usage,
        source_len,
        _place: place,
    };
    let open = |name| {
        let opened = files.open(name)?;
        Ok::<_, Failure>(opened.map(|(file, len)| Output { file, len }))
    };
    // Compilers write them at errors, too: what a source includes that another run of make would make anew.
    if finished.setback.is_none() {
        let rules = command.dependencies.as_deref().map(open);
        finished.dependencies = rules.transpose()?.flatten();
    }
    if finished.status == 0 {
        let made = |name| open(name)?.ok_or(Failure::NoObject);
        let object = command.object.as_deref().map(made).transpose()?;
        let dwo = command.dwo.as_deref().map(open).transpose()?.flatten();
        finished.object = object;
        finished.dwo = dwo;
    }
    Ok(finished)
}

/// What a failed compiler's use of this host tells.
fn seen(usage: &Usage, limits: &Limits) -> Option<Trouble> {
    // icecream compares page faults; the largest process's memory says the same and counts nothing
    // twice.
    let used = usage.max_rss_kib.saturating_mul(1024);
    let near = |limit: u64| used / 85 > limit / 100;
    if limits.address_space.is_some_and(near) {
        return Some(Trouble::Memory);
    }
    // The kernel's last word to who does not heed SIGXCPU is SIGKILL.
    let spent = (usage.user + usage.system).as_secs();
    let is_spent = limits.cpu_seconds.is_some_and(|limit| spent >= limit);
    is_spent.then_some(Trouble::Processor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_compiler_used_tells_of_its_limits() {
        let limits = Limits {
            address_space: Some(100 << 20),
            cpu_seconds: Some(10),
            ..Limits::default()
        };
        let usage = |mebibytes: u64, seconds| Usage {
            max_rss_kib: mebibytes << 10,
            user: Duration::from_secs(seconds),
            ..Usage::default()
        };
        assert_eq!(seen(&usage(90, 1), &limits), Some(Trouble::Memory));
        assert_eq!(seen(&usage(80, 9), &limits), None);
        assert_eq!(seen(&usage(80, 10), &limits), Some(Trouble::Processor));
        assert_eq!(seen(&usage(90, 10), &Limits::default()), None);
    }
}
