//! Recorded sessions. `tests/vectors/<release>/<session>` has one frame a line: `>` from the
//! connecting end or `<` from the accepting one, what it is, and its bytes in hexadecimal.
//!
//! The newest release's are what the code sends today; `WIRE_RECORD=1` writes them anew, which is
//! right only before that release. Those of the release before stay as they are: they show that the
//! two understand each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::sessions::{self, Act, Step};
use wire::frame::{HEADER, Header, Kind};
use wire::limits::LONGEST_MESSAGE;
use wire::message::{Capabilities, Capability, Hello, Message, Outgoing};
use wire::{Connection, Event, Limits, Moment, ResetCode, Side, StreamId};

const NEWEST: &str = "0.1";
const REPLAYED: &[&str] = &["0.1"];

fn directory(release: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(release)
}

fn end(side: Side) -> Connection {
    let hello = Hello::new("floe", "0.1.0", Capabilities::default());
    Connection::new(side, &hello, Limits::USUAL, Moment::default())
}

/// One frame of a recording.
struct Line {
    connecting: bool,
    what: String,
    bytes: Vec<u8>,
}

fn describe(header: &Header, payload: &[u8]) -> String {
    match header.kind {
        Kind::Open | Kind::Message => Message::decode(payload).unwrap().name().to_owned(),
        kind => kind.to_string(),
    }
}

fn cut(mut bytes: &[u8], connecting: bool, lines: &mut Vec<Line>) {
    while let Some(header) = bytes.first_chunk::<HEADER>() {
        let header = Header::read(header, LONGEST_MESSAGE).unwrap();
        let (frame, rest) = bytes.split_at(HEADER + header.length as usize);
        lines.push(Line {
            connecting,
            what: describe(&header, &frame[HEADER..]),
            bytes: frame.to_vec(),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty());
}

/// Plays a session between two ends of today's code.
fn record(steps: &[Step]) -> Vec<Line> {
    let mut ends = [end(Side::Connecting), end(Side::Accepting)];
    let mut streams: Vec<StreamId> = Vec::new();
    let mut lines = Vec::new();
    exchange(&mut ends, &mut lines);
    for (connecting, act) in steps {
        let core = &mut ends[usize::from(!connecting)];
        match act {
            Act::Open(message) => streams.push(core.open(message).unwrap()),
            Act::Say(stream, message) => core.send_message(streams[*stream], message).unwrap(),
            Act::Data(stream, bytes) => {
                assert_eq!(core.send_data(streams[*stream], bytes), Ok(bytes.len()));
            }
            Act::End(stream) => core.finish(streams[*stream]).unwrap(),
            Act::Reset(stream, code) => core.reset(streams[*stream], *code),
        }
        exchange(&mut ends, &mut lines);
    }
    lines
}

fn exchange([a, b]: &mut [Connection; 2], lines: &mut Vec<Line>) {
    loop {
        let mut quiet = true;
        for connecting in [true, false] {
            let (from, to) = if connecting {
                (&mut *a, &mut *b)
            } else {
                (&mut *b, &mut *a)
            };
            let mut bytes = Vec::new();
            quiet &= !from.poll_transmit(&mut bytes);
            cut(&bytes, connecting, lines);
            to.receive(&bytes).unwrap();
            while to.poll_event().is_some() {}
        }
        if quiet {
            return;
        }
    }
}

fn print(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let arrow = if line.connecting { '>' } else { '<' };
        write!(text, "{arrow} {} ", line.what).unwrap();
        for byte in &line.bytes {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (arrow, what, hex) = (words.next()?, words.next()?, words.next()?);
        let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        let bytes = digits
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap());
        Some(Line {
            connecting: arrow == ">",
            what: what.to_owned(),
            bytes: bytes.collect(),
        })
    };
    text.lines().map(|text| line(text).unwrap()).collect()
}

fn recorded() -> Vec<(String, Vec<Line>)> {
    let mut found = Vec::new();
    for release in REPLAYED {
        for (session, _) in sessions::all() {
            let path = directory(release).join(session);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            found.push((format!("{release}/{session}"), parse(&text)));
        }
    }
    found
}

#[test]
fn what_is_sent_today_is_what_was_recorded_for_this_release() {
    for (session, steps) in sessions::all() {
        let text = print(&record(&steps));
        let path = directory(NEWEST).join(session);
        if std::env::var_os("WIRE_RECORD").is_some() {
            std::fs::create_dir_all(directory(NEWEST)).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let recorded = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, recorded, "{session}: what is on the wire has changed");
    }
}

#[test]
fn every_message_is_in_a_session() {
    let said: BTreeSet<String> = recorded()
        .into_iter()
        .flat_map(|(_, lines)| lines)
        .map(|line| line.what)
        .collect();
    for definition in Message::DEFINITIONS {
        assert!(said.contains(definition.name), "{}", definition.name);
    }
}

/// Lets an end of today's code take the part of `side` against a recording: it does what the
/// recording's end did, and must understand the other end's frames one by one.
fn replay(name: &str, lines: &[Line], side: Side) {
    let mut core = end(side);
    let mut events = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let header = Header::read(line.bytes.first_chunk().unwrap(), LONGEST_MESSAGE).unwrap();
        let payload = &line.bytes[HEADER..];
        let what = format!("{name}, frame {number}, {}", line.what);
        if line.connecting == (side == Side::Connecting) {
            act(&mut core, &header, payload, &mut events, &what);
            while core.poll_transmit(&mut Vec::new()) {}
        } else {
            core.receive(&line.bytes)
                .unwrap_or_else(|fault| panic!("{what}: {fault}"));
        }
        let before = events.len();
        events.extend(std::iter::from_fn(|| core.poll_event()));
        let heard = &events[before..];
        if line.connecting != (side == Side::Connecting) {
            expect(&header, payload, heard, &what);
        }
        assert!(
            !heard.iter().any(|event| matches!(
                event,
                Event::Reset {
                    why: wire::ResetBy::Us(_),
                    ..
                }
            )),
            "{what}: {heard:?}"
        );
    }
}

