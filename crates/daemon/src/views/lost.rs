//! Why a view is over, or a job does not get its files.

use wire::message::{Refusal, Retry};

use super::disk::Failed;
use super::index::Bad;
use super::limits::Full;

/// Why a view is over, or a job of it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) reason: Refusal,
    pub(crate) retry: Retry,
    pub(crate) text: String,
}

impl Lost {
    /// The same files would do no better elsewhere.
    pub(crate) fn new(reason: Refusal, text: impl Into<String>) -> Self {
        let retry = match reason {
            Refusal::FilesMissing | Refusal::BadInput => Retry::Never,
            _ => Retry::Elsewhere,
        };
        Self {
            reason,
            retry,
            text: text.into(),
        }
    }

    pub(super) fn disk(error: &std::io::Error) -> Self {
        let full = [
            std::io::ErrorKind::StorageFull,
            std::io::ErrorKind::QuotaExceeded,
        ];
        let reason = match full.contains(&error.kind()) {
            true => Refusal::DiskFull,
            false => Refusal::Failed,
        };
        Self::new(reason, format!("files cannot be kept here: {error}"))
    }
}

impl From<Bad> for Lost {
    fn from(bad: Bad) -> Self {
        Self::new(Refusal::FilesMissing, bad.to_string())
    }
}

impl From<Failed> for Lost {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Disk(error) => Self::disk(&error),
            other => Self::new(Refusal::FilesMissing, other.to_string()),
        }
    }
}

impl From<Full> for Lost {
    fn from(full: Full) -> Self {
        let text = match full {
            Full::Member => "this member's files take all the room that one member may have here",
            Full::All => "members' files take all the room that they may have here",
        };
        Self::new(Refusal::OverLimit, text)
    }
}
