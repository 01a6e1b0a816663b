//! The rules of a connection, one by one. Random schedules are in `tests/random.rs`.

use std::time::Duration;

use super::*;
use crate::error::Owner;
use crate::frame::{self, Kind};
use crate::limits::MOST_PONGS;
use crate::message::{Accepted, Capabilities, FetchManifest, Message, Outgoing, Started};
use crate::name::Count;
use job::Digest;

const START: Moment = Moment(Duration::ZERO);

fn hello() -> Hello {
    Hello::new("floe", "test", Capabilities::default())
}

fn end(side: Side) -> Connection {
    Connection::new(side, &hello(), Limits::USUAL, START)
}

fn question() -> FetchManifest {
    FetchManifest {
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

#[test]
fn a_request_and_its_answer_with_data_both_ways() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    assert_eq!(a.send_data(stream, b"input"), Ok(5));
    a.finish(stream).unwrap();
    assert_eq!(a.send_data(stream, b"more"), Err(Mistake::Ended));
    talk(&mut a, &mut b);
    assert_eq!(
        events(&mut b),
        [
            Event::Opened {
                stream,
                message: question().into()
            },
            Event::Data {
                stream,
                bytes: b"input".to_vec()
            },
            Event::Ended { stream },
        ]
    );
    b.grant_credit(stream, 5).unwrap();
    b.send_message(stream, &Started {}).unwrap();
    b.send_data(stream, b"output").unwrap();
    b.finish(stream).unwrap();
    talk(&mut a, &mut b);
    assert_eq!(
        events(&mut a),
        [
            Event::Message {
                stream,
                message: Started {}.into()
            },
            Event::Data {
                stream,
                bytes: b"output".to_vec()
            },
            Event::Ended { stream },
        ]
    );
    assert_eq!((a.open_streams(), b.open_streams()), (0, 0));
    assert_eq!(a.held().received, 0);
    assert_eq!(b.send_message(stream, &Started {}), Err(Mistake::Over));
}

#[test]
fn requests_need_not_wait_for_the_hello() {
    let (mut a, mut b) = (end(Side::Connecting), end(Side::Accepting));
    let stream = a.open(&question()).unwrap();
    let taken = a.send_data(stream, &[1; 200_000]).unwrap();
    assert_eq!(taken, 200_000);
    let mut bytes = Vec::new();
    while a.poll_transmit(&mut bytes) {}
    b.receive(&bytes).unwrap();
    let got: usize = events(&mut b).iter().map(data).sum();
    assert_eq!(got, Limits::LEAST.stream_credit() as usize);
    talk(&mut a, &mut b);
    let rest: usize = events(&mut b).iter().map(data).sum();
    assert_eq!(got + rest, 200_000, "the hello brought more credit");
}

fn data(event: &Event) -> usize {
    match event {
        Event::Data { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

#[test]
fn a_message_passes_bulk_and_bulk_takes_turns() {
    let (mut a, mut b) = pair();
    let bulk = [a.open(&question()).unwrap(), a.open(&question()).unwrap()];
    for stream in bulk {
        a.send_data(stream, &vec![1; 200_000]).unwrap();
    }
    let mut bytes = Vec::new();
    a.poll_transmit(&mut bytes);
    b.receive(&bytes).unwrap();
    let quick = a.open(&question()).unwrap();
    bytes.clear();
    a.poll_transmit(&mut bytes);
    let header: [u8; frame::HEADER] = *bytes.first_chunk().unwrap();
    let header = frame::Header::read(&header, 1 << 20).unwrap();
    assert_eq!((header.kind, header.stream), (Kind::Open, quick));
    b.receive(&bytes).unwrap();
    let turns: Vec<StreamId> = events(&mut b)
        .iter()
        .filter(|event| data(event) > 0)
        .filter_map(Event::stream)
        .collect();
    assert!(turns.len() >= 7);
    for pair in turns.windows(2) {
        assert_ne!(pair[0], pair[1], "streams take turns: {turns:?}");
    }
}

#[test]
fn a_stream_that_is_not_read_stops_no_other() {
    let (mut a, mut b) = pair();
    let idle = a.open(&question()).unwrap();
    let busy = a.open(&question()).unwrap();
    let (mut sent_idle, mut got_busy, mut got_idle) = (0, 0, 0);
    for _ in 0..200 {
        sent_idle += a.send_data(idle, &[0; 65_536]).unwrap();
        a.send_data(busy, &[0; 65_536]).unwrap();
        talk(&mut a, &mut b);
        for event in events(&mut b) {
            if event.stream() == Some(busy) {
                let count = data(&event);
                got_busy += count;
                b.grant_credit(busy, count as u64).unwrap();
            } else {
                got_idle += data(&event);
            }
        }
    }
    assert_eq!(got_idle, Limits::USUAL.stream_credit() as usize);
    assert!(sent_idle <= got_idle + STREAM_QUEUE);
    assert!(got_busy > 10 << 20, "{got_busy}");
    assert_eq!(b.held().received, got_idle + b.parser.kept());
    // Once it is read, it goes on.
    b.grant_credit(idle, got_idle as u64).unwrap();
    talk(&mut a, &mut b);
    assert!(events(&mut b).iter().map(data).sum::<usize>() > 0);
    assert!(events(&mut a).contains(&Event::Writable { stream: idle }));
}

#[test]
fn more_credit_can_be_given_to_one_stream() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    b.widen(stream, 1 << 20).unwrap();
    let mut got = 0;
    for _ in 0..40 {
        a.send_data(stream, &[0; 65_536]).unwrap();
        talk(&mut a, &mut b);
        got += events(&mut b).iter().map(data).sum::<usize>();
    }
    assert_eq!(got, (256 << 10) + (1 << 20));
    assert_eq!(
        b.grant_credit(stream, got as u64 + 1),
        Err(Mistake::NotReceived {
            granted: got as u64 + 1,
            received: got as u64
        })
    );
}

#[test]
fn a_reset_overtakes_and_is_confirmed() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    a.send_data(stream, &vec![0; 200_000]).unwrap();
    let mut bytes = Vec::new();
    a.poll_transmit(&mut bytes);
    b.receive(&bytes).unwrap();
    a.reset(stream, ResetCode::CANCELLED);
    assert_eq!(a.send_message(stream, &Started {}), Err(Mistake::Over));
    b.send_message(stream, &Started {}).unwrap();
    bytes.clear();
    a.poll_transmit(&mut bytes);
    assert_eq!(bytes, raw(Kind::Reset, stream.number(), &[0, 0, 0, 1]));
    assert_eq!(a.open_streams(), 1, "until it is confirmed");
    b.receive(&bytes).unwrap();
    talk(&mut a, &mut b);
    assert_eq!((a.open_streams(), b.open_streams()), (0, 0));
    assert_eq!(events(&mut a), [], "its own reset is no news");
    assert_eq!(
        events(&mut b).last(),
        Some(&Event::Reset {
            stream,
            code: ResetCode::CANCELLED,
            why: ResetBy::Peer
        })
    );
    assert_eq!(b.held().to_send, 0);
    assert_eq!(b.unreturned, 0);
}

#[test]
fn resets_that_cross_and_resets_that_meet_an_end() {
    for (a_ends, b_ends) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut a, mut b) = pair();
        let stream = a.open(&question()).unwrap();
        talk(&mut a, &mut b);
        let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
        if a_ends {
            a.finish(stream).unwrap();
            a.poll_transmit(&mut from_a);
        }
        if b_ends {
            b.finish(stream).unwrap();
            b.poll_transmit(&mut from_b);
        }
        a.reset(stream, ResetCode::BUSY);
        a.poll_transmit(&mut from_a);
        b.reset(stream, ResetCode::FAILED);
        b.poll_transmit(&mut from_b);
        a.receive(&from_b).unwrap();
        b.receive(&from_a).unwrap();
        talk(&mut a, &mut b);
        assert_eq!((a.open_streams(), b.open_streams()), (0, 0));
        let again = a.open(&question()).unwrap();
        talk(&mut a, &mut b);
        assert!(events(&mut b).iter().any(|e| e.stream() == Some(again)));
    }
}

