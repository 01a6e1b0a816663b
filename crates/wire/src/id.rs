//! Which end of a connection, and which of its streams.

use std::fmt;

/// Which end of a connection this is. It decides whose streams have odd numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that made the connection. Its streams are 1, 3, 5, …
    Connecting,
    /// The end that listened. Its streams are 2, 4, 6, …
    Accepting,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Connecting => Self::Accepting,
            Self::Accepting => Self::Connecting,
        }
    }

    pub(crate) const fn first(self) -> StreamId {
        match self {
            Self::Connecting => StreamId(1),
            Self::Accepting => StreamId(2),
        }
    }
}

/// A stream's number on its connection, never used twice on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// What belongs to the connection as a whole: the hellos, and the connection's credit.
    pub(crate) const CONNECTION: Self = Self(0);

    /// Who opens the stream of this number; nobody opens number 0.
    pub fn opener(self) -> Option<Side> {
        match self.0 {
            0 => None,
            odd if odd % 2 == 1 => Some(Side::Connecting),
            _ => Some(Side::Accepting),
        }
    }

    /// The number as it is on the wire, for logs.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The next stream of the same side, if the numbers last.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(2).map(Self)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Why a stream ends before its time. Numbers that a newer peer sends stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResetCode(pub u32);

macro_rules! reset_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal;)*) => {
        impl ResetCode {
            $($(#[doc = $doc])+ pub const $name: Self = Self($number);)*

            /// Number, word and meaning of each code that this release knows.
            pub const ALL: &[(Self, &'static str, &'static str)] =
                &[$((Self::$name, $word, concat!($($doc),+)),)*];
        }
    };
}

reset_codes! {
    /// Whoever asked does not want the answer any more.
    CANCELLED = 1, "cancelled";
    /// The stream carried a kind of message that this end does not know. The peer is newer, and should have looked at the capabilities.
    UNKNOWN_MESSAGE = 2, "unknown message";
    /// A field of a message has a value that this end does not accept.
    INVALID_FIELD = 3, "invalid field";
    /// The stream was opened after this end had said that it goes away. Nothing of it was looked at: it may be tried elsewhere.
    GOING_AWAY = 4, "going away";
    /// A known message came where it means nothing.
    OUT_OF_PLACE = 5, "out of place";
    /// This end cannot take it now, and another may.
    BUSY = 6, "busy";
    /// This end failed: disk, memory or a mistake in it.
    FAILED = 7, "failed";
    /// What was to come did not come in time.
    TOO_SLOW = 8, "too slow";
    /// The peer may not do this.
    FORBIDDEN = 9, "forbidden";
}

impl fmt::Display for ResetCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::ALL.iter().find(|(code, ..)| code == self) {
            Some((_, word, _)) => out.write_str(word),
            None => write!(out, "code {}", self.0),
        }
    }
}
