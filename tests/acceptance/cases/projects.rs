//! Real projects through three floe executors, from a submit host without slots of its own (issue
//! A, "real projects").

use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::project::{FMTLIB, Project, REDIS, XERCES};
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use job::Reason;
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(600);
const EXECUTORS: usize = 3;

fn builds_elsewhere(project: &'static Project) -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Project(project)
    );
    let tree = project.open()?;
    let mut builder = Cluster::builder().scheduler(Suite::Floe);
    for number in 1..=EXECUTORS {
        builder = builder.executor(&format!("executor{number}"), Suite::Floe, 2);
    }
    let cluster = builder.submitter("submit", Suite::Floe, 0).start()?;
    tree.reset()?;
    let built = tree
        .build(cluster.client("submit", Suite::Floe, "sh")?, 8)
        .run(BUILD)?
        .ok();
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    built.with_context(|| format!("{jobs:?}\n{}", cluster.logs()))?;
    println!("{}: {jobs:?}, {:?}", project.name, tree.compare()?);

    for reason in jobs.local.keys() {
        ensure!(
            is_by_rule(reason),
            "compiled here for a reason that is no rule: {jobs:?}"
        );
    }
    ensure!(jobs.failed_tries.is_empty(), "tries failed: {jobs:?}");
    let total = jobs.remote_total();
    ensure!(
        total + 20 >= project.objects,
        "too few remote compiles: {jobs:?}"
    );
    let fair = total / EXECUTORS;
    // A handful of jobs says nothing about shares.
    if total >= 20 * EXECUTORS {
        let counts = (1..=EXECUTORS).map(|n| jobs.remote.get(&format!("executor{n}")));
        for count in counts {
            ensure!(
                count.is_some_and(|count| count * 2 >= fair),
                "unfair shares: {jobs:?}"
            );
        }
    }
    Ok(())
}

/// Whether a command line stays here by its nature, or because the remote compiler had something
/// to say that the local one says better.
fn is_by_rule(code: &str) -> bool {
    Reason::ALL.iter().any(|reason| {
        reason.code() == code
            && ((10..40).contains(&(*reason as i32)) || *reason == Reason::Diagnostics)
    })
}

#[test]
fn redis() -> Result<()> {
    builds_elsewhere(&REDIS)
}

#[test]
fn fmtlib() -> Result<()> {
    builds_elsewhere(&FMTLIB)
}

#[test]
fn xerces() -> Result<()> {
    builds_elsewhere(&XERCES)
}
