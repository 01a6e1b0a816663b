//! Who gets this host's credentials at the daemon's Unix socket: the kernel says who asks.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use membership::Role;
use tokio::net::UnixStream;
use tokio::time::timeout;
use transport::{Incoming, Link};
use wire::message::{Message, WantCredentials};
use wire::{Limits, Side};

use super::cluster::host;
use crate::rig::{PATIENCE, Rig};

const SOCKET: &str = "FLOE_TEST_ASK_AT";
const ASKS: &str = "native::socket::an_agent_asks";
/// Somebody who is neither root nor the daemon's account.
const ANYBODY: u32 = 65_533;

/// The other end of the test below, as a process of another user.
#[tokio::test]
#[ignore = "run by the test below, as somebody else"]
async fn an_agent_asks() {
    let Some(path) = std::env::var_os(SOCKET) else {
        return;
    };
    let stream = UnixStream::connect(path).await.unwrap();
    let (link, _none) = Link::start(
        stream.into(),
        Side::Connecting,
        &transport::hello(),
        Limits::USUAL,
    );
    let mut exchange = link.open(WantCredentials {}).await.unwrap();
    let answer = timeout(PATIENCE, exchange.next()).await.unwrap().unwrap();
    match answer {
        Some(Incoming::Message(message)) => match *message {
            Message::Credentials(given) => println!("CREDENTIALS {}", given.key.as_bytes().len()),
            Message::Denied(denied) => println!("DENIED {}", denied.code.as_str()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// What the daemon says to a process of this user.
fn asks(rig: &Rig, program: &Path, user: u32) -> String {
    let asked = Command::new(program)
        .args([ASKS, "--exact", "--ignored", "--nocapture"])
        .env(SOCKET, rig.socket())
        .uid(user)
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    let said = String::from_utf8(asked.stdout).unwrap();
    let mut lines = said.lines();
    let line = lines.find(|line| line.contains("DENIED") || line.contains("CREDENTIALS"));
    line.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// As whom the daemon runs, and with it the jobs of others.
fn account(rig: &Rig) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", rig.pid())).unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uid.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_account_of_foreign_jobs_gets_no_credentials_at_the_socket() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become somebody else");
        return;
    }
    let (_cluster, _scheduler, rig) = host(&[Role::Submit, Role::Execute]).await;
    let account = account(&rig);
    assert_ne!(account, 0);
    // Where everybody may run it.
    let program = rig.directory.path().join("asks");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for _ in 0..2 {
        assert!(asks(&rig, &program, account).contains("DENIED user"));
    }
    for user in [0, ANYBODY] {
        let said = asks(&rig, &program, user);
        assert!(said.contains("CREDENTIALS"), "{user}: {said}");
    }
    let log = rig.log();
    let lines = log.lines().filter(|line| !line.contains("DEBUG"));
    let named = lines.filter(|line| line.contains("may not act in this host's name"));
    assert_eq!(named.count(), 1, "{log}");
}
