//! Two ends on a virtual pipe, with random schedules: bytes arrive in pieces of any length and the
//! ends do whatever comes to their mind. Each failure prints its seed; `WIRE_SEED` repeats it.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::collections::BTreeMap;

use job::Digest;
use wire::message::{Capabilities, Hello, Started, Verified};
use wire::{Connection, Event, Held, Limits, Mistake, Moment, ResetCode, Side, StreamId};

/// xorshift64*: the schedule needs no better.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % most
    }
}

/// One end, with what it knows of its streams.
struct End {
    core: Connection,
    /// Bytes on their way to it.
    pipe: Vec<u8>,
    /// What it may still do on a stream: whether it may send.
    open: BTreeMap<StreamId, bool>,
    sent: BTreeMap<StreamId, u64>,
    got: BTreeMap<StreamId, u64>,
    /// Data that it has not said to have used up.
    keeps: BTreeMap<StreamId, u64>,
    ended: BTreeMap<StreamId, bool>,
}

fn limits() -> Limits {
    Limits::new(20, 64 << 10, 20 * (64 << 10), 64 << 10).unwrap()
}

fn end(side: Side) -> End {
    let hello = Hello::new("floe", "test", Capabilities::default());
    End {
        core: Connection::new(side, &hello, limits(), Moment::default()),
        pipe: Vec::new(),
        open: BTreeMap::new(),
        sent: BTreeMap::new(),
        got: BTreeMap::new(),
        keeps: BTreeMap::new(),
        ended: BTreeMap::new(),
    }
}

