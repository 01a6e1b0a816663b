//! What is made of a compiler's end.

use std::fs::File;
use std::io::Read as _;

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
    /// There if and only if `status` is 0.
    pub object: Option<Output>,
    pub dwo: Option<Output>,
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
    /// Its words or its size say that it did not get the memory that it wanted. Those are also the
    /// words of a driver whose compiler crashed.
    Hunger,
    /// Its scratch directory was full.
    Disk,
    /// A signal killed the compiler: its own fault, or the kernel was out of memory.
    Signal(i32),
    /// It said more than a result can carry.
    SaidTooMuch,
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

/// Signs of too little memory or disk in a failed compiler's words, as icecream looks for them, and
/// gcc's own when the kernel killed the real compiler under it.
const SIGNS: &[&str] = &[
    "memory exhausted",
    "out of memory",
    "annot allocate memory",
    "failed to map segment from shared object",
    "Assertion `NewElts && \"Out of memory\"' failed",
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "llvm::MallocSlabAllocator::Allocate",
    "o space left on device",
    "signal terminated program",
];

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
        Ended::OutOfDisk => (STATUS_KILLED, Some(Setback::Disk)),
        _ if verbose => (STATUS_KILLED, Some(Setback::SaidTooMuch)),
        Ended::Signalled(signal) => (STATUS_KILLED, Some(Setback::Signal(signal))),
        Ended::Exited(0) => (0, None),
        Ended::Exited(status) => {
            let setback = if shows_signs(&stderr) || is_near_limit(&outcome.usage, limits) {
                Some(Setback::Hunger)
            } else {
                files.are_full().then_some(Setback::Disk)
            };
            (status, setback)
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
        usage: outcome.usage,
        source_len,
        _place: place,
    };
    if finished.status == 0 {
        let open = |name| {
            let opened = files.open(name)?;
            Ok::<_, Failure>(opened.map(|(file, len)| Output { file, len }))
        };
        let object = open(&command.object)?.ok_or(Failure::NoObject)?;
        let dwo = command.dwo.as_deref().map(open).transpose()?.flatten();
        finished.object = Some(object);
        finished.dwo = dwo;
    }
    Ok(finished)
}

fn shows_signs(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// icecream compares page faults; the largest process's memory says the same and counts nothing
/// twice.
fn is_near_limit(usage: &Usage, limits: &Limits) -> bool {
    let used = usage.max_rss_kib.saturating_mul(1024);
    limits
        .address_space
        .is_some_and(|limit| used / 85 > limit / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_hunger_are_read() {
        assert!(shows_signs(
            b"cc1plus: out of memory allocating 65536 bytes"
        ));
        assert!(shows_signs(
            b"gcc: fatal error: Killed signal terminated program cc1"
        ));
        assert!(shows_signs(
            b"\xff virtual memory exhausted: Cannot allocate memory"
        ));
        assert!(!shows_signs(b"error: expected ';' before '}' token"));
    }

    #[test]
    fn a_process_near_its_limit_counts_as_hungry() {
        let limits = Limits {
            address_space: Some(100 << 20),
            ..Limits::default()
        };
        let usage = |mebibytes: u64| Usage {
            max_rss_kib: mebibytes << 10,
            ..Usage::default()
        };
        assert!(is_near_limit(&usage(90), &limits));
        assert!(!is_near_limit(&usage(80), &limits));
        assert!(!is_near_limit(&usage(90), &Limits::default()));
    }
}
