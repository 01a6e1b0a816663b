//! One function per parser that takes any bytes, must not panic, and checks what must hold. The
//! fuzz targets in `fuzz/` and the test that replays their corpus call the same functions.

use crate::discovery::{self, Datagram};
use crate::frame::{decode, encode};
use crate::monitor::HostState;
use crate::{FileChunk, MAX_FRAME, Reading, Session, Version, chunk};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name in `fuzz/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("session", session),
    ("frame", frame),
    ("discovery_reply", discovery_reply),
    ("announcement", announcement),
    ("monitor_text", monitor_text),
    ("chunk", chunk),
];

/// A whole connection: handshake and whatever follows.
pub fn session(data: &[u8]) {
    let mut session = Session::new(Version::MAX, Reading::Strict);
    for piece in data.chunks(61) {
        session.feed(piece);
        loop {
            match session.next_message() {
                Ok(Some(message)) => {
                    // What is lossy in text may grow, so only the limit may stand in the way.
                    let _ = session.encode(&message);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(session.next_message(), Err(error), "an error must be final");
                    return;
                }
            }
        }
    }
}

/// One frame, after a byte that chooses version and reader. What decodes must encode, and to
/// something that decodes alike.
pub fn frame(data: &[u8]) {
    let Some((choice, frame)) = data.split_first() else {
        return;
    };
    let version = [Version::V42, Version::V43, Version::V44][usize::from(choice % 3)];
    let reading = if choice & 0x80 == 0 {
        Reading::Strict
    } else {
        Reading::Monitor
    };
    if frame.len() > MAX_FRAME {
        return;
    }
    let Ok(message) = decode(frame, version, reading) else {
        return;
    };
    let mut encoded = Vec::new();
    if encode(&message, version, &mut encoded).is_ok() {
        let again = decode(&encoded[4..], version, reading).map(|message| {
            let mut encoded = Vec::new();
            (encode(&message, version, &mut encoded), encoded)
        });
        assert_eq!(again, Ok((Ok(()), encoded)), "encoding must settle");
    }
}

/// A datagram at a daemon that looks for a scheduler.
pub fn discovery_reply(data: &[u8]) {
    for own in [Version::V42, Version::V43, Version::V44] {
        if let Some(identity) = discovery::read_reply(data, own) {
            assert!(identity.net_name.len() <= 255 && identity.version < 128);
        }
    }
}

/// A datagram at a scheduler's port.
pub fn announcement(data: &[u8]) {
    let own = discovery::Identity {
        version: 44,
        start_time: 1,
        net_name: b"ICECREAM".to_vec(),
    };
    match discovery::read(data) {
        Some(Datagram::Query(query)) => {
            assert!(discovery::reply(query, &own).len() <= discovery::DATAGRAM_LEN);
        }
        Some(Datagram::Announcement(announcement)) => {
            discovery::yields_to(&own, &announcement);
            for datagram in discovery::announce(&announcement.identity) {
                assert!(discovery::read(&datagram).is_some());
            }
        }
        None => {}
    }
}

/// The text of a MON_STATS at a monitor.
pub fn monitor_text(data: &[u8]) {
    let state = HostState::parse(&String::from_utf8_lossy(data));
    let text = state.to_text();
    assert_eq!(
        HostState::parse(&text).to_text(),
        text,
        "writing must settle"
    );
}

/// A chunk: 4 bytes announce its length, one says how it is compressed.
pub fn chunk(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((compression, data)) = rest.split_first() else {
        return;
    };
    let uncompressed_len = u32::from_be_bytes(*length);
    let chunk = FileChunk {
        uncompressed_len,
        compression: (*compression).into(),
        data: data.to_vec(),
    };
    let mut out = Vec::new();
    match chunk::decompress(&chunk, &mut out) {
        Ok(()) => {
            assert!(out.len() <= MAX_FRAME && u32::try_from(out.len()) == Ok(uncompressed_len));
        }
        Err(_) => assert!(out.is_empty() && out.capacity() <= 2 * MAX_FRAME),
    }
}
