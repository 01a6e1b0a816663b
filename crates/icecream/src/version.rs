//! The three protocol versions spoken here, and what each changed on the wire.

use std::fmt;

/// A version that both ends of a channel agreed on. The order is the order of release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// icecream 1.3: `features` in LOGIN, `required_features` in GET_CS, `compression` in
    /// GET_NATIVE_ENV.
    V42,
    /// icecream 1.4: `niceness` in GET_CS.
    V43,
    /// icecream's git (1.4.90): `full` in JOB_LOCAL_BEGIN.
    V44,
}

impl Version {
    /// The oldest version spoken.
    pub const MIN: Self = Self::V42;
    /// The newest version spoken: what we announce.
    pub const MAX: Self = Self::V44;

    /// The version as it stands in a handshake word.
    pub const fn number(self) -> u32 {
        match self {
            Self::V42 => 42,
            Self::V43 => 43,
            Self::V44 => 44,
        }
    }

    /// The spoken version of this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            42 => Some(Self::V42),
            43 => Some(Self::V43),
            44 => Some(Self::V44),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(out)
    }
}
