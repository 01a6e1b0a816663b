//! How often the wire is waited for, and what is used again.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use wire::message::{Ending, Message, Want};

use super::rig::*;

#[tokio::test]
async fn a_warm_job_waits_for_nothing_but_its_result() {
    let (_world, mut executor, agent, mut scheduler) = pair(Manner::Good).await;
    let text: Vec<u8> = (0..1_000_000_u32)
        .flat_map(|n| (n * 77).to_le_bytes())
        .collect();
    let mut numbers = HashSet::new();
    for round in 0..10 {
        let mut seat = agent.seat().await.unwrap();
        // From the second job on the grant was there: the scheduler may say nothing any more.
        scheduler
            .allowed
            .store(usize::from(round < 9), Ordering::Relaxed);
        let mut made = agent.text(&text);
        // The executor says nothing before it has all.
        let verdict = agent
            .compile_text(&mut seat, "a.o", &mut made)
            .await
            .unwrap();
        assert_eq!(verdict.status, 0);
        assert!(numbers.insert(seat.job_id()), "a grant was used twice");
        let Some(Seen::Job(compile, arrived)) = executor.jobs.recv().await else {
            panic!("no job came");
        };
        assert!(arrived == text, "the text is another one");
        let grant = compile.grant.read_grant().unwrap();
        assert_eq!(grant.number.get(), u64::from(seat.job_id()));
        let Message::Report(report) = scheduler.hears().await else {
            panic!("no report came");
        };
        assert_eq!(report.ending, Ending::Done);
        assert!(report.sent.get() > 0 && report.received.get() == OBJECT.len() as u64);
    }
    assert_eq!(executor.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_grant_of_a_job_that_was_announced_is_there_before_it() {
    let (_world, _executor, agent, mut scheduler) = pair(Manner::Good).await;
    agent.access().coming(&agent.wish());
    let Some(Message::Want(want)) = scheduler.heard.recv().await else {
        panic!("nothing is wanted");
    };
    assert_eq!(want.count.get(), 1);
    agent.job("a.o").await.unwrap();
}

#[tokio::test]
async fn jobs_at_once_share_one_connection_and_one_installation() {
    let mut world = World::new();
    let executor = Executor::start(&mut world, "executor", Manner::Lacks).await;
    let agent = Agent::new(&mut world);
    let submitter = agent.identity.member();
    let scheduler = Scheduler::start(&mut world, submitter, &[&executor], false).await;
    agent.joins(&scheduler);
    let names: Vec<String> = (0..8).map(|number| format!("{number}.o")).collect();
    let jobs = names.iter().map(|name| agent.job(name));
    let mut running = Vec::new();
    for job in jobs {
        running.push(Box::pin(job));
    }
    for ended in join_all(running).await {
        assert_eq!(ended.unwrap().status, 0);
    }
    assert_eq!(agent.outputs(), names);
    assert_eq!(executor.connections.load(Ordering::Relaxed), 1);
    assert_eq!(executor.installations.load(Ordering::Relaxed), 1);
}

/// Runs all at once.
async fn join_all<F: Future + Unpin>(mut all: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, output) in all.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = std::pin::Pin::new(future).poll(context)
            {
                *output = Some(value);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(outputs.drain(..).flatten().collect()),
            false => std::task::Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn who_refuses_for_want_of_a_toolchain_gets_it() {
    // The scheduler is mistaken.
    let (_world, executor, agent, _scheduler) = pair(Manner::Lacks).await;
    agent.job("a.o").await.unwrap();
    assert_eq!(executor.installations.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_jobs_ask_for_is_wanted_on_streams_of_their_own() {
    let (_world, _executor, agent, mut scheduler) = pair(Manner::Good).await;
    let mut wish = agent.wish();
    agent.access().coming(&wish);
    (wish.niceness, wish.preferred_host) = (7, "small".to_owned());
    wish.much_memory = true;
    agent.access().coming(&wish);
    let mut wanted = Vec::new();
    while wanted.len() < 2 {
        if let Some(Message::Want(want)) = scheduler.heard.recv().await {
            let memory = want.memory.map(wire::name::Size::get);
            wanted.push((
                want.niceness.get(),
                want.preferred.as_str().to_owned(),
                memory,
            ));
        }
    }
    wanted.sort();
    let special = (7, "small".to_owned(), Some(Want::MUCH_MEMORY));
    assert_eq!(wanted, [(0, String::new(), None), special]);
}
