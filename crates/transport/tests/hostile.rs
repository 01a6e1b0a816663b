//! Peers that send nonsense, too little, too much, too slowly or nothing. Time stands still but for
//! the waits, so that no test waits itself.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::time::Duration;

use icecream::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use transport::{Channel, Fault, TransportError};

const DEADLINE: Duration = Duration::from_secs(15);

/// Lets a channel be accepted while `peer` plays the other end.
async fn accept_from<F: Future<Output = DuplexStream>>(
    peer: impl FnOnce(DuplexStream) -> F,
) -> (Result<Channel, TransportError>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 16);
    tokio::join!(Channel::accept(ours, DEADLINE), peer(theirs))
}

/// A channel at version 43 whose other end then sends `bytes`, and stays open or not.
async fn after_handshake(bytes: &[u8], stays: bool) -> (Channel, Option<DuplexStream>) {
    let (channel, mut theirs) = accept_from(|mut theirs| async {
        theirs.write_all(b"\x2b\0\0\0\x2b\0\0\0").await.unwrap();
        theirs.write_all(bytes).await.unwrap();
        theirs
    })
    .await;
    let mut words = [0; 8];
    theirs.read_exact(&mut words).await.unwrap();
    assert_eq!(words, *b"\x2c\0\0\0\x2b\0\0\0");
    (channel.unwrap(), stays.then_some(theirs))
}

