//! What can go wrong on a channel, and whose fault it is.

use crate::kind::MessageKind;

/// Who has to change something for this not to happen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The other end broke the protocol, went away or is too old.
    Peer,
    /// Nobody in particular: a link or a host between the two ends.
    Network,
    /// This program or its configuration.
    Ours,
}

/// Why a handshake failed. All of these are the peer's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error(
        "it speaks icecream protocol {version}, and 42 (icecream 1.3) is the oldest accepted here; update it"
    )]
    TooOld { version: u32 },
    #[error(
        "its first bytes are not an icecream handshake (read as {word:#010x}); something else is using this port"
    )]
    Garbage { word: u32 },
    #[error("both ends can speak protocol {expected}, yet it insists on {got}")]
    Disagreement { expected: u32, got: u32 },
}

/// What is wrong with the body of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a field runs past the end")]
    Truncated,
    #[error("{0} bytes are left over after the last field")]
    Surplus(usize),
    #[error("a string has no end")]
    Unterminated,
    #[error("a list announces {0} entries, more than fit")]
    ListTooLong(u32),
    #[error("a chunk announces {0} uncompressed bytes, more than 1 MiB")]
    ChunkTooLong(u32),
}

/// Why a channel cannot go on. Nothing that follows on it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("handshake refused: {0}")]
    Handshake(#[from] HandshakeError),
    #[error("a message of {0} bytes was announced, and icecream's limit is 1 MiB")]
    FrameTooLong(u32),
    #[error("a message of {0} bytes was announced, which is too short to have a type")]
    FrameTooShort(u32),
    #[error("message type {0} does not exist")]
    UnknownKind(u32),
    #[error("malformed {kind} message: {why}")]
    Malformed { kind: MessageKind, why: Malformed },
    #[error("a {kind} message of {length} bytes was to be sent, and icecream's limit is 1 MiB")]
    OwnFrameTooLong { kind: MessageKind, length: usize },
    #[error("a {0} message was to be sent before the handshake had ended")]
    NotReady(MessageKind),
}

impl ProtocolError {
    /// Whose mistake it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::OwnFrameTooLong { .. } | Self::NotReady(_) => Fault::Ours,
            _ => Fault::Peer,
        }
    }
}