impl End {
    /// Bytes of data tell their place in the stream, so order and loss show.
    fn act(&mut self, chance: &mut Chance) {
        let streams: Vec<StreamId> = self.open.keys().copied().collect();
        let any = (!streams.is_empty()).then(|| streams[chance.below(streams.len().max(1))]);
        match (chance.below(12), any) {
            (0 | 1, _) => {
                let ask = Verified {
                    manifest: Digest::from_bytes([1; 32]),
                };
                match self.core.open(&ask) {
                    Ok(stream) => {
                        self.open.insert(stream, true);
                    }
                    Err(Mistake::TooManyStreams(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            (2..=5, Some(stream)) if self.open[&stream] => {
                let start = self.sent.entry(stream).or_default();
                let length = chance.below(100_000);
                let bytes: Vec<u8> = (*start..*start + length as u64).map(place).collect();
                *start += self.core.send_data(stream, &bytes).unwrap() as u64;
            }
            (6, Some(stream)) if self.open[&stream] => {
                self.core.send_message(stream, &Started {}).unwrap();
            }
            (7, Some(stream)) if self.open[&stream] => {
                self.core.finish(stream).unwrap();
                self.open.insert(stream, false);
                self.forget_if_over(stream);
            }
            (8, Some(stream)) if chance.below(3) == 0 => {
                self.core.reset(stream, ResetCode::CANCELLED);
                self.open.remove(&stream);
                self.keeps.remove(&stream);
            }
            (9, _) => {
                self.core.ping();
            }
            (_, Some(stream)) => {
                if let Some(kept) = self.keeps.get_mut(&stream) {
                    let count = chance.below(usize::try_from(*kept).unwrap() + 1) as u64;
                    *kept -= count;
                    self.core.grant_credit(stream, count).unwrap();
                }
            }
            _ => {}
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.core.poll_event() {
            match event {
                Event::Opened { stream, .. } => {
                    self.open.insert(stream, true);
                }
                Event::Data { stream, bytes } => {
                    let got = self.got.entry(stream).or_default();
                    for byte in &bytes {
                        assert_eq!(*byte, place(*got), "stream {stream} at {got}");
                        *got += 1;
                    }
                    *self.keeps.entry(stream).or_default() += bytes.len() as u64;
                }
                Event::Ended { stream } => {
                    self.ended.insert(stream, true);
                    self.forget_if_over(stream);
                }
                Event::Reset { stream, .. } => {
                    self.open.remove(&stream);
                    self.keeps.remove(&stream);
                }
                _ => {}
            }
        }
    }

    fn forget_if_over(&mut self, stream: StreamId) {
        if self.open.get(&stream) == Some(&false) && self.ended.contains_key(&stream) {
            self.open.remove(&stream);
        }
    }

    fn send(&mut self, to: &mut Self) -> bool {
        self.core.poll_transmit(&mut to.pipe)
    }

    fn receive(&mut self, most: usize) {
        let count = most.min(self.pipe.len());
        let piece: Vec<u8> = self.pipe.drain(..count).collect();
        self.core.receive(&piece).unwrap();
        self.take_events();
        self.check();
    }

    fn check(&self) {
        let Held { received, to_send } = self.core.held();
        let most = limits().connection_credit() as usize + 2 * (64 << 10);
        assert!(received <= most, "{received} bytes held");
        let most =
            wire::limits::DATA_QUEUE + wire::limits::MESSAGE_QUEUE + 2 * 20 * wire::limits::PIECE;
        assert!(to_send <= most, "{to_send} bytes wait");
        assert!(self.core.open_streams() <= 40);
    }
}

fn place(position: u64) -> u8 {
    (position % 251) as u8
}

fn run(seed: u64) {
    let mut chance = Chance(seed | 1);
    let (mut a, mut b) = (end(Side::Connecting), end(Side::Accepting));
    for _ in 0..600 {
        match chance.below(6) {
            0 => a.act(&mut chance),
            1 => b.act(&mut chance),
            2 => {
                a.send(&mut b);
            }
            3 => {
                b.send(&mut a);
            }
            4 => a.receive(1 + chance.below(50_000)),
            _ => b.receive(1 + chance.below(50_000)),
        }
    }
    // Everybody ends what is open and reads everything: nothing may be left anywhere.
    for _ in 0..10_000 {
        let mut quiet = true;
        for (one, other) in [(&mut a, &mut b)] {
            for side in [&mut *one, &mut *other] {
                let open: Vec<_> = side.open.iter().map(|(s, may)| (*s, *may)).collect();
                for (stream, may) in open {
                    if may {
                        side.core.finish(stream).unwrap();
                        side.open.insert(stream, false);
                        side.forget_if_over(stream);
                        quiet = false;
                    }
                }
                for (stream, kept) in std::mem::take(&mut side.keeps) {
                    side.core.grant_credit(stream, kept).unwrap();
                }
            }
            quiet &= !one.send(other);
            quiet &= !other.send(one);
            quiet &= one.pipe.is_empty() && other.pipe.is_empty();
            one.receive(usize::MAX);
            other.receive(usize::MAX);
        }
        if quiet {
            break;
        }
    }
    for (side, other) in [(&a, &b), (&b, &a)] {
        assert_eq!(side.core.open_streams(), 0);
        assert_eq!(side.core.held().received, 0);
        assert_eq!(side.core.held().to_send, 0);
        for stream in side.ended.keys() {
            if other.ended.contains_key(stream) {
                assert_eq!(
                    side.got.get(stream),
                    other.sent.get(stream).filter(|n| **n > 0)
                );
            }
        }
    }
}

#[test]
fn whatever_two_ends_do_the_rules_hold_and_nothing_is_left() {
    if let Some(seed) = std::env::var("WIRE_SEED").ok().and_then(|s| s.parse().ok()) {
        return run(seed);
    }
    for seed in 0..25_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        println!("WIRE_SEED={seed}");
        run(seed);
    }
}

/// A session's bytes cut anywhere give the same events.
#[test]
fn the_cuts_between_reads_mean_nothing() {
    let (mut a, mut b) = (end(Side::Connecting), end(Side::Accepting));
    let mut chance = Chance(11);
    let mut bytes = Vec::new();
    for _ in 0..400 {
        a.act(&mut chance);
        if a.core.poll_transmit(&mut bytes) && bytes.len() > 300_000 {
            break;
        }
    }
    let heard = |cut: &mut dyn FnMut() -> usize| {
        let mut end = end(Side::Accepting);
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(cut().min(rest.len()));
            end.core.receive(piece).unwrap();
            events.extend(std::iter::from_fn(|| end.core.poll_event()));
            rest = more;
        }
        events
    };
    let whole = heard(&mut || 60_000);
    assert!(whole.len() > 20);
    assert_eq!(heard(&mut || 1), whole);
    for seed in 1..20 {
        let mut chance = Chance(seed);
        assert_eq!(heard(&mut || 1 + chance.below(9_000)), whole, "seed {seed}");
    }
    b.take_events();
}

/// 200 MB on one stream, and a message on another: how many bytes go before it.
#[test]
fn a_large_object_delays_no_reply() {
    let (mut a, mut b) = (end(Side::Connecting), end(Side::Accepting));
    let ask = Verified {
        manifest: Digest::from_bytes([1; 32]),
    };
    let bulk = a.core.open(&ask).unwrap();
    let quick = a.core.open(&ask).unwrap();
    let block = vec![0; 256 << 10];
    let (mut left, mut worst) = (200_usize << 20, 0);
    while left > 0 {
        left -= a
            .core
            .send_data(bulk, &block[..left.min(block.len())])
            .unwrap();
        // One batch is with the socket when the message comes.
        let mut out = Vec::new();
        a.core.poll_transmit(&mut out);
        let before = out.len();
        a.core.send_message(quick, &Started {}).unwrap();
        let start = out.len();
        a.core.poll_transmit(&mut out);
        let frame = find_message(&out[start..], quick).expect("in the next batch");
        worst = worst.max(before + frame);
        b.core.receive(&out).unwrap();
        while let Some(event) = b.core.poll_event() {
            if let Event::Data { stream, bytes } = event {
                b.core.grant_credit(stream, bytes.len() as u64).unwrap();
            }
        }
        let mut back = Vec::new();
        while b.core.poll_transmit(&mut back) {}
        a.core.receive(&back).unwrap();
        while a.core.poll_event().is_some() {}
    }
    println!("at most {worst} bytes before a message");
    assert!(worst <= 80 << 10, "{worst} bytes before a message");
}

/// Where the first message frame of a stream begins.
fn find_message(bytes: &[u8], stream: StreamId) -> Option<usize> {
    let mut at = 0;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let header = wire::frame::Header::read(header, 1 << 20).unwrap();
        if header.kind == wire::frame::Kind::Message && header.stream == stream {
            return Some(at);
        }
        at += wire::frame::HEADER + header.length as usize;
    }
    None
}
