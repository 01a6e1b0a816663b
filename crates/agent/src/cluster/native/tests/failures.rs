//! Executors and schedulers that fail, and members that are none any more.

use std::sync::atomic::Ordering;

use job::Reason;
use wire::message::{Ending, Message, Refusal};

use super::rig::*;
use crate::cluster::Failure;

/// How a job ends at an executor of this manner, and what the scheduler is told.
async fn ends(manner: Manner) -> (Failure, Ending) {
    let (_world, _executor, agent, mut scheduler) = pair(manner).await;
    let failure = agent
        .job("a.o")
        .await
        .expect_err("it was taken for a result");
    // The thread that writes removes what it began when it hears of it.
    let cleaning = async {
        while !agent.outputs().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, cleaning).await.unwrap();
    let ending = loop {
        match scheduler.hears().await {
            Message::Report(report) => break report.ending,
            Message::GiveBack(_) => {}
            other => panic!("{other:?}"),
        }
    };
    (failure, ending)
}

#[tokio::test]
async fn a_result_that_is_not_as_announced_is_another_executors_job() {
    for (manner, reason) in [
        (Manner::Length(OBJECT.len() - 1), Reason::ResultIncomplete),
        (Manner::Length(OBJECT.len() + 1), Reason::ResultIncomplete),
        (Manner::Length(0), Reason::ResultIncomplete),
        (Manner::Length(10_000_000), Reason::ResultIncomplete),
        (Manner::NotAskedFor, Reason::PeerProtocol),
        (Manner::TwoObjects, Reason::PeerProtocol),
        (Manner::NoObject, Reason::ResultIncomplete),
        (Manner::AnotherJobs, Reason::ResultWrong),
        (Manner::WrongDigest, Reason::ResultWrong),
        (Manner::Unproved, Reason::ResultWrong),
    ] {
        let (failure, ending) = ends(manner).await;
        let ended = (failure.reason, failure.retry, ending);
        assert_eq!(ended, (reason, true, Ending::Broken), "{manner:?}");
    }
}

#[tokio::test]
async fn an_executor_that_dies_or_refuses_is_told_of() {
    let (failure, ending) = ends(Manner::Dies).await;
    assert_eq!(
        (failure.reason, failure.retry, ending),
        (Reason::ResultIncomplete, true, Ending::Broken)
    );
    let (failure, ending) = ends(Manner::DiesSilently).await;
    assert_eq!(
        (failure.reason, failure.retry, ending),
        (Reason::PeerLost, true, Ending::Lost)
    );
    let (failure, ending) = ends(Manner::Refuses(Refusal::GrantUsed)).await;
    assert_eq!(
        (failure.reason, failure.retry, ending),
        (Reason::PeerRefused, true, Ending::Refused)
    );
}

#[tokio::test]
async fn an_executor_that_is_being_stopped_has_failed_nobody() {
    for manner in [Manner::Leaves, Manner::LeavesAtOnce] {
        let (failure, ending) = ends(manner).await;
        assert_eq!(
            (failure.reason, failure.retry, ending),
            (Reason::ExecutorLeaves, true, Ending::Refused),
            "{manner:?}"
        );
    }
}

#[tokio::test]
async fn one_that_was_stopped_is_not_unreachable_before_somebody_reached_it_again() {
    let (_world, executor, agent, _scheduler) = pair(Manner::Good).await;
    agent.job("a.o").await.unwrap();
    executor.becomes(Manner::Leaves);
    agent.job("b.o").await.unwrap_err();
    executor.listens(false);
    for name in ["c.o", "d.o"] {
        let failure = agent.job(name).await.unwrap_err();
        assert_eq!(failure.reason, Reason::ExecutorLeaves, "{failure}");
    }
    executor.listens(true);
    executor.becomes(Manner::Good);
    agent.job("e.o").await.unwrap();
    executor.becomes(Manner::DiesSilently);
    agent.job("f.o").await.unwrap_err();
    executor.listens(false);
    let failure = agent.job("g.o").await.unwrap_err();
    assert_eq!(failure.reason, Reason::ConnectFailed, "{failure}");
}

#[tokio::test]
async fn an_executor_that_cannot_be_reached_is_told_of() {
    let mut world = World::new();
    let executor = Executor::start(&mut world, "executor", Manner::Good).await;
    let agent = Agent::new(&mut world);
    let submitter = agent.identity.member();
    let mut scheduler = Scheduler::start(&mut world, submitter, &[&executor], true).await;
    drop(executor);
    agent.joins(&scheduler);
    let failure = agent.job("a.o").await.unwrap_err();
    assert_eq!(
        (failure.reason, failure.retry),
        (Reason::ConnectFailed, true)
    );
    let Message::GiveBack(_) = scheduler.hears().await else {
        panic!("the other grant of that executor was kept");
    };
    let Message::Report(report) = scheduler.hears().await else {
        panic!("no report came");
    };
    assert_eq!(report.ending, Ending::Unreachable);
}