#[tokio::test(start_paused = true)]
async fn garbage_is_refused_as_the_peers_fault() {
    let (channel, _theirs) = accept_from(|mut theirs| async {
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        theirs
    })
    .await;
    let error = channel.unwrap_err();
    assert_eq!(error.fault(), Fault::Peer);
    assert!(
        error.to_string().contains("not an icecream handshake"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_peer_is_refused_by_name_and_version() {
    let (channel, mut theirs) = accept_from(|mut theirs| async {
        theirs.write_all(&[41, 0, 0, 0]).await.unwrap();
        theirs
    })
    .await;
    let error = channel.unwrap_err();
    assert_eq!(error.too_old(), Some(41));
    assert!(error.retry_elsewhere());
    assert!(error.to_string().contains("protocol 41"), "{error}");
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, [44, 0, 0, 0], "our maximum, then the end");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_costs_the_deadline_and_no_more() {
    let began = Instant::now();
    let (channel, _theirs) = accept_from(|theirs| async { theirs }).await;
    assert!(
        matches!(channel, Err(TransportError::HandshakeTimeout { .. })),
        "{channel:?}"
    );
    assert_eq!(began.elapsed(), DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_drips_its_handshake_is_accepted_within_the_deadline() {
    let (channel, _theirs) = accept_from(|mut theirs| async {
        for byte in *b"\x2b\0\0\0\x2b\0\0\0" {
            sleep(Duration::from_millis(50)).await;
            theirs.write_all(&[byte]).await.unwrap();
        }
        theirs
    })
    .await;
    assert_eq!(channel.unwrap().version(), Version::V43);

    let (channel, _theirs) = accept_from(|mut theirs| async {
        for byte in *b"\x2b\0\0\0\x2b\0\0\0" {
            sleep(Duration::from_secs(3)).await;
            if theirs.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        theirs
    })
    .await;
    assert!(
        matches!(channel, Err(TransportError::HandshakeTimeout { .. })),
        "{channel:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_without_a_word_is_a_probe() {
    let (ours, theirs) = duplex(64);
    drop(theirs);
    let error = Channel::accept(ours, DEADLINE).await.unwrap_err();
    assert!(error.is_probe(), "{error}");

    let (ours, mut theirs) = duplex(64);
    theirs.write_all(&[43, 0]).await.unwrap();
    drop(theirs);
    let error = Channel::accept(ours, DEADLINE).await.unwrap_err();
    assert!(!error.is_probe(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_drip_arrive_and_a_dropped_wait_loses_nothing() {
    let (mut channel, theirs) = after_handshake(b"", true).await;
    let mut theirs = theirs.unwrap();
    let dripping = async move {
        for byte in *b"\0\0\0\x04\0\0\0\x42\0\0\0\x08\0\0\0\x4f\0\0\0\x07" {
            sleep(Duration::from_millis(50)).await;
            theirs.write_all(&[byte]).await.unwrap();
        }
        theirs
    };
    let dripping = tokio::spawn(dripping);
    let (mut received, mut dropped) = (Vec::new(), 0);
    while received.len() < 2 {
        tokio::select! {
            message = channel.receive() => received.push(message.unwrap().unwrap()),
            () = sleep(Duration::from_millis(20)) => dropped += 1,
        }
    }
    assert_eq!(
        received,
        [
            Message::Ping,
            Message::JobLocalDone(JobLocalDone { job_id: 7 })
        ]
    );
    assert!(dropped > 20, "{dropped}");
    dripping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_is_told_from_a_cut() {
    let (mut channel, _) = after_handshake(b"\0\0\0\x04\0\0\0\x43", false).await;
    assert_eq!(channel.receive().await.unwrap(), Some(Message::End));
    assert_eq!(channel.receive().await.unwrap(), None);

    let (mut channel, _) = after_handshake(b"\0\0\0\x04\0\0\0", false).await;
    let error = channel.receive().await.unwrap_err();
    assert!(
        matches!(
            error,
            TransportError::Closed {
                during: "a message",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.fault(), Fault::Peer);
}

#[tokio::test(start_paused = true)]
async fn bad_frames_end_the_channel_for_good() {
    let cases: [(&[u8], ProtocolError); 4] = [
        (
            b"\x7f\xff\xff\xff",
            ProtocolError::FrameTooLong(0x7fff_ffff),
        ),
        (b"\0\0\0\0", ProtocolError::FrameTooShort(0)),
        (b"\0\0\0\x04\0\0\0\x44", ProtocolError::UnknownKind(68)),
        (
            b"\0\0\0\x05\0\0\0\x42\0",
            ProtocolError::Malformed {
                kind: MessageKind::Ping,
                why: Malformed::Surplus(1),
            },
        ),
    ];
    for (bytes, expected) in cases {
        let (mut channel, _theirs) = after_handshake(bytes, true).await;
        for _ in 0..2 {
            match channel.receive().await {
                Err(TransportError::Protocol { source, .. }) => assert_eq!(source, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (ours, mut theirs) = duplex(16);
    theirs.write_all(b"\x2c\0\0\0\x2c\0\0\0").await.unwrap();
    let mut channel = Channel::accept(ours, DEADLINE).await.unwrap();
    let began = Instant::now();
    let text = "x".repeat(1000);
    let error = channel
        .send(&Message::StatusText(StatusText { text }))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::Stalled { .. }), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_a_little_now_and_then_is_borne_with() {
    let (ours, mut theirs) = duplex(16);
    theirs.write_all(b"\x2c\0\0\0\x2c\0\0\0").await.unwrap();
    let mut channel = Channel::accept(ours, DEADLINE).await.unwrap();
    let slow = async {
        let mut taken = Vec::new();
        while taken.len() < 8 + 12 + 101 {
            sleep(Duration::from_secs(20)).await;
            theirs.read_buf(&mut taken).await.unwrap();
        }
        taken
    };
    let message = Message::StatusText(StatusText {
        text: "x".repeat(100),
    });
    let (sent, taken) = tokio::join!(channel.send(&message), slow);
    sent.unwrap();
    assert!(taken.ends_with(b"xxxx\0"));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_to_send_is_our_own_fault_and_leaves_the_channel_whole() {
    let (mut channel, theirs) = after_handshake(b"", true).await;
    let text = "x".repeat(1 << 20);
    let error = channel
        .send(&Message::StatusText(StatusText { text }))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Ours);
    assert!(!error.retry_elsewhere());
    channel.send(&Message::Ping).await.unwrap();
    let mut bytes = [0; 8];
    theirs.unwrap().read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, *b"\0\0\0\x04\0\0\0\x42");
}
