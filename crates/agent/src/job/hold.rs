//! What keeps a slot while the wrapper is the compiler.

use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use crate::cluster::Slot;
use crate::hub::Permit;

/// The right to run one compiler here, however it was had.
#[derive(Debug)]
pub(crate) enum Hold {
    /// Nobody counts this one.
    Nothing,
    Slot(Slot),
    /// No daemon: the agent counts.
    Permit(Permit),
}

impl Hold {
    /// Gives the right back when the process is over. A compiler may take as long as it likes.
    pub(crate) async fn until_end_of(self, process: Process) {
        match self {
            Self::Nothing => {}
            Self::Slot(slot) => {
                process.end().await;
                slot.release().await;
            }
            Self::Permit(permit) => {
                process.end().await;
                drop(permit);
            }
        }
    }
}

/// A wrapper's process: it stays the same when it becomes the compiler.
#[derive(Debug)]
pub(crate) struct Process(OwnedFd);

/// Takes hold of the process at the other end, which still waits for its answer and therefore is
/// the one that connected. `None`: it is gone, or lives where its number means nothing here.
pub(crate) fn watch(stream: &UnixStream) -> Option<Process> {
    let pid = Pid::from_raw(stream.peer_cred().ok()?.pid()?)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Had it ended, its number could be somebody else's by now.
    let waits = matches!(
        stream.try_read(&mut [0]),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock
    );
    waits.then_some(Process(process))
}

impl Process {
    async fn end(self) {
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an OwnedFd always owns what it names"
        )]
        let watched = AsyncFd::with_interest(self.0, Interest::READABLE);
        if let Ok(watched) = watched {
            let _ = watched.readable().await;
        }
    }
}
