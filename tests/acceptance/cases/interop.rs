//! floe and Debian's icecream in one cluster, in every mixture (issue A, "interoperation").

use std::time::Duration;

use acceptance::jobs::{self, Jobs};
use acceptance::need;
use acceptance::project::{Project, REDIS_LIBRARIES, Tree};
use acceptance::skip::Need;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::Suite::{Debian, Floe};
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(400);

/// Builds a project from `submit` and compares it. Every executor must have had a part.
fn build(
    cluster: &Cluster,
    project: &'static Project,
    tree: &Tree,
    submit: &str,
    client: Suite,
) -> Result<Jobs> {
    tree.reset()?;
    let host = cluster.host(submit)?;
    jobs::forget(host);
    let launch = jobs::record(cluster.client(submit, client, "sh")?, host, client);
    let built = tree.build(launch, 8).run(BUILD)?.ok();
    let jobs = jobs::of(cluster, host, client);
    built.with_context(|| format!("building {}\n{}", project.name, cluster.logs()))?;
    let jobs = jobs?;
    println!(
        "{} by {} from {submit}: {jobs:?}, {:?}",
        project.name,
        client.name(),
        tree.compare()?
    );
    ensure!(jobs.failed_tries.is_empty(), "tries failed: {jobs:?}");
    Ok(jobs)
}

/// One scheduler, executors of the given kinds, one submit host.
fn mixture(
    project: &'static Project,
    scheduler: Suite,
    executors: &[Suite],
    submit: Suite,
) -> Result<()> {
    for suite in [scheduler, submit].iter().chain(executors) {
        need!(Need::Suite(*suite));
    }
    need!(Need::Namespaces, Need::Project(project));
    let tree = project.open()?;
    let mut builder = Cluster::builder().scheduler(scheduler);
    for (number, suite) in executors.iter().enumerate() {
        builder = builder.executor(&format!("{}{number}", suite.name()), *suite, 2);
    }
    let cluster = builder.submitter("submit", submit, 0).start()?;
    let jobs = build(&cluster, project, &tree, "submit", submit)?;
    ensure!(
        jobs.remote.len() == executors.len(),
        "an executor had nothing to do: {jobs:?}"
    );
    ensure!(
        jobs.remote_total() >= project.objects,
        "too many local compiles: {jobs:?}"
    );
    Ok(())
}

/// The yardstick: what the tests say of C++ icecream alone.
#[test]
fn debian_alone() -> Result<()> {
    mixture(&SMALL, Debian, &[Debian, Debian], Debian)
}

#[test]
fn debian_daemons_and_clients_under_a_floe_scheduler() -> Result<()> {
    mixture(&REDIS_LIBRARIES, Floe, &[Debian, Debian], Debian)
}

#[test]
fn floe_executes_for_debian_clients_under_a_debian_scheduler() -> Result<()> {
    mixture(&REDIS_LIBRARIES, Debian, &[Floe, Floe], Debian)
}

#[test]
fn floe_submits_to_debian_executors_under_a_debian_scheduler() -> Result<()> {
    mixture(&REDIS_LIBRARIES, Debian, &[Debian, Debian], Floe)
}

/// Both kinds of executors and of submit hosts in one cluster.
fn both_kinds(scheduler: Suite) -> Result<()> {
    let project = &REDIS_LIBRARIES;
    need!(
        Need::Namespaces,
        Need::Suite(Debian),
        Need::Suite(Floe),
        Need::Project(project)
    );
    let cluster = Cluster::builder()
        .scheduler(scheduler)
        .executor("debian", Debian, 2)
        .executor("floe", Floe, 2)
        .submitter("submit-debian", Debian, 0)
        .submitter("submit-floe", Floe, 0)
        .start()?;
    let (tree, small) = (project.open()?, SMALL.open()?);
    let jobs = build(&cluster, project, &tree, "submit-floe", Floe)?;
    ensure!(
        jobs.remote.len() == 2,
        "an executor had nothing to do: {jobs:?}"
    );
    build(&cluster, &SMALL, &small, "submit-debian", Debian)?;
    Ok(())
}

#[test]
fn both_kinds_under_a_floe_scheduler() -> Result<()> {
    both_kinds(Floe)
}

#[test]
fn both_kinds_under_a_debian_scheduler() -> Result<()> {
    both_kinds(Debian)
}

/// Debian's client and floe's daemon on one host, and the reverse.
#[test]
fn a_client_works_with_the_other_suites_daemon() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Debian), Need::Suite(Floe));
    let cluster = Cluster::builder()
        .scheduler(Floe)
        .executor("executor", Floe, 2)
        .submitter("submit-floe", Floe, 0)
        .submitter("submit-debian", Debian, 0)
        .start()?;
    let small = SMALL.open()?;
    for (host, client) in [("submit-floe", Debian), ("submit-debian", Floe)] {
        let jobs = build(&cluster, &SMALL, &small, host, client)?;
        ensure!(jobs.remote_total() == SMALL.objects, "{host}: {jobs:?}");
    }
    Ok(())
}
