//! Every message captured from icecream 1.4 and git, in both directions.
//!
//! `data/vectors.json` holds the frames as they were on the wire, each with the fields that an
//! independent decoder found in it, in the order of the wire.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

mod values;

use icecream::frame::{decode, encode};
use icecream::*;
use serde::Deserialize;
use values::{Value, values};

#[derive(Deserialize)]
struct Vector {
    name: String,
    who: String,
    protocol: Option<u32>,
    hex: String,
    fields: Vec<(String, Value)>,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    fn version(&self) -> Option<Version> {
        self.protocol.and_then(Version::from_number)
    }

    fn is_handshake(&self) -> bool {
        self.name.starts_with("handshake")
    }

    /// How the receiver of this vector reads: a monitor, or anybody else.
    fn reading(&self) -> Reading {
        if self.who.contains("-> monitor") {
            Reading::Monitor
        } else {
            Reading::Strict
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("data/vectors.json")).unwrap()
}

fn vector(name: &str) -> Vector {
    vectors()
        .into_iter()
        .find(|vector| vector.name == name)
        .unwrap()
}

/// Captured with fake peers of an older version, which are refused here.
const TOO_OLD: [&str; 8] = [
    "LOGIN-noremote-v38",
    "COMPILE_FILE-v39",
    "COMPILE_FILE-v30",
    "COMPILE_FILE-v21",
    "FILE_CHUNK-object-lzo",
    "COMPILE_RESULT-v30",
    "JOB_DONE-cancel-unknown-v38",
    "FILE_CHUNK-elf-lzo",
];

#[test]
fn every_vector_is_either_spoken_or_refused_by_name() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 71);
    let refused = vectors
        .iter()
        .filter(|vector| !vector.is_handshake() && vector.version().is_none());
    let refused: Vec<_> = refused.map(|vector| vector.name.as_str()).collect();
    assert_eq!(refused, TOO_OLD);
    assert_eq!(
        vectors
            .iter()
            .filter(|vector| vector.is_handshake())
            .count(),
        5
    );
}

#[test]
fn peers_of_the_older_vectors_are_refused_before_their_first_message() {
    for name in TOO_OLD {
        let vector = vector(name);
        let version = vector.protocol.unwrap();
        let mut session = Session::new(Version::MAX, Reading::Strict);
        session.feed(&version.to_le_bytes());
        session.feed(&version.to_le_bytes());
        session.feed(&vector.bytes());
        let expected = ProtocolError::Handshake(HandshakeError::TooOld { version });
        assert_eq!(session.next_message(), Err(expected), "{name}");
        assert_eq!(session.next_message(), Err(expected), "{name}, asked again");
        assert_eq!(expected.fault(), Fault::Peer);
    }
}

