//! The rules of a connection, one by one. Random schedules are in `tests/random.rs`.

mod ends;
mod flow;
mod rules;

use std::time::Duration;

use super::*;
use crate::error::Owner;
use crate::frame::{self, Kind};
use crate::limits::MOST_PONGS;
use crate::message::{Accepted, Capabilities, Message, Outgoing, Started, Verified};
use crate::name::Count;
use job::Digest;

const START: Moment = Moment(Duration::ZERO);

fn hello() -> Hello {
    Hello::new("floe", "test", Capabilities::default())
}

fn end(side: Side) -> Connection {
    Connection::new(side, &hello(), Limits::USUAL, START)
}

fn question() -> Verified {
    Verified {
        manifest: Digest::from_bytes([7; 32]),
    }
}

/// Moves everything both have to say.
fn talk(a: &mut Connection, b: &mut Connection) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let first = a.poll_transmit(&mut bytes);
        b.receive(&bytes).unwrap();
        bytes.clear();
        let second = b.poll_transmit(&mut bytes);
        a.receive(&bytes).unwrap();
        if !first && !second {
            return;
        }
    }
}

fn events(of: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| of.poll_event()).collect()
}

/// Two ends that have said hello.
fn pair() -> (Connection, Connection) {
    let (mut a, mut b) = (end(Side::Connecting), end(Side::Accepting));
    talk(&mut a, &mut b);
    for side in [&mut a, &mut b] {
        assert!(matches!(events(side).as_slice(), [Event::Hello(_)]));
    }
    (a, b)
}

fn raw(kind: Kind, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(kind, StreamId(stream), payload, &mut out);
    out
}

/// What an end that was greeted answers to `bytes`.
fn fault(bytes: &[u8]) -> Fault {
    let (_, mut b) = pair();
    let fault = b.receive(bytes).unwrap_err();
    assert_eq!(b.receive(b""), Err(fault.clone()), "a fault is final");
    assert_eq!(b.open(&question()), Err(Mistake::Failed(fault.clone())));
    let mut last = Vec::new();
    b.poll_transmit(&mut last);
    let accused = u8::from(fault.owner() == Owner::Peer);
    assert_eq!(last.first() == Some(&(Kind::GoAway as u8)), accused == 1);
    fault
}

fn hello_frame() -> Vec<u8> {
    raw(Kind::Message, 0, &hello().payload())
}
