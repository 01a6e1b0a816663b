//! Several schedulers in a cluster of members: any of them says which one is elected, and one that dies is
//! replaced while builds go on (issue C, "several schedulers").

use std::time::{Duration, Instant};

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::{PARTS, SMALL};
use anyhow::{Context, Result, ensure};
use lab::Suite::Floe;
use lab::{Cluster, Process, Signal};

const BUILD: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_secs(60);

/// A second scheduler, by a member that may be nothing else.
fn another(cluster: &Cluster, name: &str) -> Result<Process> {
    let line = cluster.authority(&["invite", "--role", "schedule"])?;
    let join = ["join", line.trim(), "--name", name];
    cluster.floe(name)?.args(join).run(SOON)?.ok()?;
    let scheduler = cluster.floe(name)?.args(["scheduler", "-vvv"]);
    scheduler.log("scheduler").start()
}

/// What `floe status` says of the scheduler, on a host.
fn scheduler(cluster: &Cluster, host: &str) -> Result<(String, String, usize)> {
    let status = cluster.floe(host)?.args(["status", "--json"]);
    // It fails where there is no scheduler, and says so all the same.
    let status = status.run(SOON)?;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
    let said = &status["scheduler"];
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    let hosts = said["hosts"].as_array().map_or(0, Vec::len);
    Ok((text("address"), text("elected"), hosts))
}

#[test]
fn the_elected_scheduler_dies_and_the_build_goes_on_with_the_other() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe));
    let mut cluster = Cluster::builder()
        .members()
        .bare("second")
        .executor("one", Floe, 2)
        .executor("two", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let (first, _) = cluster.scheduler_address()?;
    let first = first.to_string();
    let second = cluster.host("second")?.address().to_string();
    let mut other = another(&cluster, "second")?;
    until("the second scheduler has found the first", SOON, || {
        Ok(other.log().contains("scheduler scheduler is elected"))
    })?;
    until("the first one says why it is elected", SOON, || {
        let (address, why, hosts) = scheduler(&cluster, "submit")?;
        ensure!(address.starts_with(&first), "{address}: {why}");
        Ok(why.contains("has run longest of 2 schedulers") && hosts == 3)
    })?;

    let tree = PARTS.open()?;
    tree.reset()?;
    let launch = cluster.client("submit", Floe, "sh")?;
    let mut build = tree.build(launch, 4).start()?;
    let log = |process: &Process| process.log();
    until("the build has begun", SOON, || {
        let one = tree.path().read_dir()?.flatten();
        Ok(one.count() > 0 && build.is_running())
    })?;
    cluster.scheduler()?.kill(Signal::KILL);
    let died = Instant::now();
    until("all hosts are at the second scheduler", SOON, || {
        let (address, _, hosts) = scheduler(&cluster, "submit")?;
        Ok(address.starts_with(&second) && hosts == 3)
    })?;
    println!(
        "the hosts were there {:.1} s after",
        died.elapsed().as_secs_f64()
    );
    let built = build.output(BUILD)?.ok();
    built.with_context(|| format!("{}\n{}", cluster.logs(), log(&other)))?;
    println!("{:?}", tree.compare()?);

    // A whole build by the second one, and what doctor says.
    let tree = SMALL.open()?;
    tree.reset()?;
    jobs::forget(cluster.host("submit")?);
    let launch = cluster.client("submit", Floe, "sh")?;
    tree.build(launch, 8).run(BUILD)?.ok()?;
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Floe)?;
    ensure!(
        jobs.remote_total() >= SMALL.objects && jobs.failed_tries.is_empty(),
        "{jobs:?}\n{}",
        log(&other)
    );
    let (_, why, _) = scheduler(&cluster, "submit")?;
    ensure!(
        why.contains("second is the only scheduler that runs"),
        "{why}"
    );

    // The first one comes back as the younger, and sends its visitors on.
    cluster.start_scheduler()?;
    until("the first one finds the second in charge", SOON, || {
        Ok(cluster
            .scheduler()?
            .log()
            .contains("scheduler second is elected"))
    })?;
    let (address, why, hosts) = scheduler(&cluster, "one")?;
    ensure!(
        address.starts_with(&second) && hosts == 3,
        "{address}: {why}, {hosts} hosts"
    );
    // A daemon that was told of the first one only is sent on.
    cluster.kill_daemon("two")?;
    cluster.start_daemon("two")?;
    let sent_on = until(
        "the new daemon is at the second scheduler",
        2 * SOON,
        || {
            let (address, _, hosts) = scheduler(&cluster, "two")?;
            Ok(address.starts_with(&second) && hosts == 3)
        },
    );
    sent_on.with_context(|| cluster.logs())?;
    other.kill(Signal::TERM);
    Ok(())
}

#[test]
fn the_elected_scheduler_is_cut_off_and_hosts_go_to_the_other() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe));
    let cluster = Cluster::builder()
        .members()
        .bare("second")
        .executor("one", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let second = cluster.host("second")?.address().to_string();
    let mut other = another(&cluster, "second")?;
    until("the second scheduler has found the first", SOON, || {
        Ok(other.log().contains("scheduler scheduler is elected"))
    })?;
    // The authority tells them, which is cut off as well.
    until("the daemons have heard of the second one", SOON, || {
        let knows = |host: &str| -> Result<bool> {
            let known = cluster.host(host)?.home().join("state/member/schedulers");
            let known = std::fs::read(known).unwrap_or_default();
            Ok(String::from_utf8_lossy(&known).contains(&second))
        };
        Ok(knows("one")? && knows("submit")?)
    })?;
    cluster.host("scheduler")?.unplug()?;
    let cut = Instant::now();
    let moved = until("all hosts are at the second scheduler", 2 * SOON, || {
        let (address, _, hosts) = scheduler(&cluster, "submit")?;
        Ok(address.starts_with(&second) && hosts == 2)
    });
    moved.with_context(|| format!("{}\n{}", cluster.logs(), other.log()))?;
    println!(
        "the hosts were there {:.1} s after",
        cut.elapsed().as_secs_f64()
    );
    other.kill(Signal::TERM);
    Ok(())
}
