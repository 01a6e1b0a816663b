//! What one end takes at most from the other. Each end says its own limits in its hello; until that
//! has arrived the other end keeps to [`Limits::LEAST`], below which nobody may go.

use std::time::Duration;

/// The longest payload of a data frame that may be sent.
pub const LONGEST_DATA: u32 = 64 << 10;
/// The longest payload of a data frame that this program sends: how long bulk may delay a message.
pub const PIECE: usize = 16 << 10;
/// The longest message, its number included, that anybody accepts.
pub const LONGEST_MESSAGE: u32 = 1 << 20;
/// The most bytes of one stream's data that wait here to be sent.
pub const STREAM_QUEUE: usize = 256 << 10;
/// The most bytes of all streams' data that wait here to be sent, besides one [`PIECE`] for each stream.
pub const DATA_QUEUE: usize = 4 << 20;
/// The most bytes of messages that wait here to be sent.
pub const MESSAGE_QUEUE: usize = 4 << 20;
/// The most bytes of events that wait for [`poll_event`](crate::Connection::poll_event), each counted
/// with [`EVENT_COST`] beside its own. Whoever drains the events after each [`READ_PIECE`] never
/// comes near it.
pub const MOST_UNREAD: usize = 8 << 20;
/// What a waiting event is taken to cost beside its bytes.
pub const EVENT_COST: usize = 512;
/// The most bytes that should be handed to [`receive`](crate::Connection::receive) at a time.
pub const READ_PIECE: usize = 64 << 10;
/// The most answers to pings that may wait to be sent.
pub const MOST_PONGS: usize = 16;
/// The most credit that a stream or a connection may have at any time.
pub const MOST_CREDIT: u64 = 1 << 31;
/// The most bytes of text with which an end explains why it goes away.
pub const LONGEST_REASON: u32 = 400;

/// What one end takes from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    streams: u32,
    stream_credit: u32,
    connection_credit: u32,
    longest_message: u32,
}

/// Why limits are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimits {
    #[error("{0} open streams are out of range: {least} to 65536 are possible", least = Limits::LEAST.streams)]
    Streams(u32),
    #[error("a stream's credit of {0} bytes is out of range: {least} to {MOST_CREDIT} are possible", least = Limits::LEAST.stream_credit)]
    StreamCredit(u32),
    #[error("a connection's credit of {0} bytes is out of range: {least}, and four streams' credit, to {MOST_CREDIT} are possible", least = Limits::LEAST.connection_credit)]
    ConnectionCredit(u32),
    #[error("a longest message of {0} bytes is out of range: {least} to {LONGEST_MESSAGE} are possible", least = Limits::LEAST.longest_message)]
    LongestMessage(u32),
}

impl Limits {
    /// What every end accepts, so that nobody has to wait for a hello before the first request.
    pub const LEAST: Self = Self {
        streams: 16,
        stream_credit: 64 << 10,
        connection_credit: 1 << 20,
        longest_message: 64 << 10,
    };

    /// For hosts that know each other: a stream that nobody reads holds 256 KiB, and all 128
    /// together just what the connection may hold, so none of them can stop another.
    pub const USUAL: Self = Self {
        streams: 128,
        stream_credit: 256 << 10,
        connection_credit: 32 << 20,
        longest_message: LONGEST_MESSAGE,
    };

    /// `streams` that the other end may have open, bytes of data that it may send unread on one
    /// stream and on all together, and the longest message. `streams × stream_credit ≤
    /// connection_credit` is what makes a stream that is not read stop no other; more is allowed
    /// for those who read promptly.
    pub fn new(
        streams: u32,
        stream_credit: u32,
        connection_credit: u32,
        longest_message: u32,
    ) -> Result<Self, BadLimits> {
        let least = Self::LEAST;
        let most = u32::try_from(MOST_CREDIT).unwrap_or(u32::MAX);
        if !(least.streams..=1 << 16).contains(&streams) {
            return Err(BadLimits::Streams(streams));
        }
        if !(least.stream_credit..=most).contains(&stream_credit) {
            return Err(BadLimits::StreamCredit(stream_credit));
        }
        let floor = least.connection_credit.max(stream_credit.saturating_mul(4));
        if !(floor..=most).contains(&connection_credit) {
            return Err(BadLimits::ConnectionCredit(connection_credit));
        }
        if !(least.longest_message..=LONGEST_MESSAGE).contains(&longest_message) {
            return Err(BadLimits::LongestMessage(longest_message));
        }
        Ok(Self {
            streams,
            stream_credit,
            connection_credit,
            longest_message,
        })
    }

    /// Streams that the other end may have open at a time.
    pub fn streams(&self) -> u32 {
        self.streams
    }

    /// Bytes of data that may be on their way or unread on one stream, unless it is widened.
    pub fn stream_credit(&self) -> u32 {
        self.stream_credit
    }

    /// Bytes of data that may be on their way or unread on all streams together.
    pub fn connection_credit(&self) -> u32 {
        self.connection_credit
    }

    /// Bytes of the longest message, its number included.
    pub fn longest_message(&self) -> u32 {
        self.longest_message
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// How long an end waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the hello, from the start.
    pub hello: Duration,
    /// For any whole frame, before it asks with a ping.
    pub quiet: Duration,
    /// For any whole frame after that ping.
    pub answer: Duration,
}

impl Default for Patience {
    /// A network that is away for some seconds (a roaming laptop) loses no connection.
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            quiet: Duration::from_secs(20),
            answer: Duration::from_secs(20),
        }
    }
}

/// A time on the caller's clock: how long after a start of its choice. Only differences matter, and
/// no call may be given an earlier time than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub Duration);

impl Moment {
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}
