//! Starting, logging in, ending.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use icecream::Message;
use rustix::process::Signal;

use crate::rig::{FakeScheduler, PATIENCE, Rig, hear, hear_decision, nobody, platform};

#[tokio::test]
async fn a_login_names_the_host_and_the_load_follows_at_once() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let stream = scheduler.connection().await;
    let mut channel = transport::Channel::accept(stream, PATIENCE).await.unwrap();
    let Message::Login(login) = hear(&mut channel).await else {
        panic!()
    };
    assert_eq!(
        (login.node_name.as_str(), login.max_kids, login.features),
        ("rig", 2, 3 | icecream::Login::HEARS_REASONS)
    );
    assert_eq!(login.host_platform, platform());
    assert_eq!(
        (login.port, login.no_remote, login.chroot_possible),
        (0, true, false)
    );
    // Without it the scheduler takes the host for overloaded.
    assert!(matches!(hear(&mut channel).await, Message::Stats(_)));
    assert!(rig.log().contains("Connected to scheduler"));
}

#[tokio::test]
async fn the_status_names_scheduler_and_load_here_and_there() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    line.send(&Message::GetInternals).await.unwrap();
    let Message::StatusText(told) = hear_decision(&mut line).await else {
        panic!()
    };
    let mut client = rig.local_client().await;
    client.send(&Message::GetInternals).await.unwrap();
    let Message::StatusText(here) = hear(&mut client).await else {
        panic!()
    };
    for text in [&told.text, &here.text] {
        assert!(text.starts_with("Node Name: rig\n"), "{text}");
        assert!(
            text.contains(&format!("  Scheduler: {}\n", scheduler.address)),
            "{text}"
        );
        assert!(text.contains("  Current kids: 0 (max: 2)\n"), "{text}");
    }
}

#[tokio::test]
async fn without_a_scheduler_the_status_says_why() {
    let rig = Rig::start(nobody(), &["--no-remote"]).await;
    loop {
        let mut client = rig.local_client().await;
        client.send(&Message::GetInternals).await.unwrap();
        let Message::StatusText(here) = hear(&mut client).await else {
            panic!()
        };
        if here
            .text
            .contains("  Scheduler: none (cannot connect to 127.0.0.1:1")
        {
            break;
        }
        assert!(
            here.text.contains("  Scheduler: none (still looking)"),
            "{}",
            here.text
        );
    }
}

#[tokio::test]
async fn an_ending_daemon_logs_out_and_leaves_no_socket() {
    let scheduler = FakeScheduler::new().await;
    let mut rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    rig.signal(Signal::TERM);
    assert_eq!(hear_decision(&mut line).await, Message::End);
    assert_eq!(rig.ended().await.code(), Some(0));
    assert!(!rig.socket().exists());
}

#[tokio::test]
async fn an_old_scheduler_is_refused_by_name() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut stream = scheduler.connection().await;
    stream.write_all(&[41, 0, 0, 0]).await.unwrap();
    stream.write_all(&[41, 0, 0, 0]).await.unwrap();
    let mut rest = Vec::new();
    // The daemon hangs up; how exactly does not matter.
    let _reset = stream.read_to_end(&mut rest).await;
    loop {
        let log = rig.log();
        let named = format!("scheduler at {} speaks version 41", scheduler.address);
        if log.contains("no scheduler:") {
            assert!(log.contains(&named), "{log}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_cannot_work_is_said_and_nothing_is_touched() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let taken = ["--bind", "127.0.0.1", "--port", &port];
    let long = format!("/tmp/{}", "x".repeat(120));
    let cases: [(&[&str], &str); 3] = [
        (&taken, "is in use"),
        (&["--socket", &long], "socket path"),
        (&["--base", "/proc/nothing"], "/proc/nothing"),
    ];
    for (options, expected) in cases {
        let mut rig = Rig::spawn(nobody(), options);
        assert_eq!(rig.ended().await.code(), Some(1), "{options:?}");
        let log = rig.log();
        assert!(log.contains(expected), "{options:?}: {log}");
    }
}

#[tokio::test]
async fn what_lies_in_a_wrong_base_directory_stays() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let precious = [
        "target=x86_64/thesis/chapter",
        "scratch/thoughts",
        "tmp/x",
        "native",
    ];
    for name in precious {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), "precious").unwrap();
    }
    // As root the daemon becomes somebody who may write there only in the second case.
    for mode in [0o755, 0o1777] {
        std::fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
        let base = directory.path().to_str().unwrap().to_owned();
        let mut rig = Rig::spawn(nobody(), &["--base", &base, "--no-remote"]);
        let up = || at("floe/lock").exists() || rig.log().contains("base directory");
        for _ in 0..500 {
            if up() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(up(), "{}", rig.log());
        rig.signal(Signal::TERM);
        rig.ended().await;
        for name in precious {
            assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "precious");
        }
    }
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["floe", "native", "scratch", "target=x86_64", "tmp"]);
}

#[tokio::test]
async fn a_base_directory_that_others_have_a_hand_in_is_refused_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| directory.path().join(name);
    for name in ["open", "target", "theirs"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::set_permissions(at("open"), Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink(at("target"), at("link")).unwrap();
    let mut cases = vec![("open", "may be written"), ("link", "symbolic link")];
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(at("theirs"), Some(4242), None).unwrap();
        cases.push(("theirs", "belongs to another user"));
    } else {
        eprintln!("SKIPPED: other users' directories: that needs root");
    }
    let stood = |name: &str| {
        let meta = std::fs::metadata(at(name)).unwrap();
        (meta.uid(), meta.mode())
    };
    for (name, why) in cases {
        let before = (stood(name), stood("target"));
        let base = at(name).to_str().unwrap().to_owned();
        let mut rig = Rig::spawn(nobody(), &["--base", &base, "--no-remote"]);
        assert_eq!(rig.ended().await.code(), Some(1), "{name}");
        let log = rig.log();
        assert!(
            log.contains(&base) && log.contains(why) && log.contains("-b"),
            "{name}: {log}"
        );
        assert_eq!((stood(name), stood("target")), before, "{name}");
        assert_eq!(std::fs::read_dir(at(name)).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_directory_that_another_daemon_uses_is_not_touched_and_its_user_named() {
    let scheduler = FakeScheduler::new().await;
    let first = Rig::start(scheduler.address, &["--no-remote"]).await;
    let base = first.directory.path().join("base");
    let base = base.to_str().unwrap();
    let mut second = Rig::spawn(nobody(), &["--base", base, "--no-remote"]);
    assert_eq!(second.ended().await.code(), Some(1));
    let log = second.log();
    let named = format!("process number {}", first.pid());
    assert!(log.contains(&named) && log.contains("with -b"), "{log}");
}
