//! The clusters that are measured: one of each suite, alike.

use std::time::Duration;

use anyhow::Result;
use lab::{Cluster, ClusterBuilder, LabOptions, Suite};

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
