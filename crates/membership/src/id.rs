//! Numbers that name things. All are written as lower-case hexadecimal digits, and read only so.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use job::MemberId;

use crate::key::{self, NoEntropy};
use crate::name::stored_as_text;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} consists of {digits} hexadecimal digits in lower case")]
pub struct InvalidId {
    what: &'static str,
    digits: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            pub const LENGTH: usize = $length;

            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { what: $what, digits: 2 * $length };
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| invalid.clone())?;
                bytes.try_into().map(Self).map_err(|_| invalid)
            }
        }

        stored_as_text!($name);
    };
}

id!(
    /// A cluster, from its creation on; it stays when the authority's key is rotated.
    ClusterId, 16, "a cluster's id"
);
id!(
    /// An invitation.
    InviteId, 8, "an invitation's id"
);
id!(
    /// SHA-256 of an authority's public key, as its certificate states it.
    Fingerprint, 32, "a fingerprint"
);
id!(
    /// The serial number of a member's certificate.
    Serial, 16, "a serial number"
);

impl ClusterId {
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        key::random().map(Self)
    }
}

/// Nobody was this member before, and nobody will be.
pub(crate) fn new_member() -> Result<MemberId, NoEntropy> {
    key::random().map(MemberId::from_bytes)
}

impl InviteId {
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        key::random().map(Self)
    }
}

impl Serial {
    /// DER writes numbers without leading zeros and with a sign: the first byte is neither zero nor
    /// has its highest bit, so a serial always has this length.
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        let mut bytes: [u8; 16] = key::random()?;
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Ok(Self(bytes))
    }
}

impl Fingerprint {
    pub(crate) fn of(public_key_info: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, public_key_info);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}
