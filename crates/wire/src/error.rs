//! What can go wrong on a connection, and whose fault it is.

use crate::frame::Kind;
use crate::id::StreamId;
use crate::limits::{BadLimits, MOST_PONGS};

/// Who has to change something for this not to happen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The other end broke the protocol. Another connection to it would end alike.
    Peer,
    /// A link or a host between the two ends, or an end that is overloaded: trying again may help.
    Network,
    /// The other end said that this one broke the protocol.
    Ours,
}

/// Why a connection cannot go on. Nothing that follows on it can be trusted; the other end is told
/// by a last frame, and the same fault is the answer to everything from now on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(
        "its first bytes are not a hello of floe's protocol; something else is using this port"
    )]
    NoHello,
    #[error("its hello did not come in time")]
    HelloTooLate,
    #[error("it said hello twice")]
    SecondHello,
    #[error("its hello announces limits out of range: {0}")]
    Limits(#[from] BadLimits),
    #[error("frame kind {0} does not exist")]
    UnknownFrame(u8),
    #[error("a {kind} frame of {length} bytes was announced, which is out of range")]
    FrameLength { kind: Kind, length: u32 },
    #[error("a {kind} frame came for stream {stream}, where there can be none")]
    WrongStream { kind: Kind, stream: StreamId },
    #[error("stream {stream} was opened where {expected} was next")]
    OutOfOrder {
        stream: StreamId,
        expected: StreamId,
    },
    #[error("stream {0} was opened twice")]
    OpenedTwice(StreamId),
    #[error("a {kind} frame came for stream {stream}, which was never opened")]
    NeverOpened { kind: Kind, stream: StreamId },
    #[error("a {kind} frame came for stream {stream} after its end")]
    AfterEnd { kind: Kind, stream: StreamId },
    #[error("it has {0} streams open, and opened one more")]
    TooManyStreams(u32),
    #[error("it sent more data on stream {0} than it had credit for")]
    Overrun(StreamId),
    #[error("it sent more data on all streams together than it had credit for")]
    ConnectionOverrun,
    #[error("it gave stream {0} credit that cannot be")]
    BadCredit(StreamId),
    #[error("a message of kind {number} cannot be read: {why}")]
    Malformed { number: u16, why: String },
    #[error("it sends messages faster than they can be read")]
    MessageFlood,
    #[error("it sent more than {MOST_PONGS} pings without reading the answers")]
    PingFlood,
    #[error("it answered a ping that was not sent")]
    UnaskedPong,
    #[error("it did not confirm the end of stream {0}")]
    ResetIgnored(StreamId),
    #[error("it was silent for too long")]
    Silent,
    #[error("it ended the connection for a fault of this end: {0}")]
    Accused(String),
}

impl Fault {
    /// Whose mistake it is.
    pub fn owner(&self) -> Owner {
        match self {
            Self::HelloTooLate | Self::Silent => Owner::Network,
            Self::Accused(_) => Owner::Ours,
            _ => Owner::Peer,
        }
    }
}

/// Why a call was refused. The connection is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("the connection has failed: {0}")]
    Failed(Fault),
    #[error("the stream is over")]
    Over,
    #[error("this end has ended the stream already")]
    Ended,
    #[error("the other end takes {0} open streams; wait until one is over")]
    TooManyStreams(u32),
    #[error("the other end goes away and takes no new streams; use another connection")]
    GoingAway,
    #[error("all numbers for streams are used up; use another connection")]
    NumbersUsedUp,
    #[error("a message of {length} bytes was to be sent, and the other end takes {most}")]
    TooLong { length: usize, most: u32 },
    #[error("too many messages wait to be sent; the other end does not read them")]
    QueueFull,
    #[error("credit was granted for {granted} bytes, and {received} were received")]
    NotReceived { granted: u64, received: u64 },
}

impl Mistake {
    /// Whether the same call may succeed later on the same connection.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::TooManyStreams(_) | Self::QueueFull)
    }
}
