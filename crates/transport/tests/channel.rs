//! Channels between two ends of ours, over each kind of stream.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use icecream::*;
use tokio::io::duplex;
use transport::{
    Channel, Endpoint, Fault, Options, TransportError, accept_tcp, accept_unix, listen_tcp,
    listen_unix, resolve,
};

const DEADLINE: Duration = Duration::from_secs(15);
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn tcp_pair(options: Options) -> (Channel, Channel) {
    let listener = listen_tcp(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async {
        let (stream, _) = accept_tcp(&listener).await;
        Channel::accept(stream, DEADLINE).await
    };
    let connect = Channel::connect_tcp_with(address, DEADLINE, None, options);
    let (near, far) = tokio::join!(connect, accept);
    (near.unwrap(), far.unwrap())
}

fn file_chunks(count: usize) -> Vec<Message> {
    let noise = |i: usize| {
        (0..100_000)
            .map(|j| ((i * 31 + j * 7919) >> 3) as u8)
            .collect()
    };
    let chunk = |i| FileChunk {
        uncompressed_len: 1,
        compression: 1,
        data: noise(i),
    };
    (0..count).map(|i| Message::FileChunk(chunk(i))).collect()
}

/// Sends from one end while the other receives, and compares.
async fn carry(near: &mut Channel, far: &mut Channel, messages: &[Message]) {
    let sending = async {
        for message in messages {
            near.send(message).await.unwrap();
        }
    };
    let receiving = async {
        for message in messages {
            assert!(far.receive().await.unwrap().as_ref() == Some(message));
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn tcp_carries_messages_and_knows_its_ends() {
    let (mut near, mut far) = tcp_pair(Options::default()).await;
    assert_eq!((near.version(), near.peer_maximum()), (Version::V44, 44));
    assert_eq!(near.peer_addr(), far.local_addr());
    assert_eq!(near.local_addr(), far.peer_addr());
    assert_eq!(near.peer_addr().ip(), Some(Ipv4Addr::LOCALHOST.into()));
    carry(&mut near, &mut far, &file_chunks(20)).await;
    carry(&mut far, &mut near, &[Message::Ping, Message::End]).await;
    drop(near);
    assert_eq!(far.receive().await.unwrap(), None);
}

#[tokio::test]
async fn a_slow_network_changes_nothing_but_the_size_of_writes() {
    let options = Options {
        slow_network: true,
        maximum: Version::V42,
        ..Options::default()
    };
    let (mut near, mut far) = tcp_pair(options).await;
    assert_eq!((far.version(), far.peer_maximum()), (Version::V42, 42));
    carry(&mut near, &mut far, &file_chunks(5)).await;
}

#[tokio::test]
async fn tcp_options_are_those_of_icecream() {
    use rustix::net::sockopt;
    let listener = listen_tcp(LOOPBACK).unwrap();
    let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let kept = std::os::fd::AsFd::as_fd(&stream)
        .try_clone_to_owned()
        .unwrap();
    let (accepted, _) = accept_tcp(&listener).await;
    let (near, far) = tokio::join!(
        Channel::accept(stream, DEADLINE),
        Channel::accept(accepted, DEADLINE)
    );
    let _ends = (near.unwrap(), far.unwrap());
    assert!(sockopt::tcp_nodelay(&kept).unwrap());
    assert!(sockopt::socket_keepalive(&kept).unwrap());
    assert_eq!(
        sockopt::tcp_keepidle(&kept).unwrap(),
        Duration::from_secs(27)
    );
    assert_eq!(
        sockopt::tcp_keepintvl(&kept).unwrap(),
        Duration::from_secs(3)
    );
    assert_eq!(sockopt::tcp_keepcnt(&kept).unwrap(), 3);
    assert_eq!(sockopt::tcp_user_timeout(&kept).unwrap(), 9000);
}

#[tokio::test]
async fn tcp_connects_from_the_address_it_is_told() {
    let listener = listen_tcp(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let own: IpAddr = "127.0.0.77".parse().unwrap();
    let accept = async {
        let (stream, from) = accept_tcp(&listener).await;
        (Channel::accept(stream, DEADLINE).await, from)
    };
    let (near, (far, from)) =
        tokio::join!(Channel::connect_tcp(address, DEADLINE, Some(own)), accept);
    assert_eq!(from.ip(), own);
    assert_eq!(far.unwrap().peer_addr().ip(), Some(own));
    assert_eq!(near.unwrap().local_addr().ip(), Some(own));
}

#[tokio::test]
async fn a_refused_connection_is_nobodys_fault_here_and_says_what_to_look_at() {
    let listener = listen_tcp(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Channel::connect_tcp(address, DEADLINE, None)
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Network);
    assert!(error.retry_elsewhere());
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("nothing listens"),
        "{text}"
    );
}

#[tokio::test]
async fn unix_sockets_carry_messages_and_tell_the_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = listen_unix(&path, 0o600).await.unwrap();
    let accept = async { Channel::accept(accept_unix(&listener).await, DEADLINE).await };
    let (near, far) = tokio::join!(Channel::connect_unix(&path, DEADLINE), accept);
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert_eq!(near.peer_addr(), &Endpoint::Unix(Some(path)));
    assert_eq!(far.peer_uid(), Some(rustix::process::getuid().as_raw()));
    assert!(far.peer_addr().is_local());
    carry(&mut near, &mut far, &file_chunks(20)).await;
}

#[tokio::test]
async fn a_missing_socket_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let error = Channel::connect_unix(&path, DEADLINE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(path.to_str().unwrap()) && error.contains("daemon running"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_of_a_unix_socket_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let _queued = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let error = Channel::connect_unix(&path, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransportError::ConnectTimeout { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn halves_work_apart_and_batches_go_out_together() {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(
        Channel::accept(near, DEADLINE),
        Channel::accept(far, DEADLINE)
    );
    let ((mut near_in, mut near_out), mut far) = (near.unwrap().split(), far.unwrap());
    let receiving = tokio::spawn(async move { near_in.receive().await.unwrap() });
    near_out.feed(&Message::Ping).unwrap();
    near_out.feed(&Message::End).unwrap();
    assert_eq!(near_out.pending(), 16);
    near_out.flush().await.unwrap();
    assert_eq!(near_out.pending(), 0);
    assert_eq!(far.receive().await.unwrap(), Some(Message::Ping));
    let (receiver, _) = far.halves();
    assert_eq!(receiver.buffered().unwrap(), Some(Message::End));
    assert_eq!(receiver.buffered().unwrap(), None);
    far.send(&Message::GetInternals).await.unwrap();
    assert_eq!(receiving.await.unwrap(), Some(Message::GetInternals));
    near_out.finish().await.unwrap();
    assert_eq!(far.receive().await.unwrap(), None);
}

#[tokio::test]
async fn try_flush_never_waits() {
    let (near, far) = duplex(64);
    let (near, far) = tokio::join!(
        Channel::accept(near, DEADLINE),
        Channel::accept(far, DEADLINE)
    );
    let ((_, mut sender), mut far) = (near.unwrap().split(), far.unwrap());
    sender.feed(&Message::Ping).unwrap();
    assert!(sender.try_flush().unwrap());
    let message = Message::StatusText(StatusText {
        text: "x".repeat(1000),
    });
    sender.feed(&message).unwrap();
    assert!(!sender.try_flush().unwrap());
    assert!(sender.pending() > 0);
    let (flushed, received) = tokio::join!(sender.flush(), async {
        (far.receive().await.unwrap(), far.receive().await.unwrap())
    });
    flushed.unwrap();
    assert_eq!(received, (Some(Message::Ping), Some(message)));
}

#[tokio::test]
async fn names_become_addresses_ipv4_first() {
    assert_eq!(
        resolve("127.0.0.9", 7).await.unwrap(),
        "127.0.0.9:7".parse().unwrap()
    );
    assert_eq!(resolve("::1", 7).await.unwrap(), "[::1]:7".parse().unwrap());
    assert!(resolve("localhost", 7).await.unwrap().is_ipv4());
    let error = resolve("no such host", 7).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Ours);
    assert!(error.to_string().contains("no such host"), "{error}");
}
