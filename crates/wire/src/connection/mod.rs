//! A connection as a state machine: bytes and the time go in, events and bytes come out.
//!
//! - `receive.rs` reads what the other end sent and keeps it to the rules;
//! - `send.rs` chooses what goes out next;
//! - `stream.rs` is one stream's state, `watch.rs` the deadlines.

mod event;
mod receive;
mod send;
mod stream;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, VecDeque};

pub use event::{Event, Held, ResetBy};

use crate::error::{Fault, Mistake};
use crate::frame::Parser;
use crate::id::{ResetCode, Side, StreamId};
use crate::limits::{DATA_QUEUE, Limits, MESSAGE_QUEUE, MOST_CREDIT, Moment, PIECE, STREAM_QUEUE};
use crate::message::{Hello, Outgoing};
use event::Waiting;
use send::Sending;
use stream::{Item, Resetting, Stream};
use watch::Watch;

/// One end of a connection.
///
/// Whoever owns it moves bytes and time. After every call that takes `&mut self`, drain
/// [`poll_event`](Self::poll_event); then call [`poll_transmit`](Self::poll_transmit) whenever the
/// socket has taken what the last such call gave, until there is nothing; and
/// [`handle_timeout`](Self::handle_timeout) not later than [`next_timeout`](Self::next_timeout).
///
/// A [`Fault`] is final: send what [`poll_transmit`](Self::poll_transmit) still has, and close.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    limits: Limits,
    /// What the other end takes: the least until its hello is here.
    peer: Limits,
    greeted: bool,
    parser: Parser,
    streams: BTreeMap<StreamId, Stream>,
    /// How many of `streams` each side opened.
    own_open: u32,
    peer_open: u32,
    next_own: Option<StreamId>,
    next_peer: Option<StreamId>,
    /// Bytes of data that the other end may still send on all streams together.
    allowed: u64,
    /// Data received and not granted anew, of all streams that are not over.
    unreturned: u64,
    events: VecDeque<Waiting>,
    /// Cost of `events`.
    unread: usize,
    sending: Sending,
    watch: Watch,
    /// This end takes no new streams, and has said so.
    leaving: bool,
    /// The other end takes none.
    peer_leaves: bool,
    failed: Option<Fault>,
}

impl Connection {
    /// A new end. `hello` says this end's limits, and is sent at once.
    pub fn new(side: Side, hello: &Hello, limits: Limits, now: Moment) -> Self {
        let mut hello = hello.clone();
        hello.limits = limits.into();
        Self {
            side,
            limits,
            peer: Limits::LEAST,
            greeted: false,
            parser: Parser::new(limits.longest_message()),
            streams: BTreeMap::new(),
            own_open: 0,
            peer_open: 0,
            next_own: Some(side.first()),
            next_peer: Some(side.other().first()),
            allowed: limits.connection_credit().into(),
            unreturned: 0,
            events: VecDeque::new(),
            unread: 0,
            sending: Sending::new(hello.payload()),
            watch: Watch::new(crate::limits::Patience::default(), now),
            leaving: false,
            peer_leaves: false,
            failed: None,
        }
    }

    /// The same with other deadlines.
    #[must_use]
    pub fn with_patience(mut self, patience: crate::limits::Patience, now: Moment) -> Self {
        self.watch = Watch::new(patience, now);
        self
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        Some(self.poll_event_and_cost()?.0)
    }

    /// The same, with about how many bytes of memory it takes: for whoever keeps events.
    pub fn poll_event_and_cost(&mut self) -> Option<(Event, usize)> {
        let Waiting { event, cost } = self.events.pop_front()?;
        self.unread -= cost;
        Some((event, cost))
    }

    /// Opens a stream with its first message.
    pub fn open<M: Outgoing>(&mut self, message: &M) -> Result<StreamId, Mistake> {
        self.check()?;
        if self.peer_leaves {
            return Err(Mistake::GoingAway);
        }
        if self.own_open >= self.peer.streams() {
            return Err(Mistake::TooManyStreams(self.peer.streams()));
        }
        let stream = self.next_own.ok_or(Mistake::NumbersUsedUp)?;
        let payload = self.payload(message)?;
        self.next_own = stream.next();
        self.own_open += 1;
        let mut state = Stream::new(self.peer.stream_credit(), self.limits.stream_credit());
        self.sending.queued_messages += payload.len();
        state.queue.push_back(Item::Open(payload));
        self.streams.insert(stream, state);
        self.list(stream);
        Ok(stream)
    }

