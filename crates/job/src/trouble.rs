//! What came between a compiler and its end, told apart by signals and by what compilers say. Told
//! to clients as "out of memory", after which each of them compiles by itself; the words say
//! what it was.
//!
//! What gcc 12, clang 14 and their drivers say was measured, by signals from outside and by limits.

use crate::Reason;

/// A compile that ran, or was to run, and says nothing about its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It did not get the memory that it wanted.
    Memory,
    /// Its files found no more room.
    Disk,
    /// One file grew past what a job may write.
    FileSize,
    /// It used more processor time than a job may.
    Processor,
    /// It took longer than a job may.
    Time,
    /// A signal that nothing of ours sent, and that no mistake in a program brings about.
    Killed,
    /// The compiler is at fault, or the host's memory.
    Crashed,
    /// It cannot live without a system call that the sandbox refuses.
    Refused,
    /// It said more than a result can carry.
    Messages,
    /// The executor could not start it, or lost it.
    Host,
}

/// In the order in which they are looked for in a compiler's words: a driver speaks of the signal that
/// ended what it called, and calls many of them internal errors of its own.
const SIGNS: &[(&str, Trouble)] = &[
    ("o space left on device", Trouble::Disk),
    ("isk quota exceeded", Trouble::Disk),
    ("memory exhausted", Trouble::Memory),
    ("out of memory", Trouble::Memory),
    ("annot allocate memory", Trouble::Memory),
    ("failed to map segment from shared object", Trouble::Memory),
    (
        "Assertion `NewElts && \"Out of memory\"' failed",
        Trouble::Memory,
    ),
    (
        "terminate called after throwing an instance of 'std::bad_alloc'",
        Trouble::Memory,
    ),
    ("llvm::MallocSlabAllocator::Allocate", Trouble::Memory),
    ("File size limit exceeded", Trouble::FileSize),
    ("CPU time limit exceeded", Trouble::Processor),
    ("Bad system call", Trouble::Refused),
    ("Killed signal terminated program", Trouble::Killed),
    ("unable to execute command: Killed", Trouble::Killed),
    ("Terminated signal terminated program", Trouble::Killed),
    ("signal terminated program", Trouble::Crashed),
    ("internal compiler error: ", Trouble::Crashed),
    ("frontend command failed due to signal", Trouble::Crashed),
    ("frontend command failed with exit code", Trouble::Crashed),
    ("PLEASE submit a bug report", Trouble::Crashed),
    ("unable to execute command: ", Trouble::Crashed),
];

