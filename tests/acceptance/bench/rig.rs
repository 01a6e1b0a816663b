//! The clusters that are measured: one of each suite, alike.

use std::time::Duration;

use anyhow::Result;
use lab::{Cluster, ClusterBuilder, LabOptions, Process, Suite};

/// Where distcc listens unless told otherwise.
const DISTCC: u16 = 3632;

/// A scheduler, two executors of two slots, a submit host without slots.
pub(crate) fn cluster(suite: Suite) -> Result<Cluster> {
    start(Cluster::builder(), suite)
}

/// The same of floe's members, who serve nobody else.
pub(crate) fn members() -> Result<Cluster> {
    start(Cluster::builder().members(), Suite::Floe)
}

fn start(builder: ClusterBuilder, suite: Suite) -> Result<Cluster> {
    builder
        .options(LabOptions {
            visible: vec![std::env::current_exe()?],
            ..LabOptions::default()
        })
        .scheduler(suite)
        .executor("executor1", suite, 2)
        .executor("executor2", suite, 2)
        .submitter("submit", suite, 0)
        .start()
}

/// Compiles until every executor holds the toolchain.
pub(crate) fn warm_up(cluster: &Cluster, suite: Suite) -> Result<()> {
    let directory = cluster.lab().shared();
    std::fs::write(directory.join("warm.c"), "int warm;\n")?;
    std::fs::write(directory.join("warm.cc"), "int warm;\n")?;
    let compile = "
        for n in 1 2 3 4 5 6 7 8; do
            $CC -c warm.c -o warm$n.o & $CXX -c warm.cc -o warmcc$n.o &
        done; wait";
    for _ in 0..2 {
        let launch = cluster.client("submit", suite, "sh")?.args(["-c", compile]);
        launch.dir(&directory).run(Duration::from_secs(120))?.ok()?;
    }
    Ok(())
}

/// distcc's daemon beside whatever an executor runs.
pub(crate) fn distccd(cluster: &Cluster, executor: &str, jobs: u32) -> Result<Process> {
    let host = cluster.host(executor)?;
    let (address, port) = (host.address().to_string(), DISTCC.to_string());
    let options = [
        "--no-detach",
        "--daemon",
        "--allow",
        "0.0.0.0/0",
        "--listen",
    ];
    let launch = host.command("/usr/bin/distccd").args(options);
    let launch = launch.args([&address, "--port", &port, "--jobs", &jobs.to_string()]);
    launch.args(["--log-stderr"]).log("distccd").start()
}
