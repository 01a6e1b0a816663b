//! What a connection tells its owner.

use crate::id::{ResetCode, StreamId};
use crate::limits::EVENT_COST;
use crate::message::{Hello, Message};

/// Something that happened, in the order in which the other end did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other end's hello; always the first event.
    Hello(Box<Hello>),
    /// The other end opened a stream with this message.
    Opened { stream: StreamId, message: Message },
    /// A further message.
    Message { stream: StreamId, message: Message },
    /// Raw bytes. Say with [`grant_credit`](super::Connection::grant_credit) when they are used up.
    Data { stream: StreamId, bytes: Vec<u8> },
    /// The other end sends nothing more on this stream.
    Ended { stream: StreamId },
    /// The stream is over. This end's own [`reset`](super::Connection::reset) makes no event.
    Reset {
        stream: StreamId,
        code: ResetCode,
        why: ResetBy,
    },
    /// A stream that took less data than it was given has room again.
    Writable { stream: StreamId },
    /// The answer to [`ping`](super::Connection::ping).
    Pong { token: u64 },
    /// The other end takes no new streams; open ones go on. The text is for people.
    GoAway { text: String },
}

/// Who ended a stream before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetBy {
    Peer,
    /// This connection, because of a message that it could not hand on; the text says which.
    Us(String),
}

impl Event {
    /// The stream that it is about.
    pub fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Opened { stream, .. }
            | Self::Message { stream, .. }
            | Self::Data { stream, .. }
            | Self::Ended { stream }
            | Self::Reset { stream, .. }
            | Self::Writable { stream } => Some(*stream),
            Self::Hello(_) | Self::Pong { .. } | Self::GoAway { .. } => None,
        }
    }
}

/// An event that waits, with what it counts towards
/// [`MOST_UNREAD`](crate::limits::MOST_UNREAD).
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: Event,
    pub(super) cost: usize,
}

impl Waiting {
    pub(super) fn new(event: Event, length: usize) -> Self {
        Self {
            event,
            cost: length + EVENT_COST,
        }
    }
}

/// What a connection holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Bytes received: an unfinished frame, events that wait, and data that was not granted anew,
    /// wherever the owner keeps it.
    pub received: usize,
    /// Bytes of messages and of data that wait to be sent.
    pub to_send: usize,
}