/// Numbers of signals that mean the same on every Linux that floe runs on.
mod signal {
    pub(super) const KILL: i32 = 9;
    pub(super) const HANGUP: i32 = 1;
    pub(super) const INTERRUPT: i32 = 2;
    pub(super) const TERMINATE: i32 = 15;
    pub(super) const PROCESSOR: i32 = 24;
    pub(super) const FILE_SIZE: i32 = 25;
    pub(super) const SYSTEM_CALL: i32 = 31;
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Memory,
        Self::Disk,
        Self::FileSize,
        Self::Processor,
        Self::Time,
        Self::Killed,
        Self::Crashed,
        Self::Refused,
        Self::Messages,
        Self::Host,
    ];

    /// What a signal that ended a compiler means.
    pub fn of_signal(signal: i32) -> Self {
        match signal {
            signal::FILE_SIZE => Self::FileSize,
            signal::PROCESSOR => Self::Processor,
            signal::SYSTEM_CALL => Self::Refused,
            signal::KILL | signal::TERMINATE | signal::HANGUP | signal::INTERRUPT => Self::Killed,
            _ => Self::Crashed,
        }
    }

    /// What the status of a compiler means that tells of a signal in the way of shells: clang does
    /// when what it calls crashes within its own process.
    pub fn of_status(status: i32) -> Option<Self> {
        (129..=159)
            .contains(&status)
            .then(|| Self::of_signal(status - 128))
    }

    /// What a failed compiler's words tell.
    pub fn in_words(said: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(said);
        let found = SIGNS.iter().find(|(sign, _)| text.contains(sign));
        found.map(|(_, trouble)| *trouble)
    }

    /// What floe's executors answer: cause and next step.
    pub fn words(self) -> &'static str {
        match self {
            Self::Memory => {
                "the compiler ran out of memory on the executor; give it more there (--memory)"
            }
            Self::Disk => {
                "the compiler's files found no more room on the executor; free some disk and memory there"
            }
            Self::FileSize => {
                "a file of the compile grew past what the executor lets a job write; less debug information makes it smaller"
            }
            Self::Processor => {
                "the compile used all the processor time that the executor gives a job; a smaller source or less optimization needs less"
            }
            Self::Time => {
                "the compile took longer than the executor waits for a job; its host may be overloaded: fewer slots there help (-m)"
            }
            Self::Killed => {
                "the compiler was killed on the executor and not by floe, most likely by the kernel for want of memory; its log says so (dmesg), and a smaller --memory or -m there prevents it"
            }
            Self::Crashed => {
                "the compiler crashed on the executor; if it does not crash here, suspect that host's memory"
            }
            Self::Refused => {
                "the executor's sandbox refused a system call without which this compiler dies; please report it with the compiler's version"
            }
            Self::Messages => "the compiler said more than a result can carry",
            Self::Host => "the executor could not run the compiler; its log says more",
        }
    }

    /// Whether another host may well do better, however much memory it has.
    pub fn is_the_hosts(self) -> bool {
        matches!(self, Self::Disk | Self::Host)
    }

    pub fn reason(self) -> Reason {
        match self {
            Self::Memory => Reason::RemoteMemory,
            Self::Disk => Reason::RemoteDisk,
            Self::FileSize | Self::Processor | Self::Time | Self::Messages => Reason::RemoteLimit,
            Self::Killed => Reason::RemoteKilled,
            Self::Crashed => Reason::RemoteCrashed,
            Self::Refused => Reason::RemoteSandbox,
            Self::Host => Reason::PeerRefused,
        }
    }

    /// The answer to a client: our words, and what was said of it in more detail.
    pub fn answer(self, detail: &str) -> String {
        match detail {
            "" => self.words().to_owned(),
            detail => format!("{} ({detail})", self.words()),
        }
    }

    /// What an executor means that answers "out of memory" with these words: floe's own, or those of
    /// its compiler.
    pub fn answered(said: &[u8]) -> Option<Self> {
        let ours = Self::ALL.into_iter();
        let mut ours = ours.filter(|trouble| said.starts_with(trouble.words().as_bytes()));
        ours.next().or_else(|| Self::in_words(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_compilers_are_told_apart() {
        for (words, trouble) in [
            (
                "cc1plus: out of memory allocating 65536 bytes",
                Some(Trouble::Memory),
            ),
            (
                "\u{fffd} virtual memory exhausted: Cannot allocate memory",
                Some(Trouble::Memory),
            ),
            (
                "gcc: fatal error: Killed signal terminated program cc1",
                Some(Trouble::Killed),
            ),
            (
                "gcc: internal compiler error: File size limit exceeded signal terminated program as",
                Some(Trouble::FileSize),
            ),
            (
                "g++: internal compiler error: CPU time limit exceeded signal terminated program cc1plus",
                Some(Trouble::Processor),
            ),
            (
                "g++: internal compiler error: Bad system call signal terminated program cc1plus",
                Some(Trouble::Refused),
            ),
            (
                "gcc: internal compiler error: Segmentation fault signal terminated program cc1",
                Some(Trouble::Crashed),
            ),
            (
                "e.cc:604:57: internal compiler error: Segmentation fault",
                Some(Trouble::Crashed),
            ),
            (
                "clang: error: unable to execute command: Segmentation fault",
                Some(Trouble::Crashed),
            ),
            (
                "fatal error: error in backend: IO failure on output stream: No space left on device\nPLEASE submit a bug report",
                Some(Trouble::Disk),
            ),
            ("error: expected ';' before '}' token", None),
            ("", None),
        ] {
            assert_eq!(Trouble::in_words(words.as_bytes()), trouble, "{words}");
        }
    }

    #[test]
    fn signals_and_statuses_are_told_apart() {
        for (signal, trouble) in [
            (11, Trouble::Crashed),
            (6, Trouble::Crashed),
            (7, Trouble::Crashed),
            (4, Trouble::Crashed),
            (9, Trouble::Killed),
            (15, Trouble::Killed),
            (24, Trouble::Processor),
            (25, Trouble::FileSize),
            (31, Trouble::Refused),
        ] {
            assert_eq!(Trouble::of_signal(signal), trouble, "{signal}");
            assert_eq!(Trouble::of_status(128 + signal), Some(trouble));
        }
        for plain in [0, 1, 4, 70, 74, 128, 160, 255] {
            assert_eq!(Trouble::of_status(plain), None, "{plain}");
        }
    }

    #[test]
    fn what_is_answered_is_understood() {
        for trouble in Trouble::ALL {
            let answer = trouble.answer("gcc: out of memory");
            assert_eq!(Trouble::answered(answer.as_bytes()), Some(trouble));
            assert_eq!(
                Trouble::answered(trouble.answer("").as_bytes()),
                Some(trouble)
            );
        }
        assert_eq!(Trouble::answered(b"collect2: unknown"), None);
    }
}
