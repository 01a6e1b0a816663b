//! Clients of the daemon's own host.

use icecream::{BlacklistHostEnv, JobDone, JobLocalBegin, Message, NoCs, UseCs};

use crate::rig::{FakeScheduler, Rig, compile_file, get_cs, hear, hear_decision, nobody};

fn local_begin() -> Message {
    let outfile = b"/x/prog".to_vec();
    Message::JobLocalBegin(JobLocalBegin {
        start_time: 0,
        outfile,
        id: 0,
        full: false,
    })
}

fn placed(job_id: u32, client_id: u32) -> UseCs {
    UseCs {
        job_id,
        port: 10245,
        hostname: "10.0.0.9".into(),
        host_platform: "x86_64".into(),
        got_env: true,
        client_id,
        matched_job_id: 4,
    }
}

#[tokio::test]
async fn a_request_goes_to_the_scheduler_and_its_answer_comes_back_unchanged() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    let Message::GetCs(asked) = hear_decision(&mut line).await else {
        panic!()
    };
    assert!(asked.client_id > 0);
    assert_eq!(asked.client_count, 1);
    let answer = Message::UseCs(placed(7, asked.client_id));
    line.send(&answer).await.unwrap();
    assert_eq!(hear(&mut client).await, answer);

    // Closing without a farewell is a failure that the scheduler hears of.
    drop(client);
    let Message::JobDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((done.job_id, done.exit_code, done.flags), (7, 118, 1));

    // A farewell is not: the executor reports.
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    let Message::GetCs(asked) = hear_decision(&mut line).await else {
        panic!()
    };
    line.send(&Message::UseCs(placed(8, asked.client_id)))
        .await
        .unwrap();
    hear(&mut client).await;
    client.send(&Message::End).await.unwrap();
    drop(client);
    let mut client = rig.local_client().await;
    client.send(&local_begin()).await.unwrap();
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobLocalBegin(_)
    ));
}

#[tokio::test]
async fn a_job_sent_home_is_announced_and_reported() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    let Message::GetCs(asked) = hear_decision(&mut line).await else {
        panic!()
    };
    line.send(&Message::NoCs(NoCs {
        job_id: 9,
        client_id: asked.client_id,
    }))
    .await
    .unwrap();
    let Message::UseCs(home) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(
        (home.hostname.as_str(), home.port, home.job_id),
        ("127.0.0.1", 0, 9)
    );
    assert_eq!(home.client_id, 1);
    assert!(home.got_env);
    client
        .send(&Message::CompileFile(compile_file("__client", 9)))
        .await
        .unwrap();
    let Message::JobBegin(begin) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!((begin.job_id, begin.client_count), (9, 1));
    let done = JobDone {
        job_id: 9,
        exit_code: 3,
        user_msec: 40,
        flags: 1,
        ..JobDone::default()
    };
    client.send(&Message::JobDone(done)).await.unwrap();
    let Message::JobDone(told) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(
        (told.job_id, told.exit_code, told.user_msec, told.flags),
        (9, 3, 40, 1)
    );
}

#[tokio::test]
async fn without_a_scheduler_a_client_is_told_at_once_to_compile_itself() {
    let rig = Rig::start(nobody(), &["--no-remote"]).await;
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    let Message::UseCs(home) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!(home.hostname, "127.0.0.1");
    // By this floe's clients know why.
    assert_eq!(home.client_id, 0);
}

#[tokio::test]
async fn slots_hold_local_jobs_back_until_one_is_free() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut running = Vec::new();
    for _ in 0..2 {
        let mut client = rig.local_client().await;
        client.send(&local_begin()).await.unwrap();
        assert!(matches!(hear(&mut client).await, Message::JobLocalBegin(_)));
        let Message::JobLocalBegin(told) = hear_decision(&mut line).await else {
            panic!()
        };
        running.push((client, told.id));
    }
    let mut third = rig.local_client().await;
    third.send(&local_begin()).await.unwrap();
    // Whatever the daemon hears after the third request, it has decided on that one already.
    third.send(&Message::GetInternals).await.unwrap();
    assert!(
        matches!(hear(&mut third).await, Message::StatusText(_)),
        "no slot was free"
    );
    let (first, id) = running.remove(0);
    drop(first);
    assert!(matches!(hear(&mut third).await, Message::JobLocalBegin(_)));
    let Message::JobLocalDone(done) = hear_decision(&mut line).await else {
        panic!()
    };
    assert_eq!(done.job_id, id);
}

