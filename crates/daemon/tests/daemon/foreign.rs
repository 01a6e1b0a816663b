//! Toolchains and compiles of other hosts.

use icecream::chunk::Effort;
use icecream::{Message, TransferEnv, VerifyEnv, chunk};
use rustix::process::Signal;
use transport::Channel;

use crate::rig::{
    FakeScheduler, Rig, compile_file, gcc_archive, hear, hear_close, hear_decision, platform,
};

pub(crate) const SOURCE: &[u8] = b"# 1 \"a.c\"\nint answer(void) { return 42; }\n";

pub(crate) async fn send_file(channel: &mut Channel, bytes: &[u8]) {
    for piece in bytes.chunks(chunk::CHUNK_LEN) {
        let piece = chunk::pack(piece, Effort::default()).unwrap();
        channel.send(&Message::FileChunk(piece)).await.unwrap();
    }
    channel.send(&Message::End).await.unwrap();
}

/// Asks for a compile of [`SOURCE`] and sends it.
pub(crate) async fn order_compile(channel: &mut Channel, environment: &str, job: u32) {
    let order = Message::CompileFile(compile_file(environment, job));
    channel.send(&order).await.unwrap();
    send_file(channel, SOURCE).await;
}

pub(crate) async fn receive_file(channel: &mut Channel) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        match hear(channel).await {
            Message::FileChunk(piece) => chunk::decompress(&piece, &mut bytes).unwrap(),
            Message::End => return bytes,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn transfer(channel: &mut Channel, name: &str, archive: &[u8]) {
    let transfer = TransferEnv {
        name: name.into(),
        target: platform(),
    };
    channel.send(&Message::TransferEnv(transfer)).await.unwrap();
    send_file(channel, archive).await;
    let verify = VerifyEnv {
        name: name.into(),
        target: platform(),
    };
    channel.send(&Message::VerifyEnv(verify)).await.unwrap();
}

pub(crate) async fn verified(channel: &mut Channel) -> bool {
    match hear(channel).await {
        Message::VerifyEnvResult(result) => result.ok,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn compiled_locally() -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let (source, object) = (place.path().join("a.i"), place.path().join("a.o"));
    std::fs::write(&source, SOURCE).unwrap();
    let gcc = std::process::Command::new("gcc")
        .args(["-O2", "-c", "-fpreprocessed", "-o"])
        .args([&object, &source])
        .status();
    assert!(gcc.unwrap().success());
    std::fs::read(object).unwrap()
}

/// A daemon that takes compiles, its scheduler, and a toolchain that it does not have yet.
pub(crate) async fn without_gcc(options: &[&str]) -> Option<(Rig, FakeScheduler, String, Vec<u8>)> {
    let (name, archive) = gcc_archive()?;
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, options).await;
    rig.takes_compiles()
        .then_some((rig, scheduler, name, archive))
}

/// A daemon with this host's gcc installed, and its line to the scheduler; None where that cannot
/// be had.
pub(crate) async fn with_gcc(options: &[&str]) -> Option<(Rig, FakeScheduler, Channel, String)> {
    let (rig, scheduler, name, archive) = without_gcc(options).await?;
    let mut line = scheduler.login().await;
    let mut client = rig.remote_client().await;
    transfer(&mut client, &name, &archive).await;
    assert!(verified(&mut client).await);
    let Message::Login(login) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(login.environments[0].name, name);
    assert_eq!((login.port, login.max_kids), (0, 0), "a renewal");
    Some((rig, scheduler, line, name))
}

#[tokio::test]
async fn a_foreign_compile_gives_the_object_of_a_local_one() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file(&name, 5)))
        .await
        .unwrap();
    // The compiler starts before its source is here.
    let Message::JobBegin(begin) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(begin.job_id, 5);
    send_file(&mut client, SOURCE).await;
    // The slot is free before the object is on its way.
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.exit_code, done.flags), (5, 0, 0));
    assert_eq!(done.in_uncompressed as usize, SOURCE.len());
    let Message::CompileResult(result) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(
        (result.status, result.out_of_memory, result.have_dwo),
        (0, false, false)
    );
    let object = receive_file(&mut client).await;
    assert_eq!(done.out_uncompressed as usize, object.len());
    assert_eq!(hear_close(&mut client).await, []);
    assert!(object == compiled_locally(), "the object differs");
    assert!(
        rig.log()
            .contains("Remote compilation completed with exit code 0")
    );
    assert!(rig.log().contains("remote compile arguments: -O2 -c "));
}

