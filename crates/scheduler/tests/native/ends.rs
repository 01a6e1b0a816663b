//! Somebody leaves, or is made to.

use membership::Role;
use transport::LinkError;
use wire::message::Ending;

use crate::rig::{Rig, within};

const BUILDER: &[Role] = &[Role::Execute];
const DESK: &[Role] = &[Role::Submit];

#[tokio::test]
async fn an_agent_that_vanishes_gives_up_what_it_did_not_use() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(2).await;
    let jobs = wants.grants(2).await;
    executor.begins(&jobs[0]).await;
    rig.settled("COMP", true).await;
    drop((wants, agent));
    rig.settled("WAIT", false).await;
    assert!(
        rig.control("listjobs").await.contains("COMP"),
        "one runs on"
    );
    executor.ends_job(&jobs[0]).await;
    rig.settled("COMP", false).await;
}

#[tokio::test]
async fn a_stream_that_ends_gives_up_its_own_and_no_others() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 8).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let (mut one, mut other) = (agent.want(1).await, agent.want(1).await);
    let (gone, kept) = (one.grants(1).await, other.grants(1).await);
    one.exchange.finish().await.unwrap();
    rig.settled(&format!("{} WAIT", gone[0].grant.number.get()), false)
        .await;
    let jobs = rig.control("listjobs").await;
    let kept = format!("{} WAIT", kept[0].grant.number.get());
    assert!(jobs.contains(&kept), "{jobs}");
}

#[tokio::test]
async fn a_report_ends_a_job_of_which_its_executor_says_nothing() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    let jobs = wants.grants(1).await;
    executor.begins(&jobs[0]).await;
    rig.settled("COMP", true).await;
    wants.report(jobs[0].grant.number, Ending::Lost).await;
    wants.grants(1).await;
    rig.settled("COMP", false).await;
}

#[tokio::test]
async fn an_executor_that_vanishes_takes_its_jobs_along() {
    let mut rig = Rig::start().await;
    let (builder, spare) = (rig.host("builder", BUILDER), rig.host("spare", BUILDER));
    let desk = rig.host("desk", DESK);
    let executor = rig.executor(&builder, 4).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    let jobs = wants.grants(1).await;
    drop(executor);
    rig.settled("builder", false).await;
    wants
        .report(jobs[0].grant.number, Ending::Unreachable)
        .await;
    assert!(!wants.none().await.possible);
    let _spare = rig.executor(&spare, 1).await;
    let jobs = wants.grants(1).await;
    assert_eq!(*jobs[0].grant.executor.as_bytes(), spare.id());
}

#[tokio::test]
async fn the_submitters_daemon_goes_and_comes() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 4).await;
    let line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    let jobs = wants.grants(1).await;
    drop(line);
    rig.settled("desk", false).await;
    wants.report(jobs[0].grant.number, Ending::Done).await;
    assert!(wants.none().await.possible);
    let _line = rig.submitter(&desk).await;
    wants.grants(1).await;
}

#[tokio::test]
async fn who_is_revoked_leaves_at_once_and_others_stay() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let (bad, good) = (rig.host("bad", DESK), rig.host("good", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let mut bad_line = rig.submitter(&bad).await;
    let _good_line = rig.submitter(&good).await;
    let agent = rig.agent(&bad).await;
    let mut wants = agent.want(2).await;
    let jobs = wants.grants(2).await;
    executor.begins(&jobs[0]).await;
    let other = rig.agent(&good).await;
    let mut others = other.want(1).await;
    others.grants(1).await;
    rig.settled("COMP", true).await;
    rig.revoke(&bad);
    bad_line.is_closed().await;
    let end = within(wants.exchange.next()).await.unwrap_err();
    assert!(
        matches!(end, LinkError::Ended { .. } | LinkError::Reset { .. }),
        "{end}"
    );
    rig.settled("sub:bad", false).await;
    rig.settled("bad", false).await;
    assert!(rig.control("listjobs").await.contains("sub:good"));
    others.change(2).await;
    others.grants(1).await;
}

#[tokio::test]
async fn a_revoked_executor_is_granted_to_nobody() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let mut executor = rig.executor(&builder, 4).await;
    let _line = rig.submitter(&desk).await;
    rig.revoke(&builder);
    executor.is_closed().await;
    rig.settled("builder", false).await;
    let agent = rig.agent(&desk).await;
    assert!(!agent.want(1).await.none().await.possible);
}