#[test]
fn a_stream_that_is_reset_before_it_is_sent_leaves_no_gap() {
    let (mut a, mut b) = pair();
    let first = a.open(&question()).unwrap();
    a.send_data(first, b"never seen").unwrap();
    a.reset(first, ResetCode::CANCELLED);
    let second = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    assert_eq!(a.open_streams(), 1);
    let seen: Vec<_> = events(&mut b).iter().filter_map(Event::stream).collect();
    assert_eq!(seen, [first, second, first]);
}

#[test]
fn what_a_newer_peer_says_ends_its_stream_only() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    events(&mut b);
    for (payload, code) in [
        (vec![0xff, 0xff, 1, 2, 3], ResetCode::UNKNOWN_MESSAGE),
        // A digest of one byte.
        (vec![0, 69, 0x0a, 1, 9], ResetCode::INVALID_FIELD),
        (hello().payload(), ResetCode::OUT_OF_PLACE),
    ] {
        let (_, mut b) = pair();
        b.receive(&raw(Kind::Open, 1, &payload)).unwrap();
        let heard = events(&mut b);
        assert!(
            matches!(heard.as_slice(), [Event::Reset { code: c, why: ResetBy::Us(_), .. }] if *c == code),
            "{heard:?}"
        );
        let mut bytes = Vec::new();
        b.poll_transmit(&mut bytes);
        assert_eq!(bytes, raw(Kind::Reset, 1, &code.0.to_be_bytes()));
        b.receive(&raw(Kind::Reset, 1, &[0; 4])).unwrap();
        assert_eq!(b.open_streams(), 0);
    }
    b.send_message(stream, &Started {}).unwrap();
    talk(&mut a, &mut b);
    assert_eq!(events(&mut a).len(), 1);
}

