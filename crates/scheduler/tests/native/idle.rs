//! What members cost that are connected and say nothing.

use membership::{Live, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::rig::{Rig, within};

/// As many as a scheduler takes of one member.
const OF_ONE: usize = 64;

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    words[1].parse().unwrap()
}

async fn idle(members: usize) -> usize {
    let mut rig = Rig::start().await;
    let lives: Vec<Live> = (0..members)
        .map(|number| rig.host(&format!("desk{number}"), &[Role::Submit]).live)
        .collect();
    // What one alone needs is not counted.
    let first = rig.link(&lives[0]).await;
    let before = resident_kib();
    // Both ends are in this process: the near ones say nothing and have no task.
    let (mut streams, hello) = (Vec::new(), crate::frames::hello());
    for live in &lives {
        for _ in 0..OF_ONE - 1 {
            let mut stream = within(rig.tls(live)).await;
            stream.write_all(&hello).await.unwrap();
            stream.flush().await.unwrap();
            streams.push(stream);
        }
    }
    rig.control("listcs").await;
    let each = (resident_kib() - before) / streams.len();
    println!(
        "{} connections: {each} KiB each, both ends of TLS and the scheduler's link",
        streams.len()
    );
    // They are all still served.
    assert!(!first.link.is_over());
    let mut greeting = JoinSet::new();
    for mut stream in streams {
        greeting.spawn(async move {
            let mut byte = [0];
            within(stream.read_exact(&mut byte)).await.unwrap();
        });
    }
    greeting.join_all().await;
    each
}

/// In a process of its own: tests beside it need memory too.
#[test]
fn an_idle_member_costs_little_memory() {
    let me = std::env::current_exe().unwrap();
    let measuring = std::process::Command::new(me)
        .args(["--ignored", "--exact", "idle::five_hundred_idle_members"])
        .arg("--nocapture")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&measuring.stdout);
    assert!(measuring.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "measures its own process: started by the test above"]
async fn five_hundred_idle_members() {
    let each = idle(8).await;
    assert!(each < 64, "{each} KiB");
}

/// `cargo test --release -p scheduler --test native -- --ignored --nocapture ten_thousand`
#[tokio::test]
#[ignore = "a measurement: it needs 20,000 files open and a quiet machine"]
async fn ten_thousand_idle_members() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    // 9,828 connections of 156 members; both ends are files here.
    idle(156).await;
}