#[tokio::test]
async fn another_host_at_the_executors_address_gets_no_job() {
    let mut world = World::new();
    let mut moved = Executor::start(&mut world, "moved", Manner::Good).await;
    let mut other = Executor::start(&mut world, "other", Manner::Good).await;
    let agent = Agent::new(&mut world);
    let submitter = agent.identity.member();
    moved.address = other.address;
    let scheduler = Scheduler::start(&mut world, submitter, &[&moved], true).await;
    agent.joins(&scheduler);
    let failure = agent.job("a.o").await.unwrap_err();
    assert_eq!(failure.reason, Reason::ConnectFailed, "{failure}");
    assert!(other.jobs.try_recv().is_err());
}

#[tokio::test]
async fn a_connection_that_broke_is_made_again() {
    let (_world, executor, agent, _scheduler) = pair(Manner::Good).await;
    agent.job("a.o").await.unwrap();
    executor.becomes(Manner::DiesSilently);
    agent.job("b.o").await.unwrap_err();
    executor.becomes(Manner::Good);
    agent.job("c.o").await.unwrap();
    assert_eq!(executor.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_job_that_nobody_wants_any_more_is_taken_back() {
    let (_world, mut executor, agent, mut scheduler) = pair(Manner::Sleeps).await;
    let mut seat = agent.seat().await.unwrap();
    tokio::select! {
        ended = agent.compile(&mut seat, "a.o") => panic!("{ended:?}"),
        seen = executor.jobs.recv() => assert!(matches!(seen, Some(Seen::Job(..)))),
    }
    drop(seat);
    assert!(matches!(executor.jobs.recv().await, Some(Seen::Reset)));
    let Message::Report(report) = scheduler.hears().await else {
        panic!("no report came");
    };
    assert_eq!(report.ending, Ending::Cancelled);
    // The connection is good for the next.
    executor.becomes(Manner::Good);
    agent.job("b.o").await.unwrap();
    assert_eq!(executor.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn without_a_scheduler_a_job_does_not_wait() {
    let (_world, _executor, agent, scheduler) = pair(Manner::Good).await;
    scheduler.allowed.store(0, Ordering::Relaxed);
    let waiting = agent.seat();
    let dying = async {
        // Once it has heard of the job.
        let mut scheduler = scheduler;
        scheduler.heard.recv().await.unwrap();
        scheduler.dies();
        scheduler
    };
    let (seat, _scheduler) = tokio::join!(waiting, dying);
    assert_eq!(seat.unwrap_err().reason, Reason::NoScheduler);
    assert_eq!(agent.seat().await.unwrap_err().reason, Reason::NoScheduler);
}

#[tokio::test]
async fn a_new_scheduler_is_gone_to() {
    let mut world = World::new();
    let executor = Executor::start(&mut world, "executor", Manner::Good).await;
    let agent = Agent::new(&mut world);
    let submitter = agent.identity.member();
    let first = Scheduler::start(&mut world, submitter, &[&executor], true).await;
    agent.joins(&first);
    agent.job("a.o").await.unwrap();
    let second = Scheduler::start(&mut world, submitter, &[&executor], true).await;
    assert_ne!(first.member, second.member);
    first.dies();
    let given = agent.credentials(Some(second.address));
    let taken = agent.cluster.take(&given, Vec::new(), String::new());
    // Nobody else is believed than before.
    assert_eq!(taken, Ok(false));
    // A grant of the first may be left.
    for name in ["b.o", "c.o", "d.o"] {
        agent.job(name).await.unwrap();
    }
    assert_eq!(executor.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_revoked_executor_is_left_at_once_and_not_gone_to_again() {
    let (mut world, mut executor, agent, scheduler) = pair(Manner::Sleeps).await;
    let mut seat = agent.seat().await.unwrap();
    let list = world.revoke(executor.identity.member());
    let revoking = async {
        assert!(matches!(executor.jobs.recv().await, Some(Seen::Job(..))));
        let given = agent.credentials(Some(scheduler.address));
        let taken = agent.cluster.take(&given, list, String::new());
        assert_eq!(taken, Ok(true));
        agent.cluster.recheck().await;
    };
    let (ended, ()) = tokio::join!(agent.compile(&mut seat, "a.o"), revoking);
    let failure = ended.unwrap_err();
    assert_eq!((failure.reason, failure.retry), (Reason::PeerRefused, true));
    executor.becomes(Manner::Good);
    let again = agent.job("b.o").await.unwrap_err();
    assert_eq!(again.reason, Reason::ConnectFailed, "{again}");
}

#[tokio::test]
async fn who_is_a_member_no_more_has_no_way() {
    let (_world, _executor, agent, scheduler) = pair(Manner::Good).await;
    agent.job("a.o").await.unwrap();
    agent.cluster.is_open();
    assert!(agent.cluster.access().is_none());
    agent.joins(&scheduler);
    agent.job("b.o").await.unwrap();
    let mut mixed = agent.credentials(Some(scheduler.address));
    mixed.mixed = true;
    let taken = agent.cluster.take(&mixed, Vec::new(), String::new());
    assert_eq!(taken, Ok(false));
    assert!(agent.cluster.access().is_none());
}
