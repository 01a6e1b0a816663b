//! A host's owner comes first: a host that is lent only at certain times gets no job at others.

use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, DaemonSpec, Suite};

const BUILD: Duration = Duration::from_secs(120);

fn lent(name: &str, arguments: &[&str]) -> DaemonSpec {
    DaemonSpec {
        name: name.to_owned(),
        suite: Suite::Floe,
        slots: 2,
        submit_only: false,
        link: None,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
    }
}

#[test]
fn a_host_that_is_not_lent_now_gets_no_job() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let hour = i32::from(jiff::Zoned::now().hour());
    // Neither now nor when the hour ends during the test.
    let later = format!("{}-{}", (hour + 3) % 24, (hour + 4) % 24);
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .daemon(lent("later", &["--hours", &later]))
        .daemon(lent(
            "lent",
            &["--idle-only", "--not-on-battery", "--max-load", "1000"],
        ))
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let tree = SMALL.open()?;
    tree.reset()?;
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 4);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    ensure!(
        jobs.remote.keys().eq(["lent"]),
        "{jobs:?}\n{}",
        cluster.logs()
    );
    ensure!(jobs.local_total() == 0, "{jobs:?}\n{}", cluster.logs());
    let log = cluster.daemon("later")?.log();
    ensure!(
        log.contains("no compiles of other hosts are taken: it is not between"),
        "{log}"
    );
    Ok(())
}