#[test]
fn who_goes_away_answers_new_streams_with_a_reset() {
    let (mut a, mut b) = pair();
    let old = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    b.go_away("upgrade");
    let crossing = a.open(&question()).unwrap();
    let mut bytes = Vec::new();
    a.poll_transmit(&mut bytes);
    b.receive(&bytes).unwrap();
    talk(&mut a, &mut b);
    let heard = events(&mut a);
    assert!(heard.contains(&Event::GoAway {
        text: "upgrade".into()
    }));
    assert!(heard.contains(&Event::Reset {
        stream: crossing,
        code: ResetCode::GOING_AWAY,
        why: ResetBy::Peer
    }));
    assert_eq!(a.open(&question()), Err(Mistake::GoingAway));
    assert_eq!(a.send_message(old, &Started {}), Ok(()));
}

#[test]
fn limits_of_the_peer_are_kept_and_enforced() {
    let (mut a, mut b) = pair();
    for _ in 0..Limits::USUAL.streams() {
        a.open(&question()).unwrap();
    }
    assert_eq!(a.open(&question()), Err(Mistake::TooManyStreams(128)));
    talk(&mut a, &mut b);
    let more = raw(Kind::Open, 257, &question().payload());
    assert_eq!(b.receive(&more), Err(Fault::TooManyStreams(128)));

    let (mut a, _) = pair();
    let stream = a.open(&question()).unwrap();
    let big = crate::message::Holds {
        afresh: true,
        added: crate::field::List::new(vec![Digest::from_bytes([0; 32]); 4096]).unwrap(),
        removed: crate::field::List::default(),
    };
    let refused = (0..100).find_map(|_| a.send_message(stream, &big).err());
    assert_eq!(refused, Some(Mistake::QueueFull));
    assert!(Mistake::QueueFull.may_pass());
    assert!(a.held().to_send <= MESSAGE_QUEUE);
}

#[test]
fn each_breach_of_the_rules_is_the_peers_fault() {
    let open = raw(Kind::Open, 1, &question().payload());
    let after = |more: &[u8]| [open.as_slice(), more].concat();
    let stream = StreamId(1);
    let cases = [
        (vec![99; 9], Fault::UnknownFrame(99)),
        (
            vec![3, 0, 0, 0, 1, 255, 255, 255, 255],
            Fault::FrameLength {
                kind: Kind::Data,
                length: u32::MAX,
            },
        ),
        (hello_frame(), Fault::SecondHello),
        (
            raw(Kind::Ping, 1, &[0; 8]),
            Fault::WrongStream {
                kind: Kind::Ping,
                stream,
            },
        ),
        (
            raw(Kind::Open, 2, &question().payload()),
            Fault::WrongStream {
                kind: Kind::Open,
                stream: StreamId(2),
            },
        ),
        (
            raw(Kind::Open, 5, &question().payload()),
            Fault::OutOfOrder {
                stream: StreamId(5),
                expected: stream,
            },
        ),
        (after(&open), Fault::OpenedTwice(stream)),
        (
            raw(Kind::Data, 1, b"x"),
            Fault::NeverOpened {
                kind: Kind::Data,
                stream,
            },
        ),
        (
            raw(Kind::Reset, 2, &[0; 4]),
            Fault::NeverOpened {
                kind: Kind::Reset,
                stream: StreamId(2),
            },
        ),
        (
            after(&[raw(Kind::End, 1, b""), raw(Kind::Data, 1, b"x")].concat()),
            Fault::AfterEnd {
                kind: Kind::Data,
                stream,
            },
        ),
        (
            after(&[raw(Kind::Reset, 1, &[0; 4]), raw(Kind::Reset, 1, &[0; 4])].concat()),
            Fault::AfterEnd {
                kind: Kind::Reset,
                stream,
            },
        ),
        (
            after(&raw(Kind::Data, 1, &[0; 65_536]).repeat(5)),
            Fault::Overrun(stream),
        ),
        (
            after(&raw(Kind::Credit, 1, &[0; 4])),
            Fault::BadCredit(stream),
        ),
        (
            after(&raw(Kind::Credit, 0, &[255; 4])),
            Fault::BadCredit(StreamId(0)),
        ),
        (
            raw(Kind::Ping, 0, &[0; 8]).repeat(MOST_PONGS + 1),
            Fault::PingFlood,
        ),
        (raw(Kind::Pong, 0, &[0; 8]), Fault::UnaskedPong),
        (
            after(&raw(Kind::Message, 1, &Started {}.payload()).repeat(70_000)),
            Fault::MessageFlood,
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(fault(&bytes), expected);
        assert_eq!(expected.owner(), Owner::Peer);
    }
    let malformed = fault(&raw(Kind::Open, 1, &[0, 69, 0x0a, 200, 1]));
    assert!(matches!(malformed, Fault::Malformed { number: 69, .. }));
    let accused = fault(&raw(Kind::GoAway, 0, b"\0\0\0\x01you did it"));
    assert_eq!(accused, Fault::Accused("you did it".into()));
    assert_eq!(accused.owner(), Owner::Ours);
}

fn hello_frame() -> Vec<u8> {
    raw(Kind::Message, 0, &hello().payload())
}

#[test]
fn data_after_a_reset_is_borne_as_far_as_credit_goes() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    b.reset(stream, ResetCode::CANCELLED);
    b.poll_transmit(&mut Vec::new());
    let piece = raw(Kind::Data, 1, &[0; 65_536]);
    events(&mut b);
    for _ in 0..4 {
        b.receive(&piece).unwrap();
    }
    assert_eq!(b.unreturned, 0);
    assert_eq!(events(&mut b), []);
    assert_eq!(b.receive(&piece), Err(Fault::Overrun(stream)));
}

