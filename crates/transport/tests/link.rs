//! floe's own protocol over streams in memory and over TCP: one task at each end.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::time::Duration;

use job::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use transport::{Arrivals, Exchange, Incoming, Link, LinkError, Stream};
use wire::field::List;
use wire::message::{Capabilities, Hello, ListMembers, Members, Message, Missing, Outgoing as _};
use wire::name::Size;
use wire::{Fault, Limits, ResetCode, Side};

const SOON: Duration = Duration::from_secs(20);

fn hello() -> Hello {
    Hello::new("floe", "test", Capabilities::default())
}

struct Pair {
    near: Link,
    far: Link,
    arrivals: Arrivals,
    _none: Arrivals,
}

fn pair() -> Pair {
    let (one, other) = tokio::io::duplex(64 << 10);
    let (near, none) = start(one.into(), Side::Connecting);
    let (far, arrivals) = start(other.into(), Side::Accepting);
    Pair {
        near,
        far,
        arrivals,
        _none: none,
    }
}

fn start(stream: Stream, side: Side) -> (Link, Arrivals) {
    Link::start(stream, side, &hello(), Limits::USUAL)
}

impl Pair {
    /// Both ends of a new stream.
    async fn stream(&mut self) -> (Exchange, Exchange) {
        let near = self.near.open(ListMembers {}).await.unwrap();
        let (message, far) = self.arrivals.next().await.unwrap();
        assert_eq!(message, ListMembers {}.into());
        (near, far)
    }
}

fn answer() -> Members {
    Members {
        members: Default::default(),
        more: false,
    }
}

async fn all_data(exchange: &mut Exchange) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(incoming) = exchange.next().await.unwrap() {
        match incoming {
            Incoming::Data(bytes) => all.extend_from_slice(&bytes),
            Incoming::Message(other) => panic!("{other:?}"),
        }
    }
    all
}

