//! Grants come, and executors believe them.

use std::collections::BTreeSet;

use membership::{Context, Role, Signature, UnixTime};
use wire::field::Line;
use wire::message::{Ending, Lack, Want};

use crate::rig::{Rig, want};

const BUILDER: &[Role] = &[Role::Execute];
const DESK: &[Role] = &[Role::Submit];

#[tokio::test]
async fn a_grant_is_for_one_job_of_this_member_at_that_executor() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(2).await;
    let jobs = wants.grants(2).await;
    let now = UnixTime::now();
    for job in &jobs {
        let signed = &job.placed.grant;
        let signature = Signature(signed.signature.as_bytes().try_into().unwrap());
        let what = (Context::GRANT, Role::Schedule);
        let bytes = signed.signed_bytes();
        let verified = rig
            .scheduler
            .signed(&builder.live, what, bytes, &signature, now);
        verified.unwrap();
        assert_eq!(signed.signer.as_bytes(), rig.scheduler.member.as_bytes());
        let grant = &job.grant;
        assert_eq!(*grant.executor.as_bytes(), builder.id());
        assert_eq!(*grant.submitter.as_bytes(), desk.id());
        assert_eq!((grant.jobs.get(), grant.slots.get()), (1, 1));
        assert_eq!(grant.expires.get() - grant.not_before.get(), 60);
        assert!(grant.is_current(now.as_secs(), 10));
        assert_eq!(job.placed.addresses[0].host.as_str(), "127.0.0.1");
    }
    let nonces: BTreeSet<_> = jobs.iter().map(|job| job.grant.nonce.0).collect();
    let numbers: BTreeSet<_> = jobs.iter().map(|job| job.grant.number).collect();
    assert_eq!((nonces.len(), numbers.len()), (2, 2));

    executor.begins(&jobs[0]).await;
    rig.settled("COMP", true).await;
    executor.ends_job(&jobs[0]).await;
    rig.settled("COMP", false).await;
    wants.report(jobs[0].grant.number, Ending::Done).await;
    let next = wants.grants(1).await;
    assert!(next[0].grant.number > jobs[1].grant.number);
}

#[tokio::test]
async fn the_daemon_comes_after_its_agent() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 1).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    let none = wants.none().await;
    assert!(none.possible);
    assert!(
        none.text.as_str().contains("not logged in"),
        "{}",
        none.text
    );
    let _line = rig.submitter(&desk).await;
    wants.grants(1).await;
}

#[tokio::test]
async fn without_any_host_waiting_is_useless() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(3).await;
    assert!(!wants.none().await.possible);
    // And yet, one comes.
    let _executor = rig.executor(&builder, 8).await;
    wants.grants(3).await;
}

#[tokio::test]
async fn whether_the_toolchain_is_there_is_told_to_members_whose_jobs_it_ran() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let (desk, other) = (rig.host("desk", DESK), rig.host("other", DESK));
    // It announces the toolchain.
    let mut executor = rig.executor(&builder, 2).await;
    let _lines = (rig.submitter(&desk).await, rig.submitter(&other).await);
    let mut wants = rig.agent(&desk).await.want(1).await;
    let job = wants.grants(1).await.remove(0);
    assert!(!job.placed.has_toolchain);
    executor.begins(&job).await;
    executor.ends_job(&job).await;
    wants.report(job.grant.number, Ending::Done).await;
    assert!(wants.grants(1).await[0].placed.has_toolchain);
    let mut wants = rig.agent(&other).await.want(1).await;
    assert!(!wants.grants(1).await[0].placed.has_toolchain);
}

#[tokio::test]
async fn what_is_given_back_goes_to_the_next() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let (first, second) = (rig.host("first", DESK), rig.host("second", DESK));
    let _executor = rig.executor(&builder, 1).await;
    let _lines = (rig.submitter(&first).await, rig.submitter(&second).await);
    let (mut greedy, other) = (
        rig.agent(&first).await.want(50).await,
        rig.agent(&second).await,
    );
    let held = greedy.grants(1).await;
    let mut wants = other.want(1).await;
    greedy.change(0).await;
    greedy.give_back(&held).await;
    wants.grants(1).await;
}

#[tokio::test]
async fn two_members_who_build_share_the_executors() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let (first, second) = (rig.host("first", DESK), rig.host("second", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let _lines = (rig.submitter(&first).await, rig.submitter(&second).await);
    let (one, other) = (rig.agent(&first).await, rig.agent(&second).await);
    let mut streams = [one.want(40).await, other.want(40).await];
    let mut done = [0; 2];
    // Whoever gets a grant uses it at once, and one job ends for each that begins.
    while done.iter().sum::<u32>() < 60 {
        let [one, other] = &mut streams;
        let (at, jobs) = tokio::select! {
            jobs = one.grants(1) => (0, jobs),
            jobs = other.grants(1) => (1, jobs),
        };
        for job in jobs {
            executor.begins(&job).await;
            executor.ends_job(&job).await;
            streams[at].report(job.grant.number, Ending::Done).await;
            done[at] += 1;
        }
    }
    assert!(done.iter().all(|done| *done > 15), "{done:?}");
}

#[tokio::test]
async fn a_preferred_host_is_the_only_one_and_an_unknown_one_is_nobody() {
    let mut rig = Rig::start().await;
    let (large, small) = (rig.host("large", BUILDER), rig.host("small", BUILDER));
    let desk = rig.host("desk", DESK);
    let _executors = (rig.executor(&large, 8).await, rig.executor(&small, 1).await);
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let prefers = |name: &str| Want {
        preferred: Line::new(name),
        ..want(1)
    };
    let mut wants = agent.open(prefers("small")).await;
    let job = &wants.grants(1).await[0];
    assert_eq!(job.grant.executor.as_bytes(), &small.id());
    for nobody in ["medium", "desk"] {
        let none = agent.open(prefers(nobody)).await.none().await;
        assert_eq!((none.possible, none.reason), (false, Lack::NoHost));
    }
}