#[test]
fn every_message_decodes_to_the_captured_fields() {
    let mut seen = 0;
    for vector in vectors() {
        let Some(version) = vector.version().filter(|_| !vector.is_handshake()) else {
            continue;
        };
        let name = &vector.name;
        let message = decode(&vector.bytes()[4..], version, vector.reading());
        let message = message.unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected: Vec<_> = vector
            .fields
            .iter()
            .map(|(_, value)| value.clone())
            .collect();
        assert_eq!(values(&message, version), expected, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 58);
}

#[test]
fn every_message_encodes_to_the_captured_bytes() {
    for vector in vectors() {
        let Some(version) = vector.version().filter(|_| !vector.is_handshake()) else {
            continue;
        };
        let name = &vector.name;
        let message = decode(&vector.bytes()[4..], version, vector.reading()).unwrap();
        let mut expected = vector.bytes();
        if name.contains("mistyped") {
            expected[4..8].copy_from_slice(&message.kind().number().to_be_bytes());
        }
        let mut encoded = Vec::new();
        encode(&message, version, &mut encoded).unwrap();
        assert_eq!(encoded, expected, "{name}");
    }
}

#[test]
fn every_message_comes_through_a_session_byte_by_byte() {
    for vector in vectors() {
        let Some(version) = vector.version().filter(|_| !vector.is_handshake()) else {
            continue;
        };
        let mut session = Session::new(Version::MAX, vector.reading());
        session.feed(&version.number().to_le_bytes());
        session.feed(&version.number().to_le_bytes());
        let bytes = vector.bytes();
        let (last, most) = bytes.split_last().unwrap();
        for byte in most {
            session.feed(&[*byte]);
            assert_eq!(session.next_message(), Ok(None), "{}", vector.name);
        }
        session.feed(&[*last]);
        let message = session.next_message().unwrap().unwrap();
        assert_eq!(
            Ok(message),
            decode(&bytes[4..], version, vector.reading()),
            "{}",
            vector.name
        );
        assert_eq!(session.version(), Some(version));
        assert!(!session.is_midway());
    }
}

#[test]
fn only_a_monitor_takes_the_mistyped_messages_for_what_they_are() {
    let get_cs = vector("MON_GET_CS-mistyped-git").bytes();
    let strict = decode(&get_cs[4..], Version::V44, Reading::Strict);
    assert!(
        matches!(
            strict,
            Err(ProtocolError::Malformed {
                kind: MessageKind::GetCs,
                ..
            })
        ),
        "{strict:?}"
    );
    let job_done = vector("MON_JOB_DONE-mistyped-git").bytes();
    let strict = decode(&job_done[4..], Version::V44, Reading::Strict);
    assert!(matches!(strict, Ok(Message::JobDone(_))), "{strict:?}");
    let monitor = decode(&job_done[4..], Version::V44, Reading::Monitor);
    assert!(matches!(monitor, Ok(Message::MonJobDone(_))), "{monitor:?}");
}

#[test]
fn a_handshake_goes_as_captured() {
    let own = [vector("handshake-2").bytes(), vector("handshake-3").bytes()].concat();
    let theirs = [vector("handshake-1").bytes(), vector("handshake-4").bytes()].concat();
    let mut session = Session::new(Version::V43, Reading::Strict);
    assert_eq!(session.output(), &own[..4]);
    session.feed(&theirs);
    assert_eq!(session.shake(), Ok(true));
    assert_eq!(session.take_output(), own);
    assert_eq!(
        (session.version(), session.peer_maximum()),
        (Some(Version::V43), Some(43))
    );
}

#[test]
fn a_handshake_between_44_and_43_goes_as_captured() {
    let mut newer = Session::new(Version::V44, Reading::Strict);
    let mut older = Session::new(Version::V43, Reading::Strict);
    assert_eq!(newer.output(), vector("handshake-44-to-43").bytes());
    for _ in 0..2 {
        let (to_older, to_newer) = (newer.take_output(), older.take_output());
        assert_eq!(to_newer, [0x2b, 0, 0, 0]);
        older.feed(&to_older);
        newer.feed(&to_newer);
        older.shake().unwrap();
        newer.shake().unwrap();
    }
    assert_eq!(
        (newer.version(), newer.peer_maximum()),
        (Some(Version::V43), Some(43))
    );
    assert_eq!(
        (older.version(), older.peer_maximum()),
        (Some(Version::V43), Some(44))
    );
}

#[test]
fn captured_chunks_unpack_to_what_was_sent() {
    let unpack = |name: &str| {
        let vector = vector(name);
        let message = decode(&vector.bytes()[4..], Version::V43, Reading::Strict).unwrap();
        let Message::FileChunk(chunk) = message else {
            panic!("{name}: {message:?}")
        };
        let mut out = b"kept".to_vec();
        chunk::decompress(&chunk, &mut out).unwrap();
        assert_eq!(out[..4], *b"kept");
        out.split_off(4)
    };
    assert_eq!(
        unpack("FILE_CHUNK-elf-zstd"),
        include_bytes!("data/object-1088.bin")
    );
    assert_eq!(
        unpack("FILE_CHUNK-source-zstd"),
        b"int add(int a, int b) { return a + b; }\n"
    );
    assert_eq!(unpack("FILE_CHUNK-object-zstd").len(), 116);
    assert_eq!(unpack("FILE_CHUNK-env")[..2], [0x1f, 0x8b]);
}

#[test]
fn captured_monitor_texts_are_read_and_written_alike() {
    for name in ["MON_STATS-login", "MON_STATS-full", "MON_STATS-offline"] {
        let message = decode(&vector(name).bytes()[4..], Version::V43, Reading::Monitor).unwrap();
        let Message::MonStats(stats) = message else {
            panic!("{name}: {message:?}")
        };
        let state = monitor::HostState::parse(&stats.text);
        assert_eq!(state.to_text(), stats.text, "{name}");
        match state {
            monitor::HostState::Offline => assert_eq!(name, "MON_STATS-offline"),
            monitor::HostState::Online(host) => {
                assert_eq!(host.detail.is_some(), name == "MON_STATS-full");
                assert_eq!((host.version, host.features, host.max_jobs), (43, 3, 2));
            }
        }
    }
}
