//! A member that breaks the protocol's rules, frame by frame: it is told which and loses its connection, at
//! once and without ending its own side; nobody else notices.

use membership::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::frame::Kind;
use wire::message::{Capabilities, Hello};
use wire::{Connection, Limits, Moment, Side};

use crate::rig::{Rig, login, within};
use crate::support::flood;

const BUILDER: &[Role] = &[Role::Execute];
const DESK: &[Role] = &[Role::Submit];
/// `FetchRevoked`, of docs/protocol.md.
const FETCH_REVOKED: u16 = 85;

fn frame(kind: Kind, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = vec![kind as u8];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What both ends begin with.
pub(crate) fn hello() -> Vec<u8> {
    let hello = Hello::new("floe", "test", Capabilities::default());
    let (side, moment) = (Side::Connecting, Moment::default());
    let mut connection = Connection::new(side, &hello, Limits::USUAL, moment);
    let mut bytes = Vec::new();
    assert!(connection.poll_transmit(&mut bytes));
    bytes
}

/// A stream that asks for the list of revoked members.
fn open(stream: u32) -> Vec<u8> {
    frame(Kind::Open, stream, &FETCH_REVOKED.to_be_bytes())
}

#[tokio::test]
async fn each_broken_rule_costs_the_connection_at_once() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 2).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    wants.grants(1).await;
    let cases = [
        (
            "a data frame of 4 GiB",
            vec![3, 0, 0, 0, 1, 255, 255, 255, 255],
        ),
        (
            "a message of 4 GiB",
            vec![2, 0, 0, 0, 1, 255, 255, 255, 255],
        ),
        ("a hello of 4 GiB", vec![2, 0, 0, 0, 0, 255, 255, 255, 255]),
        ("streams out of order", [hello(), open(5)].concat()),
        ("a stream of the other end's", [hello(), open(2)].concat()),
        (
            "data of no stream",
            [hello(), frame(Kind::Data, 1, b"x")].concat(),
        ),
        ("a second hello", [hello(), hello()].concat()),
        ("no hello first", open(1)),
        (
            "an answer to no ping",
            [hello(), frame(Kind::Pong, 0, &[0; 8])].concat(),
        ),
        (
            "a flood of pings",
            [hello(), frame(Kind::Ping, 0, &[0; 8]).repeat(4000)].concat(),
        ),
        ("a kind that is none", vec![99; 9]),
    ];
    for (what, bytes) in cases {
        let mut stream = rig.tls(&desk.agent()).await;
        let _may_fail_midway = stream.write_all(&bytes).await;
        let _may_fail_too = stream.flush().await;
        let mut heard = Vec::new();
        let _reset = within(stream.read_to_end(&mut heard)).await;
        // The go-away comes unless a reset for unread bytes overtook it.
        let told = heard.windows(9).any(|frame| frame[0] == Kind::GoAway as u8);
        assert!(
            told || heard.is_empty() || what.contains("flood"),
            "{what}: {heard:?}"
        );
    }
    // The same stream twice: the first may be answered before.
    for twice in [
        [hello(), open(1), open(1)].concat(),
        [
            hello(),
            open(1),
            frame(Kind::End, 1, b""),
            frame(Kind::End, 1, b""),
        ]
        .concat(),
    ] {
        let mut stream = rig.tls(&desk.agent()).await;
        stream.write_all(&twice).await.unwrap();
        stream.flush().await.unwrap();
        let mut heard = Vec::new();
        let _reset = within(stream.read_to_end(&mut heard)).await;
    }
    assert!(!agent.link.is_over());
    wants.change(2).await;
    wants.grants(1).await;
}

#[tokio::test]
async fn thousands_of_dripping_handshakes_keep_nobody_out() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let before = flood::descriptors("self");
    let Some(_flood) = flood::drip(rig.address()).await else {
        return;
    };
    let _executor = rig.executor(&builder, 2).await;
    let _line = rig.submitter(&desk).await;
    for _ in 0..3 {
        let agent = rig.agent(&desk).await;
        agent.want(1).await.grants(1).await;
    }
    let mut late = rig.log_in(&builder.live, login("late", 1, 10245)).await;
    late.next().await;
    let open = flood::descriptors("self") - before - flood::MANY;
    assert!(
        open < 4096 + 300,
        "{open} descriptors at the scheduler's side"
    );
}