#[tokio::test]
async fn messages_and_data_arrive_whole_and_in_order() {
    let mut pair = pair();
    let (mut near, mut far) = pair.stream().await;
    let bulk: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = bulk.clone();
    let sending = tokio::spawn(async move {
        near.send_data(sent).await.unwrap();
        near.finish().await.unwrap();
        near
    });
    assert_eq!(all_data(&mut far).await, bulk);
    far.send(answer()).await.unwrap();
    far.finish().await.unwrap();
    let mut near = sending.await.unwrap();
    let answered = near.next().await.unwrap();
    let expected = Message::from(answer());
    assert_eq!(answered, Some(Incoming::Message(expected.into())));
    assert_eq!(near.next().await.unwrap(), None);
    assert_eq!(
        pair.far.hello(SOON).await.unwrap().software.as_str(),
        "floe"
    );
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_itself_only() {
    let mut pair = pair();
    let (mut stuck, _unread) = pair.stream().await;
    let stuck = tokio::spawn(async move { stuck.send_data(vec![7; 64 << 20]).await });
    for _ in 0..20 {
        let (mut near, mut far) = pair.stream().await;
        near.send_data(vec![1; 300_000]).await.unwrap();
        near.finish().await.unwrap();
        assert_eq!(all_data(&mut far).await.len(), 300_000);
    }
    assert!(!stuck.is_finished());
}

#[tokio::test]
async fn a_sender_that_is_held_up_hears_what_is_said() {
    let mut pair = pair();
    let (mut near, mut far) = pair.stream().await;
    let mut bytes = vec![7; 4 << 20];
    let sending = async {
        let sent = near.send_data_or_hear(&mut bytes).await.unwrap();
        assert!(!sent && !bytes.is_empty());
        near.next().await.unwrap()
    };
    let (said, answered) = tokio::join!(sending, far.send(answer()));
    answered.unwrap();
    let expected = Message::from(answer());
    assert_eq!(said, Some(Incoming::Message(expected.into())));
}

#[tokio::test]
async fn who_leaves_an_exchange_tells_the_other_end() {
    let mut pair = pair();
    let (near, mut far) = pair.stream().await;
    drop(near);
    let Err(LinkError::Reset { why, .. }) = far.next().await else {
        panic!("not reset");
    };
    assert_eq!(&*why, "cancelled");
    assert!(far.send(answer()).await.is_err());
    // The connection goes on.
    pair.stream().await;
}

#[tokio::test]
async fn what_is_said_before_an_exchange_is_left_arrives() {
    let mut pair = pair();
    for _ in 0..20 {
        let (mut near, mut far) = pair.stream().await;
        far.send(answer()).await.unwrap();
        far.send_data(vec![7; 1000]).await.unwrap();
        drop(far);
        let message = near.next().await.unwrap();
        assert_eq!(message, Some(Incoming::Message(Box::new(answer().into()))));
        let data = near.next().await.unwrap();
        assert_eq!(data, Some(Incoming::Data(vec![7; 1000])));
        near.next().await.unwrap_err();
    }
}

#[tokio::test]
async fn an_end_that_goes_away_ends_what_is_open() {
    let mut pair = pair();
    let (mut near, far) = pair.stream().await;
    drop((far, pair.far, pair.arrivals));
    let error = loop {
        match near.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, LinkError::Reset { .. } | LinkError::Ended { .. }),
        "{error}"
    );
    timeout(SOON, async {
        while !pair.near.is_over() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let again = pair.near.open(ListMembers {}).await;
    assert!(again.is_err_and(|error| error.is_final()));
}

#[tokio::test]
async fn what_is_not_this_protocol_is_told_so_and_left() {
    let (one, mut other) = tokio::io::duplex(64 << 10);
    let (link, mut arrivals) = start(one.into(), Side::Accepting);
    other
        .write_all(&[42, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    assert!(arrivals.next().await.is_none());
    let error = link.open(ListMembers {}).await.unwrap_err();
    assert!(error.is_final(), "{error}");
    let mut last_words = Vec::new();
    timeout(SOON, other.read_to_end(&mut last_words))
        .await
        .unwrap()
        .unwrap();
    assert!(!last_words.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_end_is_given_up() {
    let (one, _other) = tokio::io::duplex(64 << 10);
    let (link, _arrivals) = start(one.into(), Side::Connecting);
    let mut exchange = link.open(ListMembers {}).await.unwrap();
    let error = exchange.next().await.unwrap_err();
    let LinkError::Failed { fault, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(fault, Fault::HelloTooLate);
}

/// A message near the greatest size.
fn long() -> Missing {
    let files = vec![Digest::from_bytes([7; 32]); 16_384];
    let size = Size::new(1 << 39).unwrap();
    Missing {
        files: List::new(files).unwrap(),
        more: true,
        have: List::new(vec![size; 16_384]).unwrap(),
    }
}

#[tokio::test]
async fn messages_that_nobody_reads_are_kept_up_to_a_bound_only() {
    let mut pair = pair();
    let mut refused = 0;
    let mut unread = Vec::new();
    for _ in 0..12 {
        let (mut near, far) = pair.stream().await;
        for _ in 0..256 {
            if let Err(error) = said(&mut near, long()).await {
                assert!(error.to_string().contains("busy"), "{error}");
                refused += 1;
                break;
            }
        }
        unread.push((near, far));
    }
    assert_eq!(refused, 12, "256 long messages were kept");
    // What was kept before the refusal is whole, and it is little.
    let mut kept = 0;
    for (_, far) in &mut unread {
        let refused = loop {
            match far.next().await {
                Ok(Some(Incoming::Message(message))) => {
                    assert_eq!(*message, long().into());
                    kept += long().payload().len();
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        let LinkError::Reset { code, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(code, ResetCode::BUSY);
    }
    assert!((8 << 20..20 << 20).contains(&kept), "{kept} bytes");
    // Others go on all the while, and what was kept is free again.
    let (mut near, mut far) = pair.stream().await;
    drop(unread);
    for _ in 0..40 {
        let (sent, heard) = tokio::join!(said(&mut near, long()), far.next());
        sent.unwrap();
        let expected = Message::from(long());
        assert_eq!(heard.unwrap(), Some(Incoming::Message(expected.into())));
    }
}

/// Sends, and waits while what was said before is not written yet.
async fn said(exchange: &mut Exchange, message: Missing) -> Result<(), LinkError> {
    loop {
        match exchange.send(message.clone()).await {
            Err(LinkError::Mistake { mistake, .. }) if mistake.may_pass() => {
                tokio::task::yield_now().await;
            }
            other => return other,
        }
    }
}

#[tokio::test]
async fn a_stream_with_few_unread_messages_is_not_cut_off_by_others() {
    let mut pair = pair();
    let mut streams = Vec::new();
    for _ in 0..8 {
        let (mut near, far) = pair.stream().await;
        while said(&mut near, long()).await.is_ok() {}
        streams.push((near, far));
    }
    let (mut near, mut far) = pair.stream().await;
    for _ in 0..200 {
        near.send(answer()).await.unwrap();
    }
    near.finish().await.unwrap();
    for _ in 0..200 {
        let heard = far.next().await.unwrap();
        assert_eq!(
            heard,
            Some(Incoming::Message(Message::from(answer()).into()))
        );
    }
    assert_eq!(far.next().await.unwrap(), None);
}