#[tokio::test]
async fn a_lost_scheduler_takes_nobody_with_it() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut running = rig.local_client().await;
    running.send(&local_begin()).await.unwrap();
    assert!(matches!(
        hear(&mut running).await,
        Message::JobLocalBegin(_)
    ));
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobLocalBegin(_)
    ));
    let mut waiting = rig.local_client().await;
    waiting.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    assert!(matches!(hear_decision(&mut line).await, Message::GetCs(_)));

    drop(line);
    let Message::UseCs(home) = hear(&mut waiting).await else {
        panic!()
    };
    assert_eq!(home.hostname, "127.0.0.1");

    // Found again: it hears of the job that is still running.
    let mut line = scheduler.login().await;
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobLocalBegin(_)
    ));
    drop(running);
    assert!(matches!(
        hear_decision(&mut line).await,
        Message::JobLocalDone(_)
    ));
    assert!(rig.log().contains("scheduler closed connection"));
}

#[tokio::test]
async fn a_scheduler_that_asks_nonsense_is_left_and_found_again() {
    let scheduler = FakeScheduler::new().await;
    let _rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    line.send(&Message::MonLogin).await.unwrap();
    scheduler.login().await;
}

#[tokio::test]
async fn a_host_that_failed_a_client_is_reported_to_the_scheduler() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut client = rig.local_client().await;
    let blacklist = Message::BlacklistHostEnv(BlacklistHostEnv {
        name: "abc".into(),
        target: "x86_64".into(),
        hostname: "10.0.0.9".into(),
    });
    client.send(&blacklist).await.unwrap();
    assert_eq!(hear_decision(&mut line).await, blacklist);
}

#[tokio::test]
async fn a_native_toolchain_is_packed_and_can_be_read_by_the_client() {
    let rig = Rig::start(nobody(), &["--no-remote"]).await;
    if !std::path::Path::new("/usr/bin/gcc").exists() {
        eprintln!("SKIPPED: no /usr/bin/gcc");
        return;
    }
    let wanted = icecream::GetNativeEnv {
        compiler: b"/usr/bin/gcc".to_vec(),
        extra_files: Vec::new(),
        compression: String::new(),
    };
    let mut client = rig.local_client().await;
    client
        .send(&Message::GetNativeEnv(wanted.clone()))
        .await
        .unwrap();
    let Message::NativeEnv(native) = hear(&mut client).await else {
        panic!()
    };
    let path = String::from_utf8(native.path).unwrap();
    assert!(path.ends_with(".tar.gz"), "{path}");
    assert!(std::fs::metadata(&path).unwrap().len() > 1 << 20);

    for (compiler, compression) in [
        ("/usr/bin/nothing", ""),
        ("gcc", ""),
        ("/usr/bin/gcc", "rar"),
    ] {
        let mut client = rig.local_client().await;
        let bad = icecream::GetNativeEnv {
            compiler: compiler.into(),
            compression: compression.into(),
            ..wanted.clone()
        };
        client.send(&Message::GetNativeEnv(bad)).await.unwrap();
        assert_eq!(
            crate::rig::hear_close(&mut client).await,
            [Message::End],
            "{compiler}"
        );
    }
}

#[tokio::test]
async fn a_client_is_told_why_its_job_comes_home() {
    let scheduler = FakeScheduler::new().await;
    let rig = Rig::start(scheduler.address, &["--no-remote"]).await;
    let mut line = scheduler.login().await;
    let mut client = rig.local_client().await;
    client.send(&Message::GetCs(get_cs("abc"))).await.unwrap();
    let Message::GetCs(asked) = hear_decision(&mut line).await else {
        panic!()
    };
    let why = job::Reason::NobodyWilling as u32;
    let answer = UseCs {
        job_id: 9,
        port: 0,
        hostname: String::new(),
        host_platform: String::new(),
        got_env: true,
        client_id: asked.client_id,
        matched_job_id: why,
    };
    line.send(&Message::UseCs(answer)).await.unwrap();
    let Message::UseCs(home) = hear(&mut client).await else {
        panic!()
    };
    assert_eq!((home.hostname.as_str(), home.job_id), ("127.0.0.1", 9));
    assert_eq!(
        (home.client_id, home.matched_job_id),
        (UseCs::WITH_REASON, why)
    );
}
