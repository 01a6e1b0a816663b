//! Why a scheduler does not start. All of these are this host's or its user's to change.

use transport::{InterfaceError, ListenError};

/// A start that failed. Trying again helps only after what the text names was changed.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    #[error(
        "port 65535 cannot be the scheduler's: the control port is the next one; choose a lower port with -p"
    )]
    NoControlPort,
    #[error("the scheduler cannot read its own address: {0}")]
    OwnAddress(std::io::Error),
}
