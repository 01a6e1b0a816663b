//! What goes out next: what keeps the connection going, then messages in the order in which they
//! were sent, then bulk, whose streams take turns piece by piece.

use std::collections::VecDeque;

use super::event::{Event, Waiting};
use super::stream::{Item, Listed, Resetting, Stream};
use super::{Connection, room};
use crate::frame::{self, Kind};
use crate::id::StreamId;
use crate::limits::{LONGEST_REASON, Limits, PIECE};

/// One call appends about so much. A message that comes later waits for no more than that.
const BATCH: usize = 4 * PIECE;
/// Messages leave room for one piece of bulk in each batch, so that they cannot starve it.
const URGENT: usize = BATCH - PIECE;

/// Everything about sending that belongs to no single stream.
#[derive(Debug)]
pub(super) struct Sending {
    hello: Option<Vec<u8>>,
    farewell: Option<Vec<u8>>,
    pub(super) pongs: VecDeque<[u8; 8]>,
    /// Pings asked for so far; the number of each is its token.
    asked: u64,
    /// Pings sent so far.
    pinged: u64,
    /// The ping that is not answered.
    pub(super) unanswered: Option<u64>,
    /// Data that may be sent on all streams together.
    pub(super) credit: u64,
    /// Credit for the connection that the other end is not told of yet.
    pub(super) owed: u64,
    /// Streams with credit that the other end is to be told of.
    owing: VecDeque<StreamId>,
    resets: VecDeque<StreamId>,
    urgent: VecDeque<StreamId>,
    bulk: VecDeque<StreamId>,
    /// Streams whose data was refused for want of room.
    pub(super) wanting: VecDeque<StreamId>,
    pub(super) queued_messages: usize,
    pub(super) queued_data: usize,
}

impl Sending {
    pub(super) fn new(hello: Vec<u8>) -> Self {
        Self {
            hello: Some(hello),
            farewell: None,
            pongs: VecDeque::new(),
            asked: 0,
            pinged: 0,
            unanswered: None,
            credit: Limits::LEAST.connection_credit().into(),
            owed: 0,
            owing: VecDeque::new(),
            resets: VecDeque::new(),
            urgent: VecDeque::new(),
            bulk: VecDeque::new(),
            wanting: VecDeque::new(),
            queued_messages: 0,
            queued_data: 0,
        }
    }

    /// What is still said when the connection has failed.
    pub(super) fn after_failure(&mut self, accusation: Option<String>) -> Self {
        let mut last = Self::new(Vec::new());
        last.hello = self.hello.take();
        if let Some(text) = accusation {
            last.say_farewell(true, &text);
        }
        last
    }

    /// `accuses`: the other end broke the protocol, and the connection is over.
    pub(super) fn say_farewell(&mut self, accuses: bool, text: &str) {
        let mut payload = u32::from(accuses).to_be_bytes().to_vec();
        let mut end = text.len().min(LONGEST_REASON as usize);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        payload.extend_from_slice(&text.as_bytes()[..end]);
        self.farewell = Some(payload);
    }

    /// A ping is to be sent, unless one is on its way; its token.
    pub(super) fn ask(&mut self) -> u64 {
        *self.unanswered.get_or_insert_with(|| {
            self.asked += 1;
            self.asked
        })
    }

    pub(super) fn has_sent(&self, token: u64) -> bool {
        token <= self.pinged
    }

    /// The other end is to be told of the credit that the stream owes.
    pub(super) fn announce(&mut self, stream: StreamId, state: &mut Stream) {
        if !std::mem::replace(&mut state.owed_listed, true) {
            self.owing.push_back(stream);
        }
    }

    /// Drops what the stream has to send, except its opening.
    pub(super) fn drop_queue(&mut self, state: &mut Stream) {
        self.queued_data -= state.queued;
        for item in &state.queue {
            if let Item::Message(payload) = item {
                self.queued_messages -= payload.len();
            }
        }
        state.clear_queue();
    }

    /// Takes the stream out of every list.
    pub(super) fn unlist(&mut self, stream: StreamId) {
        for list in [
            &mut self.owing,
            &mut self.resets,
            &mut self.urgent,
            &mut self.bulk,
            &mut self.wanting,
        ] {
            list.retain(|listed| *listed != stream);
        }
    }

    fn list(&mut self, which: Listed) -> Option<&mut VecDeque<StreamId>> {
        match which {
            Listed::No => None,
            Listed::Reset => Some(&mut self.resets),
            Listed::Urgent => Some(&mut self.urgent),
            Listed::Bulk => Some(&mut self.bulk),
        }
    }
}

