//! Members that neither submit nor execute: their daemons stay off the line to the scheduler, and their users
//! see the cluster all the same.

use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use anyhow::{Context, Result, ensure};
use lab::Cluster;
use lab::Suite::Floe;

const SOON: Duration = Duration::from_secs(60);

/// The daemon of a host with only this role, and what its user sees.
fn sees(cluster: &Cluster, role: &str) -> Result<()> {
    let line = cluster.authority(&["invite", "--role", role])?;
    let join = ["join", line.trim(), "--name", role];
    cluster.floe(role)?.args(join).run(SOON)?.ok()?;
    let daemon = cluster.floe(role)?.args(["daemon", "-vvv"]);
    let daemon = daemon.log("daemon").start()?;
    let mut said = String::new();
    let seen = until("floe status shows the cluster", SOON, || {
        let status = cluster.floe(role)?.args(["status", "--json"]).run(SOON)?;
        said = String::from_utf8_lossy(&status.stdout).into_owned();
        let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
        let hosts = status["scheduler"]["hosts"].as_array();
        // The member that executes, and the one that submits.
        Ok(hosts.is_some_and(|hosts| hosts.len() == 2))
    });
    seen.with_context(|| format!("{said}\n{}", daemon.log()))?;
    let status: serde_json::Value = serde_json::from_str(&said)?;
    let at = format!("{}:8765", cluster.host("scheduler")?.address());
    ensure!(status["scheduler"]["address"] == at.as_str(), "{said}");
    let jobs = status["daemon"]["foreign_jobs"]["why"].as_str();
    let only = format!("has not the role execute, only {role}");
    ensure!(jobs.is_some_and(|why| why.ends_with(&only)), "{said}");
    let log = daemon.log();
    ensure!(
        log.matches("keeps off the line").count() == 1 && !log.contains("Connected to"),
        "{log}"
    );
    Ok(())
}

#[test]
fn a_monitor_and_a_scheduler_see_the_cluster_and_take_no_part() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe));
    let cluster = Cluster::builder()
        .members()
        .bare("monitor")
        .bare("schedule")
        .executor("one", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    sees(&cluster, "monitor")?;
    sees(&cluster, "schedule")
}
