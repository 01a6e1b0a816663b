//! Why a member's job is not taken: what the member is told, and what the log says.

use wire::message::Refused;

use super::grants::Bad;
use super::refused;

/// What a refusal is, for the log: grants' own kinds come before these.
pub(super) mod kind {
    pub(in super::super) const TOO_MANY_LINKS: u8 = 100;
    pub(in super::super) const CAME: u8 = 101;
    pub(in super::super) const OTHER: u8 = 110;
}

/// Why a job is not taken, and what is said of it here.
pub(super) struct No {
    pub(super) refused: Refused,
    pub(super) kind: u8,
}

impl From<Bad> for No {
    fn from(bad: Bad) -> Self {
        Self {
            refused: refused::grant(&bad),
            kind: bad.kind(),
        }
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        Self {
            kind: kind::OTHER + refused.reason as u8,
            refused,
        }
    }
}
