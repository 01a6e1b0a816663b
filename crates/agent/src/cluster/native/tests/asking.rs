//! Daemons of all kinds, asked for credentials over their Unix socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::time::timeout;
use transport::{Channel, Exchange, Link, Passport, hello};
use wire::field::Line;
use wire::message::{Denied, Message, Retry};
use wire::{Limits, Side};

use super::rig::*;
use crate::cluster::native::Cluster;
use crate::cluster::{Clusters, Places};

fn places(socket: PathBuf) -> Places {
    Places {
        sockets: vec![socket],
        loopback: false,
    }
}

/// The stream on which an agent asks.
async fn asked(listener: &UnixListener) -> (Link, Exchange) {
    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let (link, mut arrivals) = Link::start(stream.into(), Side::Accepting, &hello(), Limits::USUAL);
    let (message, exchange) = arrivals.next().await.unwrap();
    assert!(matches!(message, Message::WantCredentials(_)));
    (link, exchange)
}

async fn until(cluster: &Arc<Cluster>, what: impl Fn(&Arc<Cluster>) -> bool) {
    let watching = async {
        while !what(cluster) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, watching).await.unwrap();
}

#[tokio::test]
async fn a_members_daemon_gives_credentials_and_gives_them_again() {
    let mut world = World::new();
    let agent = Agent::new(&mut world);
    let socket = world.directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let clusters = Clusters::default();
    let cluster = clusters.at(&places(socket.clone())).unwrap();
    assert!(cluster.access().is_none(), "nobody can know yet");
    let (_link, mut exchange) = asked(&listener).await;
    let given = agent.credentials(None);
    exchange.send(given.clone()).await.unwrap();
    until(&cluster, |cluster| cluster.access().is_some()).await;
    assert!(matches!(cluster.passport().await, Passport::Member(_)));
    let access = cluster.access().unwrap();
    assert_eq!(access.address(), socket.display().to_string());
    // It is a mixed cluster all of a sudden.
    let mut mixed = given.clone();
    mixed.mixed = true;
    exchange.send(mixed).await.unwrap();
    until(&cluster, |cluster| cluster.access().is_none()).await;
    assert!(matches!(cluster.passport().await, Passport::Mixed(_)));
    exchange.send(given).await.unwrap();
    until(&cluster, |cluster| cluster.access().is_some()).await;
    // What was given lasts until another daemon says otherwise.
    drop((_link, exchange));
    assert!(
        clusters
            .at(&places(socket.clone()))
            .unwrap()
            .access()
            .is_some()
    );
    let (_link, mut exchange) = timeout(SOON, async {
        loop {
            clusters.at(&places(socket.clone()));
            let pause = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                asked = asked(&listener) => break asked,
                () = pause => {}
            }
        }
    })
    .await
    .unwrap();
    let denied = Denied {
        text: Line::new("this host is no member of a cluster"),
        retry: Retry::Never,
        code: Line::new("no-member"),
    };
    exchange.send(denied).await.unwrap();
    until(&cluster, |cluster| cluster.access().is_none()).await;
}

#[tokio::test]
async fn icecreams_daemon_is_asked_once_in_its_life() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let clusters = Clusters::default();
    let cluster = clusters.at(&places(socket.clone())).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    // It shakes hands in its own way and finds that this is no version.
    let shaken = Channel::accept(stream, SOON).await;
    assert!(shaken.is_err(), "{shaken:?}");
    assert!(matches!(cluster.passport().await, Passport::None));
    assert!(cluster.access().is_none());
    tokio::time::pause();
    for _ in 0..10 {
        clusters.at(&places(socket.clone()));
        tokio::time::sleep(Duration::from_secs(100)).await;
        let again = timeout(Duration::ZERO, listener.accept()).await;
        assert!(again.is_err(), "it was asked again");
    }
}

#[tokio::test]
async fn the_first_job_waits_for_the_daemons_word() {
    let mut world = World::new();
    let agent = Agent::new(&mut world);
    let socket = world.directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let cluster = Clusters::default().at(&places(socket)).unwrap();
    let answers = async {
        let (link, mut exchange) = asked(&listener).await;
        exchange.send(agent.credentials(None)).await.unwrap();
        (link, exchange)
    };
    let (access, _line) = tokio::join!(cluster.access_soon(), answers);
    assert!(access.is_some());
}

#[tokio::test]
async fn a_daemon_that_says_nothing_holds_a_job_up_for_half_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let cluster = Clusters::default().at(&places(socket)).unwrap();
    let _line = asked(&listener).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert!(cluster.access_soon().await.is_none());
    assert!(began.elapsed() <= Duration::from_millis(550));
}