impl Connection {
    /// Appends what is to be sent next, about 64 KiB at a time; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        self.send_control(out);
        while out.len() - start < URGENT
            && let Some(stream) = self.sending.urgent.pop_front()
        {
            self.send_first(stream, out);
        }
        while out.len() - start < BATCH
            && self.sending.credit > 0
            && let Some(stream) = self.sending.bulk.pop_front()
        {
            self.send_piece(stream, out);
        }
        self.wake_writers();
        out.len() > start
    }

    /// Puts the stream into the list where what it sends next belongs.
    pub(super) fn list(&mut self, stream: StreamId) {
        let Some(state) = self.streams.get_mut(&stream) else {
            return;
        };
        let wanted = state.wanted_list();
        let listed = std::mem::replace(&mut state.listed, wanted);
        if wanted == listed {
            return;
        }
        if let Some(list) = self.sending.list(listed) {
            list.retain(|one| *one != stream);
        }
        if let Some(list) = self.sending.list(wanted) {
            list.push_back(stream);
        }
    }

    /// Everything whose length is bounded and that must not wait. Resets go before pongs: a pong
    /// shows that all resets before its ping were seen.
    fn send_control(&mut self, out: &mut Vec<u8>) {
        let connection = StreamId::CONNECTION;
        if let Some(hello) = self.sending.hello.take() {
            frame::write(Kind::Message, connection, &hello, out);
        }
        while let Some(stream) = self.sending.resets.pop_front() {
            self.send_first(stream, out);
        }
        while let Some(bytes) = self.sending.pongs.pop_front() {
            frame::write(Kind::Pong, connection, &bytes, out);
        }
        if self.sending.asked > self.sending.pinged {
            self.sending.pinged += 1;
            let token = self.sending.pinged.to_be_bytes();
            frame::write(Kind::Ping, connection, &token, out);
        }
        if self.sending.owed * 4 >= u64::from(self.limits.connection_credit()) {
            let owed = std::mem::take(&mut self.sending.owed);
            self.allowed += owed;
            write_credit(connection, owed, out);
        }
        while let Some(stream) = self.sending.owing.pop_front() {
            let Some(state) = self.streams.get_mut(&stream) else {
                continue;
            };
            state.owed_listed = false;
            let owed = std::mem::take(&mut state.owed);
            if state.is_alive() && !state.peer_ended && owed > 0 {
                state.allowed += owed;
                write_credit(stream, owed, out);
            }
        }
        if let Some(payload) = self.sending.farewell.take() {
            frame::write(Kind::GoAway, connection, &payload, out);
        }
    }

    /// Sends what stands first on a stream that was taken from a list, if it is not data.
    fn send_first(&mut self, stream: StreamId, out: &mut Vec<u8>) {
        let Some(state) = self.streams.get_mut(&stream) else {
            return;
        };
        state.listed = Listed::No;
        match state.queue.pop_front() {
            Some(Item::Open(payload)) => {
                self.sending.queued_messages -= payload.len();
                frame::write(Kind::Open, stream, &payload, out);
            }
            Some(Item::Message(payload)) => {
                self.sending.queued_messages -= payload.len();
                frame::write(Kind::Message, stream, &payload, out);
            }
            Some(Item::End) => {
                frame::write(Kind::End, stream, &[], out);
                state.end_sent = true;
                if state.peer_ended {
                    return self.remove(stream);
                }
            }
            Some(Item::Reset(code)) => {
                frame::write(Kind::Reset, stream, &code.0.to_be_bytes(), out);
                if state.resetting == (Resetting::Queued { acknowledges: true }) {
                    return self.remove(stream);
                }
                let pings = self.sending.pinged;
                state.resetting = Resetting::Sent { pings };
            }
            Some(data @ Item::Data(..)) => state.queue.push_front(data),
            None => {}
        }
        self.list(stream);
    }

    fn send_piece(&mut self, stream: StreamId, out: &mut Vec<u8>) {
        let Some(state) = self.streams.get_mut(&stream) else {
            return;
        };
        state.listed = Listed::No;
        let credit = self.sending.credit.min(state.credit);
        let most = usize::try_from(credit).unwrap_or(PIECE).min(PIECE);
        let length = state.data_in_front(most);
        // At most PIECE, which fits.
        frame::Header {
            kind: Kind::Data,
            stream,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
        .write(out);
        state.pull_data(length, out);
        self.sending.credit -= length as u64;
        self.sending.queued_data -= length;
        self.list(stream);
    }

    /// Says which of the streams that wanted to send more have room now.
    fn wake_writers(&mut self) {
        for _ in 0..self.sending.wanting.len() {
            let Some(stream) = self.sending.wanting.pop_front() else {
                return;
            };
            let queued = self.sending.queued_data;
            match self.streams.get_mut(&stream) {
                Some(state) if room(state, queued) < PIECE => {
                    self.sending.wanting.push_back(stream);
                }
                Some(state) => {
                    state.wants_room = false;
                    self.push_own(Waiting::new(Event::Writable { stream }, 0));
                }
                None => {}
            }
        }
    }
}

/// Credit is at most 2^31, so one frame tells it.
fn write_credit(stream: StreamId, owed: u64, out: &mut Vec<u8>) {
    let owed = u32::try_from(owed).unwrap_or(u32::MAX);
    frame::write(Kind::Credit, stream, &owed.to_be_bytes(), out);
}
