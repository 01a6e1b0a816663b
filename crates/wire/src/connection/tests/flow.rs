//! Messages and data on their way, and credit.

use super::*;

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
fn a_message_is_what_it_was() {
    for message in [Message::from(question()), Started {}.into()] {
        assert_eq!(Message::decode(&message.payload()), Ok(message));
    }
}
