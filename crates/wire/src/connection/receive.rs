//! Reads what the other end sent, and keeps it to the rules.

use super::Connection;
use super::event::{Event, ResetBy, Waiting};
use super::stream::{Resetting, Stream};
use crate::error::Fault;
use crate::frame::{Header, Kind};
use crate::id::{ResetCode, StreamId};
use crate::limits::{Limits, MOST_CREDIT, MOST_PONGS, MOST_UNREAD};
use crate::message::{Message, Unreadable, cost};

impl Connection {
    /// Takes what arrived, at most [`READ_PIECE`](crate::limits::READ_PIECE) bytes; then drain the
    /// events. After a fault, the same fault for ever.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        let mut rest = bytes;
        loop {
            let before = rest.len();
            let step = match self.parser.next(&mut rest) {
                Ok(Some((header, payload))) => {
                    self.watch.frame();
                    self.take_frame(header, payload)
                }
                Ok(None) => {
                    self.watch.bytes(before);
                    return Ok(());
                }
                // Whatever is wrong with the first header: it is none of ours.
                Err(_) if !self.greeted => Err(Fault::NoHello),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = step {
                return Err(self.fail(fault));
            }
        }
    }

    fn take_frame(&mut self, header: Header, payload: Vec<u8>) -> Result<(), Fault> {
        let Header { kind, stream, .. } = header;
        if !self.greeted {
            return self.take_hello(header, &payload);
        }
        match kind {
            Kind::Open => self.take_open(stream, &payload),
            Kind::Message if stream == StreamId::CONNECTION => Err(Fault::SecondHello),
            Kind::Message => self.take_message(stream, &payload),
            Kind::Data => self.take_data(stream, payload),
            Kind::End => self.take_end(stream),
            Kind::Reset => self.take_reset(stream, ResetCode(number(&payload))),
            Kind::Credit => self.take_credit(stream, number(&payload)),
            Kind::Ping => self.take_ping(&payload),
            Kind::Pong => self.take_pong(&payload),
            Kind::GoAway => self.take_farewell(&payload),
        }
    }

    fn take_hello(&mut self, header: Header, payload: &[u8]) -> Result<(), Fault> {
        if header.kind != Kind::Message || header.stream != StreamId::CONNECTION {
            return Err(Fault::NoHello);
        }
        let hello = match Message::decode(payload) {
            Ok(Message::Hello(hello)) => hello,
            Ok(_) | Err(Unreadable::UnknownKind(_)) => return Err(Fault::NoHello),
            Err(bad) => return Err(malformed(payload, &bad)),
        };
        let peer = hello.limits.check()?;
        self.greeted = true;
        // Both were at least the least, which is what they had until now.
        let more = u64::from(peer.stream_credit() - Limits::LEAST.stream_credit());
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        for stream in streams {
            if let Some(state) = self.streams.get_mut(&stream) {
                state.credit += more;
            }
            self.list(stream);
        }
        self.sending.credit +=
            u64::from(peer.connection_credit() - Limits::LEAST.connection_credit());
        self.peer = peer;
        self.push(Event::Hello(Box::new(hello)), payload.len())
    }

    fn take_open(&mut self, stream: StreamId, payload: &[u8]) -> Result<(), Fault> {
        let kind = Kind::Open;
        if stream.opener() != Some(self.side.other()) {
            return Err(Fault::WrongStream { kind, stream });
        }
        let expected = self.next_peer.ok_or(Fault::OpenedTwice(stream))?;
        if stream < expected {
            return Err(Fault::OpenedTwice(stream));
        }
        if stream > expected {
            return Err(Fault::OutOfOrder { stream, expected });
        }
        if self.peer_open >= self.limits.streams() {
            return Err(Fault::TooManyStreams(self.peer_open));
        }
        self.next_peer = stream.next();
        self.peer_open += 1;
        self.streams.insert(
            stream,
            Stream::new(self.peer.stream_credit(), self.limits.stream_credit()),
        );
        if self.leaving {
            self.start_reset(stream, ResetCode::GOING_AWAY, false);
            return Ok(());
        }
        match self.read(stream, payload)? {
            Some(message) => self.push(Event::Opened { stream, message }, cost(payload)),
            None => Ok(()),
        }
    }

    fn take_message(&mut self, stream: StreamId, payload: &[u8]) -> Result<(), Fault> {
        if !self.receiving(Kind::Message, stream)?.is_alive() {
            return Ok(());
        }
        match self.read(stream, payload)? {
            Some(message) => self.push(Event::Message { stream, message }, cost(payload)),
            None => Ok(()),
        }
    }

    /// The message, or none if it ended its stream.
    fn read(&mut self, stream: StreamId, payload: &[u8]) -> Result<Option<Message>, Fault> {
        let (code, why) = match Message::decode(payload) {
            Ok(Message::Hello(_)) => (ResetCode::OUT_OF_PLACE, "a second hello".to_owned()),
            Ok(message) => return Ok(Some(message)),
            Err(bad @ Unreadable::UnknownKind(_)) => (ResetCode::UNKNOWN_MESSAGE, bad.to_string()),
            Err(bad @ Unreadable::Field { .. }) => (ResetCode::INVALID_FIELD, bad.to_string()),
            Err(bad @ Unreadable::Malformed(_)) => return Err(malformed(payload, &bad)),
        };
        self.start_reset(stream, code, false);
        let why = ResetBy::Us(why);
        self.push(Event::Reset { stream, code, why }, 0)?;
        Ok(None)
    }

