//! Every message, one room for each conversation. The structs are what may be used; how they stand
//! on the wire is in the same definition, and their constructors are the only way from there.

mod ability;
mod compile;
mod membership;
mod place;
pub(crate) mod role;
mod schedulers;
mod session;
mod toolchain;
mod view;

pub use ability::Ability;
pub use compile::*;
pub use membership::*;
pub use place::*;
pub use schedulers::*;
pub use session::{Capabilities, Capability, Hello, Taking};
pub use toolchain::*;
pub use view::*;

use crate::define::Definition;
pub use crate::define::{Body, Outgoing};
use crate::field::Invalid;

/// More fields than any message needs: what a message of a mebibyte could unpack to has a bound.
const MOST_FIELDS: usize = 1 << 16;
/// What a field is taken to cost in memory beside its bytes.
const FIELD_COST: usize = 32;

/// Why a payload is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The sender is newer.
    #[error("message kind {0} is not known here")]
    UnknownKind(u16),
    /// The sender is newer, or wrong in one thing only.
    #[error("{message}.{invalid}")]
    Field {
        message: &'static str,
        invalid: Invalid,
    },
    /// The sender does not keep to the protocol.
    #[error("{0}")]
    Malformed(String),
}

macro_rules! all {
    ($($name:ident),* $(,)?) => {
        /// Any message.
        #[allow(clippy::large_enum_variant, reason = "few are alive at a time")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Message {
            $($name($name),)*
        }

        impl Message {
            /// Every definition, in the order of the document.
            pub const DEFINITIONS: &[Definition] = &[$($name::DEFINITION),*];

            /// Reads the payload of a frame: a number in two bytes, then the body. Fields that
            /// are not known here are passed over.
            pub fn decode(payload: &[u8]) -> Result<Self, Unreadable> {
                let Some((number, body)) = payload.split_first_chunk() else {
                    return Err(Unreadable::Malformed("it has no number".to_owned()));
                };
                match u16::from_be_bytes(*number) {
                    $(<$name as Body>::NUMBER => read(body).map(Self::$name),)*
                    unknown => Err(Unreadable::UnknownKind(unknown)),
                }
            }

            /// Its name, for logs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }
        }

        impl Outgoing for Message {
            fn payload(&self) -> Vec<u8> {
                match self { $(Self::$name(message) => message.payload(),)* }
            }
        }

        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

all!(
    Hello,
    Compile,
    Accepted,
    Started,
    Output,
    Finished,
    Refused,
    View,
    Entries,
    Gone,
    ViewLost,
    Want,
    Grants,
    NoGrants,
    GiveBack,
    Report,
    Look,
    Overview,
    Elected,
    WhoSchedules,
    Candidate,
    Offer,
    ManifestWanted,
    Manifest,
    Missing,
    Blob,
    FetchBlob,
    Progress,
    Verified,
    Denied,
    Possession,
    Arrived,
    Elsewhere,
    Share,
    JoinRequest,
    Certificate,
    Renew,
    ListMembers,
    Members,
    FetchRevoked,
    Revoked,
    Invite,
    Invited,
    Revoke,
    Done,
    WantCredentials,
    Credentials,
    Pinned,
);

pub(crate) fn read<M: Body>(body: &[u8]) -> Result<M, Unreadable> {
    let malformed = |why: String| Err(Unreadable::Malformed(why));
    if count_fields(body) > MOST_FIELDS {
        return malformed(format!("it has more than {MOST_FIELDS} fields"));
    }
    let wire = match prost::Message::decode(body) {
        Ok(wire) => wire,
        Err(why) => return malformed(why.to_string()),
    };
    M::read(wire).map_err(|invalid| Unreadable::Field {
        message: M::DEFINITION.name,
        invalid,
    })
}

/// About how many bytes of memory a message takes: a list of short things takes far more than its payload.
pub(crate) fn cost(payload: &[u8]) -> usize {
    let body = payload.get(2..).unwrap_or_default();
    payload.len() + FIELD_COST * count_fields(body)
}

/// How many fields stand in a body, as far as it can be read; prost complains of the rest.
fn count_fields(mut body: &[u8]) -> usize {
    let mut count = 0;
    while let Some(key) = varint(&mut body) {
        count += 1;
        let skip = match key & 7 {
            0 => varint(&mut body).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut body),
            5 => Some(4),
            _ => None,
        };
        let skip = skip.and_then(|skip| usize::try_from(skip).ok());
        match skip.and_then(|skip| body.get(skip..)) {
            Some(rest) => body = rest,
            None => break,
        }
    }
    count
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
