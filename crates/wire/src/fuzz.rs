//! One function per parser that takes any bytes, must not panic, and checks what must hold. The
//! fuzz targets in `fuzz/` and the test that replays their corpus call the same functions.

use crate::field::Opaque;
use crate::grant::SignedGrant;
use crate::limits::{LONGEST_MESSAGE, MOST_UNREAD};
use crate::message::{Capabilities, Hello, Message, Outgoing, Started, Verified};
use crate::{Connection, Event, Limits, Moment, ResetCode, Side};
use job::MemberId;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name in `fuzz/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("wire_connection", connection),
    ("wire_message", message),
    ("wire_grant", grant),
];

/// What the other end sends on a connection, from its hello on, to an end that has opened a stream,
/// answers what it is asked, and uses data up.
pub fn connection(data: &[u8]) {
    let hello = Hello::new("floe", "fuzz", Capabilities::default());
    let limits = Limits::USUAL;
    let mut core = Connection::new(Side::Accepting, &hello, limits, Moment::default());
    let ask = Verified {
        manifest: job::Digest::from_bytes([1; 32]),
    };
    let _ = core.open(&ask);
    let mut sent = Vec::new();
    for piece in data.chunks(61) {
        let result = core.receive(piece);
        while let Some(event) = core.poll_event() {
            answer(&mut core, event);
        }
        sent.clear();
        while sent.len() < 1 << 20 && core.poll_transmit(&mut sent) {}
        let held = core.held();
        assert!(held.received <= limits.connection_credit() as usize + MOST_UNREAD);
        assert!(core.open_streams() <= 2 * limits.streams() as usize);
        if let Err(fault) = result {
            assert_eq!(core.receive(b"more"), Err(fault), "a fault must be final");
            assert_eq!(core.open_streams(), 0);
            return;
        }
    }
}

fn answer(core: &mut Connection, event: Event) {
    match event {
        Event::Opened { stream, .. } => {
            let _ = core.send_message(stream, &Started {});
            let _ = core.send_data(stream, &[7; 3000]);
        }
        Event::Message { stream, .. } => core.reset(stream, ResetCode::OUT_OF_PLACE),
        Event::Data { stream, bytes } => {
            let granted = core.grant_credit(stream, bytes.len() as u64);
            assert_eq!(granted, Ok(()));
        }
        Event::Ended { stream } => {
            let _ = core.finish(stream);
        }
        Event::GoAway { .. } => core.go_away("you too"),
        _ => {}
    }
}

/// The payload of one message. What can be read is written so that it reads alike.
pub fn message(data: &[u8]) {
    if data.len() > LONGEST_MESSAGE as usize {
        return;
    }
    if let Ok(message) = Message::decode(data) {
        let payload = message.payload();
        assert_eq!(Message::decode(&payload), Ok(message));
    }
}

/// An encoded grant. What is read is what was signed, to the last byte.
pub fn grant(data: &[u8]) {
    let Ok(bytes) = Opaque::new(data.to_vec()) else {
        return;
    };
    let signed = SignedGrant {
        grant: bytes,
        signature: Opaque::default(),
        signer: MemberId::from_bytes([1; 16]),
    };
    if let Ok(grant) = signed.read_grant() {
        assert_eq!(grant.encode(), signed.signed_bytes());
    }
}
