//! Replays the fuzzers' corpus (`fuzz/corpus/<target>/`) through the functions they call.
//! `WIRE_RECORD=1` adds the recorded sessions to it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sessions::{self, Act};
use wire::message::Outgoing;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

#[test]
fn the_corpus_of_every_target_still_passes() {
    if std::env::var_os("WIRE_RECORD").is_some() {
        record();
    }
    for (name, target) in wire::fuzz::TARGETS {
        let directory = corpus().join(name);
        let entries = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut replayed = 0;
        for entry in entries {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            target(&bytes);
            for end in 0..bytes.len().min(300) {
                target(&bytes[..end]);
            }
            for (at, change) in (0..bytes.len()).zip([1, 0x80, 0xff, 2, 0x40].into_iter().cycle()) {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                target(&changed);
            }
            replayed += 1;
        }
        assert!(replayed > 0, "no corpus for {name}");
    }
}

fn record() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let directory = corpus().join(target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), bytes).unwrap();
    };
    for (session, steps) in sessions::all() {
        for (_, act) in &steps {
            if let Act::Open(message) | Act::Say(_, message) = act {
                write("wire_message", message.name(), &message.payload());
            }
        }
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/vectors/0.1")
            .join(session);
        let mut bytes = Vec::new();
        for line in fs::read_to_string(vectors).unwrap().lines() {
            if let Some(hex) = line
                .strip_prefix("> ")
                .and_then(|line| line.split(' ').nth(1))
            {
                let digits: Vec<_> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
                bytes.extend(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8));
            }
        }
        write("wire_connection", session, &bytes);
    }
    write("wire_grant", "grant", &sessions::grant().encode());
}
