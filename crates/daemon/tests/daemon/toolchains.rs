//! Toolchains on their way in, and what they may cost others.

use icecream::chunk::Effort;
use icecream::{Message, TransferEnv, chunk};

use crate::foreign::{
    compiled_locally, order_compile, receive_file, send_file, transfer, verified, with_gcc,
    without_gcc,
};
use crate::rig::{FakeScheduler, Rig, compile_file, gcc_archive, hear, hear_decision, platform};

#[tokio::test]
async fn while_one_sends_a_toolchain_another_compiles_in_the_only_slot() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&["--slots", "1"]).await else {
        return;
    };
    let (_, archive) = gcc_archive().unwrap();
    let mut slow = rig.remote_client().await;
    let begin = TransferEnv {
        name: "other".into(),
        target: platform(),
    };
    slow.send(&Message::TransferEnv(begin)).await.unwrap();
    let (some, rest) = archive.split_at(chunk::CHUNK_LEN);
    let piece = chunk::pack(some, Effort::default()).unwrap();
    slow.send(&Message::FileChunk(piece)).await.unwrap();

    let mut client = rig.remote_client().await;
    order_compile(&mut client, &name, 5).await;
    let Message::CompileResult(result) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(result.status, 0);
    assert!(receive_file(&mut client).await == compiled_locally());
    for expected in ["begin", "done"] {
        let heard = hear_decision(&mut line).await;
        let is_right = match expected {
            "begin" => matches!(heard, Message::JobBegin(_)),
            _ => matches!(heard, Message::JobDone(_)),
        };
        assert!(is_right, "{heard:?}");
    }

    send_file(&mut slow, rest).await;
    let Message::Login(login) = hear_decision(&mut line).await else {
        panic!()
    };
    let names: Vec<_> = login.environments.iter().map(|known| &known.name).collect();
    assert!(
        names.contains(&&name) && names.contains(&&"other".to_owned()),
        "{names:?}"
    );
    // The same content under two names is there once.
    let trees = rig.directory.path().join("base/floe/trees");
    assert_eq!(std::fs::read_dir(trees).unwrap().count(), 1);
}

#[tokio::test]
async fn a_toolchain_that_can_never_be_kept_is_refused_and_the_host_avoided_for_it() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--cache-limit", "1"]).await;
    if !rig.takes_compiles() {
        return;
    }
    let Some((name, archive)) = gcc_archive() else {
        return;
    };
    let mut client = rig.remote_client().await;
    transfer(&mut client, &name, &archive).await;
    // Without a text: that would be about this request only.
    assert!(!verified(&mut client).await);
    assert!(rig.log().contains("raise the limit"), "{}", rig.log());
}

#[tokio::test]
async fn toolchains_are_there_again_after_a_restart() {
    let Some((mut rig, scheduler, line, name)) = with_gcc(&[]).await else {
        return;
    };
    rig.signal(rustix::process::Signal::KILL);
    rig.ended().await;
    drop(line);
    let base = rig.directory.path().join("base");
    let again = Rig::start(scheduler.address, &["--base", base.to_str().unwrap()]).await;
    let mut line = scheduler.login().await;
    let mut client = again.remote_client().await;
    order_compile(&mut client, &name, 5).await;
    let Message::CompileResult(result) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(result.status, 0);
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobBegin(_)
    ));
}

#[tokio::test]
async fn a_missing_toolchain_is_said_and_the_list_renewed() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &[]).await;
    if !rig.takes_compiles() {
        return;
    }
    let mut line = scheduler.login().await;
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file("absent", 5)))
        .await
        .unwrap();
    let Message::StatusText(status) = hear(&mut client).await else {
        panic!()
    };
    assert!(
        status.text.contains("installed environment removed?"),
        "{}",
        status.text
    );
    drop(client);
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.exit_code, done.flags), (5, 110, 0));
    assert!(matches!(hear_decision(&mut line).await, Message::Login(_)));
}

#[tokio::test]
async fn a_toolchain_that_lost_its_compiler_is_dropped() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let trees = rig.directory.path().join("base/floe/trees");
    let tree = std::fs::read_dir(trees).unwrap().next().unwrap().unwrap();
    std::fs::remove_file(tree.path().join("usr/bin/gcc")).unwrap();
    let mut client = rig.remote_client().await;
    order_compile(&mut client, &name, 5).await;
    let Message::StatusText(status) = hear(&mut client).await else {
        panic!()
    };
    assert!(
        status.text.contains("compiler did not start"),
        "{}",
        status.text
    );
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobBegin(_)
    ));
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(done.exit_code, 110);
    let Message::Login(login) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(login.environments, []);
}

#[tokio::test]
async fn a_toolchain_that_two_send_at_once_serves_both() {
    let Some((rig, _scheduler, name, archive)) = without_gcc(&[]).await else {
        return;
    };
    let (mut one, mut other) = (rig.remote_client().await, rig.remote_client().await);
    tokio::join!(
        transfer(&mut one, &name, &archive),
        transfer(&mut other, &name, &archive)
    );
    assert!(verified(&mut one).await);
    assert!(verified(&mut other).await);
    assert_eq!(rig.log().matches("is installed (").count(), 1);
    // A third comes too late and is served as well.
    let mut third = rig.remote_client().await;
    transfer(&mut third, &name, &archive).await;
    assert!(verified(&mut third).await);
}

#[tokio::test]
async fn a_broken_archive_leaves_the_connection_open_and_nothing_behind() {
    let Some((rig, scheduler, name, archive)) = without_gcc(&[]).await else {
        return;
    };
    let mut line = scheduler.login().await;
    let mut client = rig.remote_client().await;
    transfer(&mut client, &name, &archive[..archive.len() / 2]).await;
    let Message::StatusText(status) = hear(&mut client).await else {
        panic!()
    };
    assert!(status.text.contains("cannot be read"), "{}", status.text);
    assert!(!verified(&mut client).await);
    let Message::Login(login) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(
        login.environments,
        [],
        "a renewal ends the state of installing"
    );

    // A client that dies in the middle.
    let mut dying = rig.remote_client().await;
    let begin = TransferEnv {
        name: name.clone(),
        target: platform(),
    };
    dying.send(&Message::TransferEnv(begin)).await.unwrap();
    let piece = chunk::pack(&archive[..chunk::CHUNK_LEN], Effort::default()).unwrap();
    dying.send(&Message::FileChunk(piece)).await.unwrap();
    drop(dying);
    let Message::Login(login) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(login.environments, []);

    // The same connection is still good for the whole archive.
    transfer(&mut client, &name, &archive).await;
    assert!(verified(&mut client).await);
}
