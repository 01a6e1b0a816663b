//! A frame: nine bytes of header (kind, stream, length; numbers with the highest byte first), then
//! the payload. Everything that can be refused is refused from the header, before its payload is
//! waited for.

use std::fmt;

use crate::error::Fault;
use crate::id::StreamId;
use crate::limits::{LONGEST_DATA, LONGEST_MESSAGE, LONGEST_REASON};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal, $stream:ident, $length:expr;)*) => {
        /// What a frame is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name = $number,)*
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn of(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, for the document.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)* }
            }

            pub(crate) fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$stream,)* }
            }

            /// How long its payload may be.
            pub(crate) fn lengths(self) -> std::ops::RangeInclusive<u32> {
                match self { $(Self::$name => $length,)* }
            }
        }
    };
}

/// What a frame may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Stream,
    Connection,
    Either,
}

kinds! {
    /// Opens the stream with its first message: the message's number in two bytes, then its body.
    Open = 1, "open", Stream, 2..=LONGEST_MESSAGE;
    /// A further message on the stream. On stream 0 only the hello, once, before everything else.
    Message = 2, "message", Either, 2..=LONGEST_MESSAGE;
    /// Raw bytes, whose meaning the messages before them tell. They cost credit.
    Data = 3, "data", Stream, 1..=LONGEST_DATA;
    /// The sender sends nothing more on this stream. When both ends have, the stream is over.
    End = 4, "end", Stream, 0..=0;
    /// The stream is over in both directions; four bytes say why. Answered by a reset, unless one was sent already or the stream was over.
    Reset = 5, "reset", Stream, 4..=4;
    /// Four bytes: so many bytes of data more may be sent on the stream, or, for stream 0, on all streams together.
    Credit = 6, "credit", Either, 4..=4;
    /// Eight bytes, to be sent back in a pong at once.
    Ping = 7, "ping", Connection, 8..=8;
    /// The eight bytes of a ping.
    Pong = 8, "pong", Connection, 8..=8;
    /// The sender accepts no new streams; open ones go on. Four bytes are 0 for an orderly end, 1 when the receiver broke the protocol and the connection is over. Text for people follows.
    GoAway = 9, "go-away", Connection, 4..=(4 + LONGEST_REASON);
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// The length of every header.
pub const HEADER: usize = 9;

/// A header whose kind, stream and length go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub stream: StreamId,
    pub length: u32,
}

impl Header {
    /// Reads a header, with the longest message that this end takes.
    pub fn read(bytes: &[u8; HEADER], longest_message: u32) -> Result<Self, Fault> {
        let [kind, a, b, c, d, rest @ ..] = *bytes;
        let kind = Kind::of(kind).ok_or(Fault::UnknownFrame(kind))?;
        let stream = StreamId(u32::from_be_bytes([a, b, c, d]));
        let length = u32::from_be_bytes(rest);
        let fits = match kind.scope() {
            Scope::Stream => stream != StreamId::CONNECTION,
            Scope::Connection => stream == StreamId::CONNECTION,
            Scope::Either => true,
        };
        if !fits {
            return Err(Fault::WrongStream { kind, stream });
        }
        let too_long = matches!(kind, Kind::Open | Kind::Message) && length > longest_message;
        if too_long || !kind.lengths().contains(&length) {
            return Err(Fault::FrameLength { kind, length });
        }
        Ok(Self {
            kind,
            stream,
            length,
        })
    }

    /// Appends the header's bytes.
    pub fn write(self, out: &mut Vec<u8>) {
        out.push(self.kind as u8);
        out.extend_from_slice(&self.stream.0.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
    }
}

/// Appends a frame. Callers keep to the kind's lengths.
pub(crate) fn write(kind: Kind, stream: StreamId, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    debug_assert!(kind.lengths().contains(&length), "{kind} of {length} bytes");
    Header {
        kind,
        stream,
        length,
    }
    .write(out);
    out.extend_from_slice(payload);
}

/// Cuts what arrives into frames. Memory grows with what arrived, never with what was announced.
#[derive(Debug)]
pub struct Parser {
    longest_message: u32,
    partial: [u8; HEADER],
    have: usize,
    open: Option<Header>,
    payload: Vec<u8>,
}

impl Parser {
    pub fn new(longest_message: u32) -> Self {
        Self {
            longest_message,
            partial: [0; HEADER],
            have: 0,
            open: None,
            payload: Vec::new(),
        }
    }

    /// Takes bytes off the front of `bytes` until a frame is whole or none is left.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<(Header, Vec<u8>)>, Fault> {
        let header = match self.open {
            Some(header) => header,
            None => {
                let part = take(bytes, HEADER - self.have);
                self.partial[self.have..self.have + part.len()].copy_from_slice(part);
                self.have += part.len();
                if self.have < HEADER {
                    return Ok(None);
                }
                self.have = 0;
                let header = Header::read(&self.partial, self.longest_message)?;
                self.open = Some(header);
                header
            }
        };
        // A u32 fits a usize on every platform that this compiles for.
        let missing = header.length as usize - self.payload.len();
        self.payload.extend_from_slice(take(bytes, missing));
        if self.payload.len() < header.length as usize {
            return Ok(None);
        }
        self.open = None;
        Ok(Some((header, std::mem::take(&mut self.payload))))
    }

    /// Bytes of an unfinished frame that are kept.
    pub fn kept(&self) -> usize {
        self.payload.capacity()
    }
}

/// Splits up to `most` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    front
}
