//! Peers that err, lie or say nothing. It costs them their connection and nobody else anything.

use std::time::Duration;

use icecream::{GetNativeEnv, Message, TransferEnv, VerifyEnv};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{FakeScheduler, PATIENCE, Rig, get_cs, hear, hear_close, hear_decision, nobody};

async fn answers(rig: &Rig) {
    let mut client = rig.local_client().await;
    client.send(&Message::GetInternals).await.unwrap();
    assert!(matches!(hear(&mut client).await, Message::StatusText(_)));
}

#[tokio::test]
async fn silent_and_garbled_peers_hold_up_nobody() {
    let rig = Rig::start(nobody(), &[]).await;
    if !rig.takes_compiles() {
        return;
    }
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(rig.address).await.unwrap());
    }
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 43],
        &[43, 0, 0, 0, 42, 0, 0, 0],
        &[
            44, 0, 0, 0, 44, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 73,
        ],
        &[44, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 99],
        &[44, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 1, 7],
    ];
    for bytes in garbage {
        let mut peer = TcpStream::connect(rig.address).await.unwrap();
        peer.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // The daemon hangs up, with or without a reset.
        let read = timeout(PATIENCE, peer.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "{bytes:?} was put up with");
    }
    let began = tokio::time::Instant::now();
    let mut remote = rig.remote_client().await;
    let verify = VerifyEnv {
        name: "abc".into(),
        target: "x86_64".into(),
    };
    remote.send(&Message::VerifyEnv(verify)).await.unwrap();
    assert!(matches!(hear(&mut remote).await, Message::StatusText(_)));
    answers(&rig).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it waited for the silent ones"
    );
}

#[tokio::test]
async fn the_schedulers_probes_leave_no_trace() {
    let rig = Rig::start(nobody(), &[]).await;
    if !rig.takes_compiles() {
        return;
    }
    for _ in 0..5 {
        drop(TcpStream::connect(rig.address).await.unwrap());
    }
    answers(&rig).await;
    assert!(!rig.log().contains("a client is refused"), "{}", rig.log());
}

#[tokio::test]
async fn files_of_this_host_are_named_to_its_own_clients_only() {
    let rig = Rig::start(nobody(), &[]).await;
    if !rig.takes_compiles() {
        return;
    }
    let native = GetNativeEnv {
        compiler: b"/usr/bin/gcc".to_vec(),
        extra_files: Vec::new(),
        compression: String::new(),
    };
    for message in [
        Message::GetNativeEnv(native),
        Message::GetInternals,
        Message::MonLogin,
    ] {
        let mut remote = rig.remote_client().await;
        remote.send(&message).await.unwrap();
        assert_eq!(hear_close(&mut remote).await, [Message::End]);
    }
}

#[tokio::test]
async fn names_that_could_leave_the_directory_are_refused() {
    let rig = Rig::start(nobody(), &[]).await;
    if !rig.takes_compiles() {
        return;
    }
    for (name, target) in [
        ("../x", ""),
        ("a/b", ""),
        ("", ""),
        ("x", "../.."),
        ("x y", ""),
        (".", ""),
    ] {
        let mut remote = rig.remote_client().await;
        let transfer = TransferEnv {
            name: name.into(),
            target: target.into(),
        };
        remote.send(&Message::TransferEnv(transfer)).await.unwrap();
        assert_eq!(hear_close(&mut remote).await, [], "{name:?} {target:?}");
    }
    answers(&rig).await;
}

#[tokio::test]
async fn a_client_that_asks_twice_at_once_is_dropped_and_its_request_withdrawn() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    assert_eq!(hear_close(&mut client).await, []);
    let Message::GetCs(asked) = hear_decision(&mut line).await else {
        panic!()
    };
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.flags), (asked.client_id, 3));
}