    /// Puts a message behind what the stream has to send.
    pub fn send_message<M: Outgoing>(
        &mut self,
        stream: StreamId,
        message: &M,
    ) -> Result<(), Mistake> {
        self.check()?;
        let payload = self.payload(message)?;
        let length = payload.len();
        let state = self.sendable(stream)?;
        state.queue.push_back(Item::Message(payload));
        self.sending.queued_messages += length;
        self.list(stream);
        Ok(())
    }

    /// Puts data behind what the stream has to send, as much as there is room for, and says how
    /// much that was. If it was not all, [`Event::Writable`] follows.
    pub fn send_data(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, Mistake> {
        self.check()?;
        let queued = self.sending.queued_data;
        let state = self.sendable(stream)?;
        let taken = room(state, queued).min(bytes.len());
        if taken > 0 {
            state.push_data(&bytes[..taken]);
        }
        let wants =
            taken < bytes.len() && !std::mem::replace(&mut state.wants_room, taken < bytes.len());
        self.sending.queued_data += taken;
        if wants {
            self.sending.wanting.push_back(stream);
        }
        self.list(stream);
        Ok(taken)
    }

    /// This end sends nothing more on the stream. When both ends have said so, it is over.
    pub fn finish(&mut self, stream: StreamId) -> Result<(), Mistake> {
        self.check()?;
        let state = self.sendable(stream)?;
        state.finished = true;
        state.queue.push_back(Item::End);
        self.list(stream);
        Ok(())
    }

    /// Ends the stream in both directions, ahead of what it had to send. Its events that wait are dropped.
    /// Harmless on a stream that is over.
    pub fn reset(&mut self, stream: StreamId, code: ResetCode) {
        if self.failed.is_some() || !self.streams.get(&stream).is_some_and(Stream::is_alive) {
            return;
        }
        let unread = &mut self.unread;
        self.events.retain(|waiting| {
            let keep = waiting.event.stream() != Some(stream);
            if !keep {
                *unread -= waiting.cost;
            }
            keep
        });
        self.start_reset(stream, code, false);
    }

    /// `count` bytes of data that the stream brought are used up, and as many may follow.
    pub fn grant_credit(&mut self, stream: StreamId, count: u64) -> Result<(), Mistake> {
        self.check()?;
        let Some(state) = self.streams.get_mut(&stream) else {
            // What a stream still held was granted when it ended.
            return Ok(());
        };
        if !state.is_alive() {
            return Ok(());
        }
        if count > state.unreturned {
            return Err(Mistake::NotReceived {
                granted: count,
                received: state.unreturned,
            });
        }
        state.unreturned -= count;
        if !state.peer_ended {
            state.owed += count;
            let due = state.owed * 4 >= state.window;
            if due {
                self.sending.announce(stream, state);
            }
        }
        self.give_back(count);
        Ok(())
    }

    /// Lets the other end send `more` bytes beyond the usual credit on this stream: for bulk over a
    /// long way. What all streams hold together stays within the connection's credit.
    pub fn widen(&mut self, stream: StreamId, more: u32) -> Result<(), Mistake> {
        self.check()?;
        let state = self
            .streams
            .get_mut(&stream)
            .filter(|state| state.is_alive())
            .ok_or(Mistake::Over)?;
        let more = u64::from(more).min((MOST_CREDIT / 2).saturating_sub(state.window));
        state.window += more;
        state.owed += more;
        if more > 0 && !state.peer_ended {
            self.sending.announce(stream, state);
        }
        Ok(())
    }

    /// Asks the other end for a sign of life; [`Event::Pong`] brings the same token. While one is
    /// on its way, it is the one.
    pub fn ping(&mut self) -> u64 {
        self.sending.ask()
    }

    /// Takes no new streams from now on; open ones go on. New ones are reset unread.
    pub fn go_away(&mut self, text: &str) {
        if !self.leaving && self.failed.is_none() {
            self.leaving = true;
            self.sending.say_farewell(false, text);
        }
    }

    /// Whether the other end said that it goes away.
    pub fn peer_leaves(&self) -> bool {
        self.peer_leaves
    }

    /// Streams that are not over.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// How much data [`Self::send_data`] would take.
    pub fn room(&self, stream: StreamId) -> usize {
        match self.streams.get(&stream) {
            Some(state) if state.is_alive() && !state.finished => {
                room(state, self.sending.queued_data)
            }
            _ => 0,
        }
    }

    /// What it holds in memory.
    pub fn held(&self) -> Held {
        Held {
            // Limits are far below 2^63.
            received: self.parser.kept()
                + self.unread
                + usize::try_from(self.unreturned).unwrap_or(usize::MAX),
            to_send: self.sending.queued_messages + self.sending.queued_data,
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.failed.is_none().then(|| self.watch.next())
    }

    /// The time has come, or some other time: early calls do nothing.
    pub fn handle_timeout(&mut self, now: Moment) -> Result<(), Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        match self.watch.at(now, self.greeted) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.sending.ask();
                Ok(())
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn check(&self) -> Result<(), Mistake> {
        match &self.failed {
            Some(fault) => Err(Mistake::Failed(fault.clone())),
            None => Ok(()),
        }
    }

    /// A message's bytes, if the other end takes them and there is room for them.
    fn payload<M: Outgoing>(&self, message: &M) -> Result<Vec<u8>, Mistake> {
        let payload = message.payload();
        let most = self.peer.longest_message();
        if payload.len() > most as usize {
            return Err(Mistake::TooLong {
                length: payload.len(),
                most,
            });
        }
        if self.sending.queued_messages + payload.len() > MESSAGE_QUEUE {
            return Err(Mistake::QueueFull);
        }
        Ok(payload)
    }

    fn sendable(&mut self, stream: StreamId) -> Result<&mut Stream, Mistake> {
        match self.streams.get_mut(&stream) {
            Some(state) if !state.is_alive() => Err(Mistake::Over),
            Some(state) if state.finished => Err(Mistake::Ended),
            Some(state) => Ok(state),
            None => Err(Mistake::Over),
        }
    }

    /// Puts a reset ahead of all that the stream had to send.
    fn start_reset(&mut self, stream: StreamId, code: ResetCode, acknowledges: bool) {
        let Some(state) = self.streams.get_mut(&stream) else {
            return;
        };
        self.sending.drop_queue(state);
        state.queue.push_back(Item::Reset(code));
        state.resetting = Resetting::Queued { acknowledges };
        let unreturned = std::mem::take(&mut state.unreturned);
        self.give_back(unreturned);
        self.list(stream);
    }

    /// Data of so many bytes is no longer held: as much may come again.
    fn give_back(&mut self, count: u64) {
        self.unreturned -= count;
        self.sending.owed += count;
    }

    /// The stream is over and forgotten.
    fn remove(&mut self, stream: StreamId) {
        if let Some(mut state) = self.streams.remove(&stream) {
            self.sending.drop_queue(&mut state);
            self.sending.unlist(stream);
            self.give_back(state.unreturned);
            if stream.opener() == Some(self.side) {
                self.own_open -= 1;
            } else {
                self.peer_open -= 1;
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        let accuse = fault.owner() == crate::error::Owner::Peer;
        self.sending = self
            .sending
            .after_failure(accuse.then(|| fault.to_string()));
        self.streams.clear();
        self.events.clear();
        self.unread = 0;
        self.unreturned = 0;
        self.parser = Parser::new(self.limits.longest_message());
        self.failed = Some(fault.clone());
        fault
    }
}

/// How much data a stream takes beside what waits, `queued` of all streams together.
fn room(state: &Stream, queued: usize) -> usize {
    let alone = STREAM_QUEUE.saturating_sub(state.queued);
    let shared = DATA_QUEUE.saturating_sub(queued);
    alone.min(shared.max(PIECE.saturating_sub(state.queued)))
}
