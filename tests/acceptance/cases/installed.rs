//! A host that forbids user namespaces takes the jobs whose compiler it has installed itself, and no
//! others: an upgrade of that compiler in place ends it.

use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(30);
const USER: (u32, u32) = (65534, 65534);

/// Lays another file over the compiler proper, in the host's own view of files.
const UPGRADE: &str = "set -e; proper=$(gcc -print-prog-name=cc1); cp \"$proper\" /tmp/cc1
printf upgraded >>/tmp/cc1; mount --bind /tmp/cc1 \"$proper\"";

#[test]
fn a_host_without_namespaces_takes_jobs_of_its_own_compiler_only() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .scheduler_arguments(&["-a", "round_robin"])
        .executor("walled", Suite::Floe, 2)
        .user(USER.0, USER.1)
        .without_user_namespaces()
        .executor("usual", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let log = cluster.daemon("walled")?.log();
    ensure!(
        log.contains("foreign jobs run in: Landlock and seccomp, without namespaces"),
        "{log}"
    );
    let remote = build(&cluster)?;
    ensure!(
        remote.keys().eq(["usual", "walled"]),
        "{remote:?}\n{}",
        cluster.logs()
    );

    let upgraded = cluster.host("walled")?.shell(UPGRADE).run(SOON)?;
    upgraded.ok()?;
    let remote = build(&cluster)?;
    ensure!(
        remote.keys().eq(["usual"]),
        "{remote:?}\n{}",
        cluster.logs()
    );
    let log = cluster.daemon("walled")?.log();
    ensure!(
        log.contains("this host's own /usr/bin/gcc is another one (version 1"),
        "{log}"
    );
    // It is not offered any more.
    let refusals = |log: &str| log.matches("is another one").count();
    let before = refusals(&log);
    build(&cluster)?;
    let log = cluster.daemon("walled")?.log();
    ensure!(refusals(&log) == before, "{log}");
    Ok(())
}

/// Builds from nothing and compares each object with a plain build's. Where the jobs ran.
fn build(cluster: &Cluster) -> Result<std::collections::BTreeMap<String, usize>> {
    let submit = cluster.host("submit")?;
    jobs::forget(submit);
    let tree = SMALL.open()?;
    tree.reset()?;
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 4);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    Ok(jobs::of(cluster, submit, Suite::Floe)?.remote)
}
