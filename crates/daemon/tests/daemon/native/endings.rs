//! Jobs that end before their time.

use icecream::Message;
use membership::Role;
use tokio::time::timeout;
use transport::{Exchange, Incoming, Link, LinkError};
use wire::ResetCode;

use super::cluster::{Executor, Reply, compile, reply};
use crate::foreign::{SOURCE, compiled_locally};
use crate::rig::{PATIENCE, hear_decision};

/// A job whose compiler waits for more text.
async fn begin(executor: &mut Executor, link: &Link) -> (Exchange, u32) {
    let order = executor.order(executor.signed());
    let mut exchange = link.open(order).await.unwrap();
    exchange.send_data(b"int x;\n".to_vec()).await.unwrap();
    loop {
        let next = timeout(PATIENCE, exchange.next()).await.expect("in time");
        let Some(Incoming::Message(message)) = next.unwrap() else {
            panic!("no message")
        };
        if matches!(*message, wire::message::Message::Started(_)) {
            break;
        }
    }
    let Message::JobBegin(begin) = hear_decision(&mut executor.line).await else {
        panic!("no JOB_BEGIN")
    };
    (exchange, begin.job_id)
}

/// The scheduler hears that a job has come and has not begun.
async fn waits(executor: &mut Executor) {
    let Message::JobBegin(begin) = hear_decision(&mut executor.line).await else {
        panic!("no JOB_BEGIN")
    };
    assert_eq!(begin.start_time, icecream::JobBegin::WAITS);
}

async fn ended(executor: &mut Executor, job: u32) {
    let Message::JobDone(done) = hear_decision(&mut executor.line).await else {
        panic!("no JOB_DONE")
    };
    assert_eq!((done.job_id, done.exit_code), (job, 118));
}

#[tokio::test]
async fn a_job_ends_with_its_stream_and_with_its_connection() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let (link, none) = executor.link().await;
    let (exchange, job) = begin(&mut executor, &link).await;
    exchange.reset(ResetCode::CANCELLED);
    ended(&mut executor, job).await;
    // One that has sent all it has to send, too. The compiler is kept by a loop of its own.
    let (mut exchange, job) = begin(&mut executor, &link).await;
    let (other, second) = begin(&mut executor, &link).await;
    exchange.send_data(SOURCE.to_vec()).await.unwrap();
    drop((exchange, other, link, none));
    for _ in [job, second] {
        let Message::JobDone(done) = hear_decision(&mut executor.line).await else {
            panic!("no JOB_DONE")
        };
        assert!([job, second].contains(&done.job_id));
        assert_eq!(done.exit_code, 118);
    }
    let (link, _none) = executor.link().await;
    let done = compile(&link, executor.order(executor.signed()), SOURCE).await;
    assert!(done.object() == compiled_locally());
}

#[tokio::test]
async fn one_that_waits_for_a_slot_leaves_the_queue_when_it_is_reset() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    // All slots are taken.
    let (first, one) = begin(&mut executor, &link).await;
    let (second, two) = begin(&mut executor, &link).await;
    let mut waiting = link.open(executor.order(executor.signed())).await.unwrap();
    let next = timeout(PATIENCE, waiting.next()).await.expect("in time");
    let Ok(Some(Incoming::Message(accepted))) = next else {
        panic!("{next:?}")
    };
    assert!(matches!(*accepted, wire::message::Message::Accepted(_)));
    waits(&mut executor).await;
    waiting.send_data(SOURCE.to_vec()).await.unwrap();
    waiting.finish().await.unwrap();
    waiting.reset(ResetCode::CANCELLED);
    // It never began.
    ended(&mut executor, 3).await;
    drop(first);
    ended(&mut executor, one).await;
    drop(second);
    ended(&mut executor, two).await;
}

#[tokio::test]
async fn a_revoked_members_jobs_end_and_it_is_refused() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let agent = executor.submitter.agent();
    let (link, _none) = executor.link_of(&agent).await.unwrap();
    let other = executor.cluster.member("other", &[Role::Submit]).await;
    let (others, _other_none) = executor.link_of(&other.live).await.unwrap();
    executor.shown_by(&other).await;
    let (mut exchange, job) = begin(&mut executor, &link).await;
    executor.cluster.revoke(&executor.submitter);
    let Reply::Broken(error) = reply(&mut exchange).await else {
        panic!("not ended");
    };
    tracing::debug!("{error}");
    ended(&mut executor, job).await;
    timeout(PATIENCE, async {
        while !link.is_over() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    // Not again, and others go on.
    if let Ok((link, _none)) = executor.link_of(&agent).await {
        let opened = link.open(executor.order(executor.signed())).await;
        let mut exchange = opened.unwrap();
        let heard = timeout(PATIENCE, exchange.next()).await.expect("in time");
        assert!(heard.is_err(), "{heard:?}");
    }
    let mut grant = executor.grant();
    grant.submitter = other.id();
    let grant = super::cluster::sign(&grant, &executor.scheduler);
    let done = compile(&others, executor.order(grant), SOURCE).await;
    assert!(done.object() == compiled_locally());
}

#[tokio::test]
async fn a_daemon_that_is_stopped_ends_what_runs_for_members_and_sends_the_rest_elsewhere() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    let (mut first, _) = begin(&mut executor, &link).await;
    let (mut second, _) = begin(&mut executor, &link).await;
    let mut waiting = link.open(executor.order(executor.signed())).await.unwrap();
    let next = timeout(PATIENCE, waiting.next()).await.expect("in time");
    assert!(matches!(next, Ok(Some(Incoming::Message(_)))), "{next:?}");
    waits(&mut executor).await;
    // More than may be on its way: some of it is not read when the connection is closed.
    let flood = vec![b'\n'; 8 << 20];
    let sending = tokio::spawn(async move {
        let sent = waiting.send_data(flood).await;
        (waiting, sent)
    });
    executor.rig.signal(rustix::process::Signal::TERM);
    assert_eq!(hear_decision(&mut executor.line).await, Message::End);
    let (mut waiting, _sent) = sending.await.unwrap();
    let Reply::Broken(LinkError::Reset { code, .. }) = reply(&mut waiting).await else {
        panic!("not sent elsewhere");
    };
    assert_eq!(code, ResetCode::GOING_AWAY);
    assert!(link.peer_leaves() && !link.is_over());
    let another = link.open(executor.order(executor.signed())).await;
    assert!(matches!(
        another.unwrap_err(),
        LinkError::Mistake {
            mistake: wire::Mistake::GoingAway,
            ..
        }
    ));
    for job in [&mut first, &mut second] {
        job.send_data(SOURCE.to_vec()).await.unwrap();
        job.finish().await.unwrap();
    }
    for mut job in [first, second] {
        assert!(!reply(&mut job).await.object().is_empty());
    }
    assert_eq!(executor.rig.ended().await.code(), Some(0));
}
