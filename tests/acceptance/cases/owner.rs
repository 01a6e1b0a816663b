//! A host's owner comes first: a host that is lent only at certain times gets no job at others, and
//! what runs already when the owner needs the machine stands still or goes elsewhere.

use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::{LONG, SMALL};
use anyhow::{Context, Result, ensure};
use lab::{Cluster, DaemonSpec, Host, Suite};

const BUILD: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(60);

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

/// Builds a small project and compares its objects with a plain build's.
fn build(cluster: &Cluster) -> Result<jobs::Jobs> {
    let tree = SMALL.open()?;
    tree.reset()?;
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 4);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    jobs::of(cluster, cluster.host("submit")?, Suite::Floe)
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
    let jobs = build(&cluster)?;
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

/// A build of many files on a host without slots would wait for minutes, file by file.
#[test]
fn a_build_does_not_wait_for_hosts_that_nobody_lends() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let hour = i32::from(jiff::Zoned::now().hour());
    let later = format!("{}-{}", (hour + 3) % 24, (hour + 4) % 24);
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .daemon(lent("later", &["--hours", &later]))
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let jobs = build(&cluster)?;
    let why: Vec<_> = jobs.local.keys().map(String::as_str).collect();
    ensure!(
        jobs.remote.is_empty() && why == ["nobody_willing"],
        "{jobs:?}\n{}",
        cluster.logs()
    );
    Ok(())
}

/// From now on the host says that its load average is this.
fn say_load(host: &Host, load: &str) -> Result<()> {
    let text = format!(
        "echo '{load} 0.00 0.00 1/100 1000' >/tmp/loadavg
        test -e /tmp/said || mount --bind /tmp/loadavg /proc/loadavg; touch /tmp/said"
    );
    host.shell(&text).run(SOON)?.ok().map(drop)
}

/// Whether a compiler proper on the host is in one of these states of proc(5).
fn is_compiling(host: &Host, states: &str) -> bool {
    host.processes().into_iter().any(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.split_once("(cc1plus) ").map(|(_, rest)| rest);
        state.is_some_and(|rest| rest.starts_with(|letter| states.contains(letter)))
    })
}

#[test]
fn a_running_compile_stands_still_for_the_owner_and_moves_on_if_that_lasts() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let limits = ["--max-load", "1.5", "--hand-back-after", "8"];
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .daemon(lent("lent", &limits))
        .daemon(lent("other", &limits))
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    say_load(cluster.host("lent")?, "0.00")?;
    say_load(cluster.host("other")?, "9.00")?;
    says(
        &mut cluster,
        "other",
        "no compiles of other hosts are taken",
    )?;

    let jobs = compile(&mut cluster, |cluster| {
        say_load(cluster.host("lent")?, "9.00")?;
        says(cluster, "lent", "stand still, 1 of them: the load average")?;
        let host = cluster.host("lent")?;
        until("the compiler is stopped", SOON, || {
            Ok(is_compiling(host, "T"))
        })?;
        say_load(host, "0.00")?;
        says(cluster, "lent", "compiles of other hosts go on")
    })?;
    ensure!(jobs.remote.keys().eq(["lent"]), "{jobs:?}");
    ensure!(jobs.failed_tries.is_empty(), "{jobs:?}");

    let jobs = compile(&mut cluster, |cluster| {
        // Within one look at the load, before the compile ends.
        say_load(cluster.host("lent")?, "9.00")?;
        say_load(cluster.host("other")?, "0.00")?;
        says(cluster, "other", "are taken again")?;
        says(cluster, "lent", "is handed back: the owner")
    })?;
    ensure!(jobs.remote.keys().eq(["other"]), "{jobs:?}");
    ensure!(jobs.failed_tries.keys().eq(["handed_back"]), "{jobs:?}");
    Ok(())
}

fn says(cluster: &mut Cluster, host: &str, words: &str) -> Result<()> {
    let daemon = cluster.daemon(host)?;
    until(words, SOON, || Ok(daemon.log().contains(words)))?;
    Ok(())
}

/// Has something happen while a long compile runs on `lent`, and compares its object with a plain
/// compile's.
fn compile(
    cluster: &mut Cluster,
    meanwhile: impl FnOnce(&mut Cluster) -> Result<()>,
) -> Result<jobs::Jobs> {
    let tree = LONG.open()?;
    tree.reset()?;
    jobs::forget(cluster.host("submit")?);
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 1);
    let build = build.start()?;
    let lent = cluster.host("lent")?;
    until("it compiles", SOON, || Ok(is_compiling(lent, "RS")))?;
    meanwhile(cluster).with_context(|| cluster.logs())?;
    build.output(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    jobs::of(cluster, cluster.host("submit")?, Suite::Floe)
}
