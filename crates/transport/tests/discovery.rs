//! Looking for schedulers by UDP, on loopback with schedulers played by the test.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::net::Ipv4Addr;
use std::time::Duration;

use icecream::discovery::{Datagram, Identity, read, reply};
use tokio::net::UdpSocket;
use transport::{
    Channel, Options, Reach, UdpDiscovery, best, bind_udp, broadcast_addresses, connect_scheduler,
    interface_address, listen_tcp,
};

/// Answers one query with all of `identities`, and with nonsense first.
async fn scheduler(socket: UdpSocket, identities: Vec<Identity>) {
    let mut buffer = [0; 512];
    let (length, asker) = socket.recv_from(&mut buffer).await.unwrap();
    let Some(Datagram::Query(query)) = read(&buffer[..length]) else {
        panic!("no query")
    };
    socket.send_to(b"nonsense", asker).await.unwrap();
    for identity in identities {
        socket
            .send_to(&reply(query, &identity), asker)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_best_of_all_answers_is_found() {
    let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let of = |version, start_time, name: &str| Identity {
        version,
        start_time,
        net_name: name.into(),
    };
    let identities = vec![
        of(43, 9, "mynet"),
        of(44, 9, "mynet"),
        of(44, 8, "MyNet"),
        of(44, 1, "x"),
    ];
    let scheduler = tokio::spawn(scheduler(socket, identities.clone()));
    let discovery = UdpDiscovery::start(address.port(), &[Ipv4Addr::LOCALHOST])
        .await
        .unwrap();
    let first = discovery.next().await;
    assert_eq!((first.address, &first.identity), (address, &identities[0]));
    let mut found = Vec::new();
    for _ in 1..identities.len() {
        found.push(discovery.next().await);
    }
    assert_eq!(
        best(&found, "mynet").map(|found| &found.identity),
        Some(&identities[2])
    );
    assert_eq!(best(&found, "ICECREAM"), None);
    scheduler.await.unwrap();
}

#[tokio::test]
async fn a_scheduler_that_sleeps_until_a_datagram_comes_is_woken() {
    let listener = listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let socket = bind_udp(address).unwrap();
    let sleeper = async {
        let mut buffer = [0; 512];
        let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
        assert!(matches!(read(&buffer[..length]), Some(Datagram::Query(_))));
        let (stream, _) = listener.accept().await.unwrap();
        Channel::accept(stream, Duration::from_secs(15)).await
    };
    let connecting = connect_scheduler(address, Duration::from_secs(15), None, Options::default());
    let (connected, accepted) = tokio::join!(connecting, sleeper);
    assert_eq!(connected.unwrap().version(), accepted.unwrap().version());
}

#[tokio::test]
async fn no_answer_is_an_empty_list_after_the_window() {
    let unused = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let discovery = UdpDiscovery::start(port, &[Ipv4Addr::LOCALHOST])
        .await
        .unwrap();
    let found = discovery.collect(Duration::from_millis(50)).await;
    assert_eq!(found, []);
}

#[test]
fn broadcasts_stay_on_loopback_when_told_so() {
    assert_eq!(
        broadcast_addresses(Reach::Loopback).unwrap(),
        [Ipv4Addr::LOCALHOST]
    );
    let network = broadcast_addresses(Reach::Network).unwrap();
    assert!(
        network.iter().all(|address| !address.is_loopback()),
        "{network:?}"
    );
}

#[test]
fn an_interface_has_an_address_or_the_known_ones_are_named() {
    assert_eq!(interface_address("lo").unwrap(), Ipv4Addr::LOCALHOST);
    let error = interface_address("nosuch0").unwrap_err().to_string();
    assert!(error.contains("nosuch0") && error.contains("lo"), "{error}");
}
