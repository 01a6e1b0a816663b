//! Why a foreign job has no result.

use std::io;

use job::Trouble;
use rustix::io::Errno;
use sandbox::{Lost, SpawnError, StartError, Step};
use thiserror::Error;
use toolchain::NotOwn;

use super::BadOrder;

/// None of these says anything about the source: the client compiles it again elsewhere.
#[derive(Debug, Error)]
pub enum Failure {
    /// The client's fault; the same request fails everywhere.
    #[error(transparent)]
    Order(#[from] BadOrder),
    #[error("the client went away")]
    ClientGone,
    #[error("no source text came for too long")]
    SourceStalled,
    #[error("the compiler took too long")]
    Deadline,
    /// Nobody's: it may run again here.
    #[error("other compiles on this host need the memory that it has")]
    Evicted,
    /// Ours, or the toolchain's.
    #[error("compiler did not start: {0}")]
    NotStarted(StartError),
    #[error(transparent)]
    Spawn(SpawnError),
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error("the compiler succeeded and left no object file")]
    NoObject,
    /// Of this host's: another one takes it.
    #[error(
        "without user namespaces this host runs only compilers that it has installed itself, and this toolchain is none of them: {0}. `floe doctor` says what would allow namespaces"
    )]
    NotInstalled(#[from] NotOwn),
    #[error("this host runs only compilers that it has installed itself, and nobody looked which")]
    NobodyKnows,
    #[error("cannot keep the job's files: {0}")]
    Files(#[from] io::Error),
}

impl Failure {
    /// The toolchain lacks the compiler, its loader or the place for `/tmp`, or is gone itself: it
    /// should be sent again. Not so when the peer's command line is too long, or memory is short.
    pub fn toolchain_is_broken(&self) -> bool {
        let Self::NotStarted(StartError { step, errno }) = self else {
            return false;
        };
        matches!(
            step,
            Step::Execute | Step::ToolchainOpen | Step::ScratchMount
        ) && matches!(
            *errno,
            Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NOEXEC | Errno::LIBBAD
        )
    }

    /// The toolchain is none that this host can run: it should not be sent here again.
    pub fn toolchain_is_foreign(&self) -> bool {
        matches!(self, Self::NotInstalled(why) if !why.may_pass())
    }

    /// For the client, when the toolchain is not to blame.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Deadline => Trouble::Time,
            Self::Evicted => Trouble::Memory,
            Self::NotStarted(StartError { errno, .. }) if *errno == Errno::NOMEM => Trouble::Memory,
            Self::Files(error) => match Errno::from_io_error(error) {
                Some(Errno::NOSPC | Errno::DQUOT) => Trouble::Disk,
                _ => Trouble::Host,
            },
            _ => Trouble::Host,
        }
    }

    /// The number that icecream's schedulers are told.
    pub fn code(&self) -> i32 {
        match self {
            Self::ClientGone => 118,
            Self::SourceStalled | Self::Deadline | Self::Files(_) => 107,
            Self::NotInstalled(_) | Self::NobodyKnows => 110,
            Self::Evicted => 105,
            Self::NotStarted(_) if self.toolchain_is_broken() => 110,
            Self::NotStarted(_) | Self::Spawn(_) | Self::Lost(_) => 117,
            Self::Order(_) | Self::NoObject => 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_that_could_not_be_compared_is_not_foreign() {
        let path = std::path::PathBuf::from("/usr/bin/gcc");
        let why = "no process can be started".to_owned();
        let unreadable = NotOwn::Unreadable {
            path: path.clone(),
            why,
        };
        for passing in [unreadable, NotOwn::Missing { path }] {
            let failure = Failure::NotInstalled(passing);
            assert!(!failure.toolchain_is_foreign() && !failure.toolchain_is_broken());
        }
        assert!(Failure::NotInstalled(NotOwn::NoDriver).toolchain_is_foreign());
    }

    #[test]
    fn a_full_disk_and_a_deadline_are_told_as_what_they_are() {
        let files = |errno: Errno| Failure::Files(errno.into()).trouble();
        assert_eq!(files(Errno::NOSPC), Trouble::Disk);
        assert_eq!(files(Errno::DQUOT), Trouble::Disk);
        assert_eq!(files(Errno::IO), Trouble::Host);
        assert_eq!(Failure::Deadline.trouble(), Trouble::Time);
        assert_eq!(Failure::NobodyKnows.trouble(), Trouble::Host);
    }

    #[test]
    fn a_toolchain_is_not_blamed_for_a_long_command_line() {
        let failure = |errno| {
            Failure::NotStarted(StartError {
                step: Step::Execute,
                errno,
            })
        };
        assert!(failure(Errno::NOENT).toolchain_is_broken());
        for other in [Errno::TOOBIG, Errno::NOMEM, Errno::AGAIN] {
            assert!(!failure(other).toolchain_is_broken());
            assert_eq!(failure(other).code(), 117);
        }
        let limit = StartError {
            step: Step::Limit,
            errno: Errno::ACCESS,
        };
        assert!(!Failure::NotStarted(limit).toolchain_is_broken());
    }
}
