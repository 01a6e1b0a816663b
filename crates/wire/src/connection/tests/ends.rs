//! How streams and connections end, in order and before their time.

use super::*;

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
        (vec![0, 72, 0x0a, 1, 9], ResetCode::INVALID_FIELD),
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