fn act(
    core: &mut Connection,
    header: &Header,
    payload: &[u8],
    events: &mut Vec<Event>,
    what: &str,
) {
    let stream = header.stream;
    match header.kind {
        Kind::Open => {
            assert_eq!(
                core.open(&Message::decode(payload).unwrap()),
                Ok(stream),
                "{what}"
            );
        }
        Kind::Message if stream.number() == 0 => {}
        Kind::Message => core
            .send_message(stream, &Message::decode(payload).unwrap())
            .unwrap(),
        Kind::Data => assert_eq!(core.send_data(stream, payload), Ok(payload.len())),
        Kind::End => core.finish(stream).unwrap(),
        Kind::Reset => {
            // The answer to a reset goes by itself.
            let code = u32::from_be_bytes(payload.try_into().unwrap());
            core.reset(stream, ResetCode(code));
        }
        _ => events.clear(),
    }
}

fn expect(header: &Header, payload: &[u8], heard: &[Event], what: &str) {
    let stream = header.stream;
    let message = || Message::decode(payload).unwrap();
    let fits = match (header.kind, heard) {
        (
            Kind::Open,
            [
                Event::Opened {
                    stream: s,
                    message: m,
                },
            ],
        )
        | (
            Kind::Message,
            [
                Event::Message {
                    stream: s,
                    message: m,
                },
            ],
        ) => *s == stream && *m == message(),
        (Kind::Message, [Event::Hello(hello)]) => {
            Message::from(hello.as_ref().clone()) == message()
        }
        (Kind::Data, [Event::Data { stream: s, bytes }]) => *s == stream && bytes == payload,
        (Kind::End, [Event::Ended { stream: s }]) => *s == stream,
        // None if it answers one of this end's.
        (Kind::Reset, [Event::Reset { stream: s, .. }]) => *s == stream,
        (Kind::Reset | Kind::Credit, []) => true,
        _ => false,
    };
    assert!(fits, "{what}: {heard:?}");
}

#[test]
fn both_ends_of_every_recording_are_understood() {
    for (name, lines) in recorded() {
        for side in [Side::Connecting, Side::Accepting] {
            replay(&name, &lines, side);
        }
    }
}

/// What a newer release may add: fields that nobody here knows, one of each type, and names of
/// capabilities.
#[test]
fn what_a_newer_release_adds_is_passed_over() {
    let varint = [0xc0, 0xbb, 0x01, 0x7f]; // field 3000
    let fixed = [0xc1, 0xbb, 0x01, 1, 2, 3, 4, 5, 6, 7, 8];
    let text = [0xca, 0xbb, 0x01, 3, b'n', b'e', b'w'];
    let added = [&varint[..], &fixed, &text].concat();
    for (name, lines) in recorded() {
        let newer: Vec<Line> = lines
            .iter()
            .map(|line| {
                let kind = line.bytes[0];
                if kind != Kind::Open as u8 && kind != Kind::Message as u8 {
                    return Line {
                        connecting: line.connecting,
                        what: line.what.clone(),
                        bytes: line.bytes.clone(),
                    };
                }
                let mut payload = line.bytes[HEADER..].to_vec();
                payload.extend_from_slice(&added);
                let header =
                    Header::read(line.bytes.first_chunk().unwrap(), LONGEST_MESSAGE).unwrap();
                let mut bytes = Vec::new();
                Header {
                    length: u32::try_from(payload.len()).unwrap(),
                    ..header
                }
                .write(&mut bytes);
                bytes.extend_from_slice(&payload);
                Line {
                    connecting: line.connecting,
                    what: line.what.clone(),
                    bytes,
                }
            })
            .collect();
        for side in [Side::Connecting, Side::Accepting] {
            replay(&name, &newer, side);
        }
    }
    let names = |names: &[&str]| {
        let names = names.iter().map(|name| Capability::parse(name).unwrap());
        Capabilities::new(names.collect()).unwrap()
    };
    let newer = Hello::new("floe", "9", names(&["sources", "result-cache"]));
    let Ok(Message::Hello(heard)) = Message::decode(&newer.payload()) else {
        panic!("not a hello");
    };
    assert_eq!(
        heard.capabilities.both(&names(&["sources", "old"])),
        names(&["sources"])
    );
}
