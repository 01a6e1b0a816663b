//! The scheduler's algorithms, by name.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, LOCAL, ONE, TWO, copy_sources, succeeded, wait_usable};
use compliance::watch::Watcher;
use lab::Suite::Debian;
use lab::cluster::SCHEDULER;
use lab::{Cluster, HostSpec, Kind, Lab};

pub(crate) fn cases() -> Vec<Case> {
    let algorithm = |id, title, name: &'static str| {
        Case::new(id, title, move |bed| builds_with(bed, name)).gap(
            Debian,
            "ended with exit status: 1",
            "1.4 has one algorithm and no option for it",
        )
    };
    vec![
        algorithm("T83", "fastest", "FASTEST"),
        algorithm("T84", "random", "random"),
        algorithm("T85", "round_robin", "round_robin"),
        algorithm("T86", "least_busy", "least_busy"),
    ]
}

fn builds_with(bed: &mut Bed, algorithm: &str) -> Result<()> {
    accepts(bed, algorithm)?;
    let suite = bed.suite;
    let mut cluster = Cluster::builder()
        .scheduler(suite)
        .scheduler_arguments(&["-a", algorithm])
        .executor(ONE, suite, 2)
        .executor(TWO, suite, 2)
        .submitter(LOCAL, suite, 2)
        .start()?;
    let work = cluster.lab().shared().join("work");
    copy_sources(&work)?;
    wait_usable(&mut cluster)?;
    let mut watcher = Watcher::start(cluster.host(SCHEDULER)?, cluster.scheduler_address()?)?;
    let mark = watcher.mark();
    let build = cluster
        .client(LOCAL, suite, "make")?
        .args(["-j2", "-f", "spread.mk"])
        .env("CC", "gcc")
        .dir(&work);
    succeeded(&build.run(COMMAND)?)?;
    let seen = watcher.since(mark, cluster.host(LOCAL)?)?;
    ensure!(seen.local == 1, "{seen:?}");
    let on = |host: &str| seen.remote.iter().filter(|one| *one == host).count();
    if algorithm == "round_robin" {
        ensure!(
            on(ONE) > 0 && on(TWO) > 0,
            "one host had nothing to do: {seen:?}"
        );
    }
    Ok(())
}

/// Whether the scheduler comes up with that algorithm.
fn accepts(bed: &Bed, algorithm: &str) -> Result<()> {
    let mut lab = Lab::new(Kind::Namespaces)?;
    let host = lab.host(&HostSpec::new("alone"))?;
    let mut scheduler = host
        .command(&bed.programs.scheduler)
        .args(["-a", algorithm])
        .start()?;
    let end = Instant::now() + Duration::from_secs(20);
    while host.connect(host.address(), 8766).is_err() {
        if !scheduler.is_running() {
            let status = scheduler.wait(COMMAND)?;
            bail!("the scheduler ended with {status}: {}", scheduler.log());
        }
        if Instant::now() > end {
            bail!("the scheduler does not answer");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
