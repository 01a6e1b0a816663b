//! What a member of a cluster may do. Certificates and floe's own protocol speak of the same roles; which of
//! them include others is the matter of the crate `membership`.

use std::fmt;
use std::str::FromStr;

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Monitor,
    Submit,
    Execute,
    Schedule,
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Monitor,
        Self::Submit,
        Self::Execute,
        Self::Schedule,
        Self::Admin,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Submit => "submit",
            Self::Execute => "execute",
            Self::Schedule => "schedule",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Somebody wrote a word that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: roles are monitor, submit, execute, schedule and admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}
