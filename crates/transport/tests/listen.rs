//! Listening, and what is said when it fails.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::os::unix::fs::PermissionsExt;

use tokio::net::UnixStream;
use transport::{ListenError, bind_udp, listen_tcp, listen_unix};

#[tokio::test]
async fn a_port_in_use_is_named_with_a_way_out() {
    let first = listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = first.local_addr().unwrap();
    let error = listen_tcp(address).unwrap_err();
    assert!(matches!(error, ListenError::PortInUse { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("port {}", address.port())) && text.contains("-p"),
        "{text}"
    );

    let udp = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind_udp(udp.local_addr().unwrap()).unwrap_err();
    assert!(
        matches!(
            error,
            ListenError::PortInUse {
                transport: "UDP",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_of_another_host_is_named() {
    let error = listen_tcp("192.0.2.1:0".parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("192.0.2.1") && error.contains("no such address"),
        "{error}"
    );
}

#[tokio::test]
async fn a_socket_has_the_mode_asked_for_whatever_the_umask() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o660, 0o666, 0o777] {
        let path = directory.path().join(format!("{mode:o}"));
        let _listener = listen_unix(&path, mode).await.unwrap();
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o777,
            mode,
            "{mode:o}"
        );
    }
}

#[tokio::test]
async fn a_socket_that_nobody_answers_at_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let _listener = listen_unix(&path, 0o600).await.unwrap();
    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_is_answered_at_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let _first = listen_unix(&path, 0o600).await.unwrap();
    let error = listen_unix(&path, 0o600).await.unwrap_err();
    assert!(matches!(error, ListenError::PathInUse { .. }), "{error}");
    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn only_one_of_many_starters_gets_a_stale_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let starters = (0..16).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { listen_unix(&path, 0o600).await })
    });
    let mut listeners = Vec::new();
    for starter in starters.collect::<Vec<_>>() {
        listeners.extend(starter.await.unwrap());
    }
    assert_eq!(listeners.len(), 1);
    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_file_in_the_way_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    std::fs::write(&path, "precious").unwrap();
    let error = listen_unix(&path, 0o600).await.unwrap_err();
    assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn a_path_that_is_too_long_is_named_with_its_length() {
    let directory = tempfile::tempdir().unwrap();
    let longest = 107 - directory.path().as_os_str().len() - 1;
    let path = directory.path().join("x".repeat(longest + 1));
    let error = listen_unix(&path, 0o600).await.unwrap_err().to_string();
    assert!(
        error.contains("108 bytes") && error.contains("107"),
        "{error}"
    );
    let path = directory.path().join("x".repeat(longest));
    listen_unix(&path, 0o600).await.unwrap();
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none/socket");
    let error = listen_unix(&path, 0o600).await.unwrap_err().to_string();
    assert!(
        error.contains("none/socket") && error.contains("directory exists"),
        "{error}"
    );
}
