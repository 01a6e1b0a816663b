//! Breaches of the rules, and silence.

use super::*;

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
    let big = crate::message::Arrived {
        files: crate::field::List::new(vec![Digest::from_bytes([0; 32]); 4096]).unwrap(),
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
    let malformed = fault(&raw(Kind::Open, 1, &[0, 72, 0x0a, 200, 1]));
    assert!(matches!(malformed, Fault::Malformed { number: 72, .. }));
    let accused = fault(&raw(Kind::GoAway, 0, b"\0\0\0\x01you did it"));
    assert_eq!(accused, Fault::Accused("you did it".into()));
    assert_eq!(accused.owner(), Owner::Ours);
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