#[test]
fn a_pong_without_the_confirmation_before_it_is_a_fault() {
    let (mut a, mut b) = pair();
    let stream = a.open(&question()).unwrap();
    talk(&mut a, &mut b);
    b.reset(stream, ResetCode::CANCELLED);
    b.poll_transmit(&mut Vec::new());
    let token = b.ping();
    assert_eq!(b.ping(), token, "one is on its way");
    b.poll_transmit(&mut Vec::new());
    let pong = raw(Kind::Pong, 0, &token.to_be_bytes());
    assert_eq!(b.receive(&pong), Err(Fault::ResetIgnored(stream)));
}

#[test]
fn something_else_on_the_port_is_told_apart() {
    for bytes in [
        &b"\x2c\0\0\0\0\0\0\0\0"[..],
        b"GET / HTTP/1.1\r\n",
        &raw(Kind::Ping, 0, &[0; 8]),
        &raw(
            Kind::Message,
            0,
            &Accepted {
                queued: Count::LEAST,
            }
            .payload(),
        ),
    ] {
        let mut b = end(Side::Accepting);
        assert_eq!(b.receive(bytes), Err(Fault::NoHello));
    }
    let mut bad = hello();
    bad.limits.streams = 1;
    let bad = raw(Kind::Message, 0, &bad.payload());
    let mut b = end(Side::Accepting);
    assert!(matches!(b.receive(&bad), Err(Fault::Limits(_))));
}

#[test]
fn silence_is_noticed_on_a_virtual_clock() {
    let at = |seconds| Moment(Duration::from_secs(seconds));
    let mut lonely = end(Side::Accepting);
    assert_eq!(lonely.next_timeout(), Some(at(10)));
    assert_eq!(lonely.handle_timeout(at(9)), Ok(()));
    assert_eq!(lonely.handle_timeout(at(10)), Err(Fault::HelloTooLate));
    assert_eq!(lonely.next_timeout(), None);
    assert_eq!(Fault::HelloTooLate.owner(), Owner::Network);

    let (mut a, mut b) = pair();
    a.handle_timeout(at(10)).unwrap();
    assert_eq!(a.next_timeout(), Some(at(30)));
    a.handle_timeout(at(30)).unwrap();
    talk(&mut a, &mut b); // the ping and its pong
    assert!(matches!(events(&mut a).as_slice(), [Event::Pong { .. }]));
    a.handle_timeout(at(50)).unwrap();
    a.handle_timeout(at(70)).unwrap();
    // A byte now and then is no sign of life.
    let dripping = raw(Kind::Open, 2, &question().payload());
    for (second, byte) in (71..89).zip(dripping.iter().take(18)) {
        a.receive(&[*byte]).unwrap();
        a.handle_timeout(at(second)).unwrap();
    }
    assert_eq!(a.handle_timeout(at(90)), Err(Fault::Silent));
}

#[test]
fn a_message_is_what_it_was() {
    for message in [Message::from(question()), Started {}.into()] {
        assert_eq!(Message::decode(&message.payload()), Ok(message));
    }
}
