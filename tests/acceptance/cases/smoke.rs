//! The smallest cluster of each suite compiles a small program on another host.

use std::fs;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::Result;
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(120);

fn compiles_elsewhere(suite: Suite) -> Result<()> {
    let mut cluster = Cluster::builder()
        .scheduler(suite)
        .executor("one", suite, 2)
        .executor("two", suite, 2)
        .submitter("submit", suite, 0)
        .start()?;
    let project = cluster.lab().shared().join("project");
    fs::create_dir(&project)?;
    for number in 0..6 {
        fs::write(
            project.join(format!("part{number}.c")),
            format!(
                "#include <stdio.h>\nint part{number}(void) {{ return printf(\"{number}\"); }}\n"
            ),
        )?;
    }
    fs::write(
        project.join("Makefile"),
        "OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))\nall: $(OBJECTS)\n",
    )?;
    let before = cluster.host("one")?.cpu()? + cluster.host("two")?.cpu()?;
    cluster
        .client("submit", suite, "make")?
        .arg("-j4")
        .dir(&project)
        .run(BUILD)?
        .ok()?;
    let after = cluster.host("one")?.cpu()? + cluster.host("two")?.cpu()?;
    assert_eq!(fs::read_dir(&project)?.count(), 13);
    println!(
        "{:?} of CPU on the executors\n{}",
        after - before,
        cluster.logs()
    );
    let hosts = cluster.control()?.hosts()?;
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    Ok(())
}

#[test]
fn debian() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Debian));
    compiles_elsewhere(Suite::Debian)
}

#[test]
fn floe() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    compiles_elsewhere(Suite::Floe)
}
