//! What a hostile or broken peer may send, and what it may cost.

use icecream::chunk::Effort;
use icecream::frame::{decode, encode};
use icecream::*;

fn ready(version: Version) -> Session {
    let mut session = Session::new(version, Reading::Strict);
    session.feed(&version.number().to_le_bytes());
    session.feed(&version.number().to_le_bytes());
    assert_eq!(session.shake(), Ok(true));
    session
}

fn after_feeding(bytes: &[u8]) -> Result<Option<Message>, ProtocolError> {
    let mut session = ready(Version::V44);
    session.feed(bytes);
    session.next_message()
}

#[test]
fn frames_of_impossible_length_are_refused_at_once() {
    let too_long = (1_u32 << 20) + 1;
    assert_eq!(
        after_feeding(&too_long.to_be_bytes()),
        Err(ProtocolError::FrameTooLong(too_long))
    );
    assert_eq!(
        after_feeding(&[0xff; 4]),
        Err(ProtocolError::FrameTooLong(u32::MAX))
    );
    assert_eq!(
        after_feeding(&[0, 0, 0, 3]),
        Err(ProtocolError::FrameTooShort(3))
    );
    assert_eq!(after_feeding(&(1_u32 << 20).to_be_bytes()), Ok(None));
}

#[test]
fn types_that_are_never_sent_are_refused() {
    for number in [0_u32, 65, 68, 89, 97, u32::MAX] {
        let bytes = [4_u32.to_be_bytes(), number.to_be_bytes()].concat();
        assert_eq!(
            after_feeding(&bytes),
            Err(ProtocolError::UnknownKind(number))
        );
    }
    let numbers: Vec<_> = MessageKind::ALL.iter().map(|kind| kind.number()).collect();
    let spoken: Vec<_> = (0..200)
        .filter(|n| MessageKind::from_number(*n).is_some())
        .collect();
    assert_eq!(numbers, spoken);
}

#[test]
fn a_surplus_byte_is_refused() {
    let error = ProtocolError::Malformed {
        kind: MessageKind::Ping,
        why: Malformed::Surplus(1),
    };
    assert_eq!(after_feeding(b"\0\0\0\x05\0\0\0\x42\0"), Err(error));
}

#[test]
fn a_claimed_megabyte_is_not_allocated() {
    let mut decoder = Decoder::new(Version::V44, Reading::Strict);
    decoder.feed(&(1_u32 << 20).to_be_bytes());
    for _ in 0..100 {
        assert_eq!(decoder.next_message(), Ok(None));
        decoder.space();
        decoder.feed(&[0]);
    }
    assert!(decoder.allocated() <= 16 * 1024, "{}", decoder.allocated());
}

#[test]
fn the_largest_frame_passes_and_its_memory_is_given_back() {
    let largest = MAX_FRAME - 4 - 12;
    let message = |length| {
        let data = vec![7; length];
        Message::FileChunk(FileChunk {
            uncompressed_len: 1,
            compression: 1,
            data,
        })
    };
    let mut bytes = Vec::new();
    let refused = encode(&message(largest + 1), Version::V44, &mut bytes);
    let length = MAX_FRAME + 1;
    assert_eq!(
        refused,
        Err(ProtocolError::OwnFrameTooLong {
            kind: MessageKind::FileChunk,
            length
        })
    );
    assert!(bytes.is_empty(), "nothing of it must go out");

    encode(&message(largest), Version::V44, &mut bytes).unwrap();
    let mut decoder = Decoder::new(Version::V44, Reading::Strict);
    decoder.feed(&bytes);
    assert_eq!(decoder.next_message(), Ok(Some(message(largest))));
    assert!(decoder.allocated() <= 256 * 1024, "{}", decoder.allocated());
}

#[test]
fn chunks_are_capped_and_exact() {
    let good = chunk::pack(&[b'x'; 1000], Effort::Level(1)).unwrap();
    let with = |change: &dyn Fn(&mut FileChunk)| {
        let mut chunk = good.clone();
        change(&mut chunk);
        let mut out = b"kept".to_vec();
        let result = chunk::decompress(&chunk, &mut out);
        assert!(result.is_ok() || out == b"kept");
        result.map(|()| out.len() - 4)
    };
    assert_eq!(with(&|_| {}), Ok(1000));
    let longer = with(&|chunk| chunk.uncompressed_len = 1001);
    assert_eq!(
        longer,
        Err(ChunkError::WrongLength {
            announced: 1001,
            held: 1000
        })
    );
    let shorter = with(&|chunk| chunk.uncompressed_len = 999);
    assert_eq!(shorter, Err(ChunkError::Corrupt { announced: 999 }));
    let huge = with(&|chunk| chunk.uncompressed_len = u32::MAX);
    assert_eq!(huge, Err(ChunkError::TooLong(u32::MAX)));
    let cut = with(&|chunk| chunk.data.truncate(5));
    assert_eq!(cut, Err(ChunkError::Corrupt { announced: 1000 }));
    assert!(
        with(&|chunk| chunk.data.clear()).is_err(),
        "something cannot come of nothing"
    );
    assert_eq!(with(&|chunk| chunk.uncompressed_len = 0), Ok(0));
    assert_eq!(with(&|chunk| chunk.compression = 0), Err(ChunkError::Lzo));
    assert_eq!(
        with(&|chunk| chunk.compression = 2),
        Err(ChunkError::UnknownCompression(2))
    );
    let own = chunk::pack(&vec![0; MAX_FRAME], Effort::Level(1));
    assert_eq!(own, Err(ChunkError::OwnTooLong(MAX_FRAME)));
}

#[test]
fn a_chunk_that_announces_more_than_a_frame_is_refused_when_read() {
    let announced = (1_u32 << 20) + 1;
    let mut frame = 74_u32.to_be_bytes().to_vec();
    frame.extend_from_slice(&announced.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
    let why = Malformed::ChunkTooLong(announced);
    let error = ProtocolError::Malformed {
        kind: MessageKind::FileChunk,
        why,
    };
    assert_eq!(decode(&frame, Version::V44, Reading::Strict), Err(error));
}

#[test]
fn nothing_can_be_sent_before_the_handshake() {
    let mut session = Session::new(Version::V44, Reading::Strict);
    let error = ProtocolError::NotReady(MessageKind::End);
    assert_eq!(session.encode(&Message::End), Err(error));
    assert_eq!(error.fault(), Fault::Ours);
    assert!(session.into_parts().is_none());
}

#[test]
fn a_message_that_arrives_with_the_handshake_is_not_lost() {
    let mut session = Session::new(Version::V44, Reading::Strict);
    session.feed(b"\x2b\0\0\0\x2b\0\0\0\0\0\0\x04\0\0\0\x43");
    assert_eq!(session.next_message(), Ok(Some(Message::End)));
    assert_eq!(session.take_output(), b"\x2c\0\0\0\x2b\0\0\0");
}

#[test]
fn a_monitor_text_value_cannot_add_a_line() {
    use icecream::monitor::{HostState, HostStats};
    let host = HostStats {
        name: "a\nState:Offline".to_owned(),
        ..HostStats::default()
    };
    let text = HostState::Online(host).to_text();
    assert!(
        matches!(HostState::parse(&text), HostState::Online(_)),
        "{text}"
    );
}
