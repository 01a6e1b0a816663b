//! What ends a compile without a result.

use crate::executor::Failure;
use crate::session::End;

/// Why there is no result.
pub(super) enum Stop {
    Client(End),
    /// The owner wants the host.
    Owner,
    Here(Failure),
    /// Others need its memory, or it alone needs more than there is.
    Evicted {
        again: bool,
    },
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::ClientGone => Self::Client(End::Closed),
            failure => Self::Here(failure),
        }
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Client(end)
    }
}