    fn take_data(&mut self, stream: StreamId, bytes: Vec<u8>) -> Result<(), Fault> {
        let length = bytes.len() as u64;
        let state = self.receiving(Kind::Data, stream)?;
        state.allowed = state
            .allowed
            .checked_sub(length)
            .ok_or(Fault::Overrun(stream))?;
        let alive = state.is_alive();
        if alive {
            state.unreturned += length;
        }
        self.allowed = self
            .allowed
            .checked_sub(length)
            .ok_or(Fault::ConnectionOverrun)?;
        self.unreturned += length;
        if alive {
            let length = bytes.len();
            return self.push(Event::Data { stream, bytes }, length);
        }
        self.give_back(length);
        Ok(())
    }

    fn take_end(&mut self, stream: StreamId) -> Result<(), Fault> {
        let state = self.receiving(Kind::End, stream)?;
        state.peer_ended = true;
        let (alive, over) = (state.is_alive(), state.end_sent);
        // Also for a stream that this end has reset: the other end, which has seen both ends,
        // has forgotten it and does not confirm the reset.
        if over {
            self.remove(stream);
        }
        if alive {
            self.push(Event::Ended { stream }, 0)?;
        }
        Ok(())
    }

    fn take_reset(&mut self, stream: StreamId, code: ResetCode) -> Result<(), Fault> {
        let Some(state) = self.known(Kind::Reset, stream)? else {
            return Ok(());
        };
        match state.resetting {
            Resetting::Sent { .. } => self.remove(stream),
            Resetting::Queued { acknowledges: true } => {
                let kind = Kind::Reset;
                return Err(Fault::AfterEnd { kind, stream });
            }
            // The other end, which has not seen this end's reset, takes it as its confirmation.
            Resetting::Queued { .. } => {
                state.resetting = Resetting::Queued { acknowledges: true };
            }
            Resetting::No => {
                self.start_reset(stream, code, true);
                let why = ResetBy::Peer;
                self.push(Event::Reset { stream, code, why }, 0)?;
            }
        }
        Ok(())
    }

    fn take_credit(&mut self, stream: StreamId, count: u32) -> Result<(), Fault> {
        let grow = |credit: u64| match credit + u64::from(count) {
            sum if count > 0 && sum <= MOST_CREDIT => Ok(sum),
            _ => Err(Fault::BadCredit(stream)),
        };
        if stream == StreamId::CONNECTION {
            self.sending.credit = grow(self.sending.credit)?;
        } else if let Some(state) = self.known(Kind::Credit, stream)? {
            state.credit = grow(state.credit)?;
            self.list(stream);
        }
        Ok(())
    }

    fn take_ping(&mut self, payload: &[u8]) -> Result<(), Fault> {
        if self.sending.pongs.len() >= MOST_PONGS {
            return Err(Fault::PingFlood);
        }
        self.sending.pongs.push_back(token(payload));
        Ok(())
    }

    fn take_pong(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let token = u64::from_be_bytes(token(payload));
        if self.sending.unanswered != Some(token) || !self.sending.has_sent(token) {
            return Err(Fault::UnaskedPong);
        }
        self.sending.unanswered = None;
        for (stream, state) in &self.streams {
            if let Resetting::Sent { pings } = state.resetting
                && pings < token
            {
                return Err(Fault::ResetIgnored(*stream));
            }
        }
        self.push(Event::Pong { token }, 0)
    }

    fn take_farewell(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(payload.get(4..).unwrap_or_default());
        let text = text.chars().filter(|c| !c.is_control()).collect();
        if number(payload) == 1 {
            return Err(Fault::Accused(text));
        }
        self.peer_leaves = true;
        self.push(Event::GoAway { text }, payload.len())
    }

    /// The stream, if the other end may still send on it.
    fn receiving(&mut self, kind: Kind, stream: StreamId) -> Result<&mut Stream, Fault> {
        match self.known(kind, stream)? {
            Some(state)
                if state.peer_ended
                    || state.resetting == (Resetting::Queued { acknowledges: true }) =>
            {
                Err(Fault::AfterEnd { kind, stream })
            }
            Some(state) => Ok(state),
            None => Err(Fault::AfterEnd { kind, stream }),
        }
    }

    /// The stream, or none if it is over.
    fn known(&mut self, kind: Kind, stream: StreamId) -> Result<Option<&mut Stream>, Fault> {
        let next = if stream.opener() == Some(self.side) {
            self.next_own
        } else {
            self.next_peer
        };
        if next.is_some_and(|next| stream >= next) {
            return Err(Fault::NeverOpened { kind, stream });
        }
        Ok(self.streams.get_mut(&stream))
    }

    fn push(&mut self, event: Event, length: usize) -> Result<(), Fault> {
        self.push_own(Waiting::new(event, length));
        if self.unread > MOST_UNREAD {
            return Err(Fault::MessageFlood);
        }
        Ok(())
    }

    /// An event that the other end did not cause.
    pub(super) fn push_own(&mut self, waiting: Waiting) {
        self.unread += waiting.cost;
        self.events.push_back(waiting);
    }
}

/// The number at the front of a payload whose length its header was checked for.
fn number(payload: &[u8]) -> u32 {
    payload
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn token(payload: &[u8]) -> [u8; 8] {
    payload.first_chunk().copied().unwrap_or_default()
}

fn malformed(payload: &[u8], bad: &Unreadable) -> Fault {
    Fault::Malformed {
        number: payload
            .first_chunk()
            .map_or(0, |bytes| u16::from_be_bytes(*bytes)),
        why: bad.to_string(),
    }
}