#[tokio::test]
async fn an_error_in_the_source_is_the_clients_to_see() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file(&name, 6)))
        .await
        .unwrap();
    send_file(&mut client, b"int f( {\n").await;
    let Message::CompileResult(result) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!((result.status, result.out_of_memory), (1, false));
    assert!(String::from_utf8_lossy(&result.stderr).contains("error:"));
    assert_eq!(hear_close(&mut client).await, []);
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobBegin(_)
    ));
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.exit_code), (6, 1));
    assert!(
        rig.log()
            .contains("Remote compilation exited with exit code 1")
    );
}

#[tokio::test]
async fn compiles_beyond_the_slots_wait_and_read_their_source_meanwhile() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let mut clients = Vec::new();
    for job in 1..=3 {
        let mut client = rig.remote_client().await;
        client
            .send(&Message::CompileFile(compile_file(&name, job)))
            .await
            .unwrap();
        clients.push(client);
        if job < 3 {
            assert!(matches!(
                hear_decision(&mut line).await,
                Message::JobBegin(_)
            ));
        }
    }
    send_file(&mut clients[2], SOURCE).await;
    drop(clients.remove(0));
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.exit_code, done.flags), (1, 118, 0));
    let Message::JobBegin(begin) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(begin.job_id, 3);
    assert!(matches!(
        hear(&mut clients[1]).await,
        Message::CompileResult(_)
    ));
    assert!(
        rig.log()
            .contains("Remote compilation aborted with exit code")
    );
}

#[tokio::test]
async fn a_compile_outlives_its_scheduler() {
    let Some((rig, scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file(&name, 5)))
        .await
        .unwrap();
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobBegin(_)
    ));
    drop(line);
    let mut line = scheduler.login().await;
    send_file(&mut client, SOURCE).await;
    let Message::CompileResult(result) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(result.status, 0);
    assert!(receive_file(&mut client).await == compiled_locally());
    // The new scheduler never heard of job 5: the next thing it hears is about something else.
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file(&name, 1)))
        .await
        .unwrap();
    let Message::JobBegin(begin) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(begin.job_id, 1);
}

#[tokio::test]
async fn an_ending_daemon_drops_its_compiles_so_that_clients_compile_themselves() {
    let Some((mut rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    let mut client = rig.remote_client().await;
    client
        .send(&Message::CompileFile(compile_file(&name, 5)))
        .await
        .unwrap();
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobBegin(_)
    ));
    rig.signal(Signal::TERM);
    assert_eq!(
        hear_close(&mut client).await,
        [],
        "an answer would be taken for a result"
    );
    assert_eq!(rig.ended().await.code(), Some(0));
}

#[tokio::test]
async fn without_its_helper_a_daemon_sends_compiles_back_and_asks_for_no_more() {
    let Some((rig, _scheduler, mut line, name)) = with_gcc(&[]).await else {
        return;
    };
    rig.kill_sandbox_helper();
    // What the helper had started may outlive it by a moment and take the first job; it takes no second.
    for _ in 0..2 {
        let mut client = rig.remote_client().await;
        order_compile(&mut client, &name, 5).await;
        let Message::CompileResult(result) = hear(&mut client).await else {
            panic!()
        };
        assert!(
            result.out_of_memory || result.status == 0,
            "the client compiles locally"
        );
    }
    loop {
        if let Message::Stats(stats) = hear(&mut line).await
            && stats.load == 1000
        {
            break;
        }
    }
    assert!(rig.log().contains("restart the daemon"));
}
