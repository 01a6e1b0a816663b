//! How a cluster starts and ends.

use anyhow::{Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, LOCAL, ONE, TWO};
use lab::Signal;

use crate::slots::serialized_commands;

/// Goes first.
pub(crate) fn first() -> Vec<Case> {
    vec![Case::new(
        "T02",
        "three daemons log in and nothing runs",
        started,
    )]
}

/// Goes last: nothing is left after it.
pub(crate) fn last() -> Vec<Case> {
    vec![
        Case::new("T87", "every program ends with 0 when asked to", ended),
        Case::new(
            "T88",
            "icerun keeps to the slots without a scheduler",
            |bed| {
                bed.cluster()?.start_daemon(LOCAL)?;
                bed.wait_for_daemon()?;
                serialized_commands(bed, false)
            },
        ),
    ]
}

fn started(bed: &mut Bed) -> Result<()> {
    let hosts = bed.cluster()?.control()?.hosts()?;
    let mut names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    names.sort_unstable();
    ensure!(names == [LOCAL, ONE, TWO], "{hosts:?}");
    ensure!(
        hosts.iter().all(|host| host.jobs == 0 && host.slots == 2),
        "{hosts:?}"
    );
    let jobs = bed.cluster()?.control()?.command("listjobs")?;
    ensure!(jobs.is_empty(), "{jobs:?}");
    let words = bed.cluster()?.control()?.command("help")?;
    for word in [
        "listcs",
        "listblocks",
        "listjobs",
        "removecs",
        "blockcs",
        "unblockcs",
        "internals",
        "help",
        "quit",
    ] {
        ensure!(
            words.iter().any(|line| line.trim() == word),
            "help does not name {word}: {words:?}"
        );
    }
    Ok(())
}

fn ended(bed: &mut Bed) -> Result<()> {
    let cluster = bed.cluster()?;
    for name in [ONE, TWO, LOCAL] {
        ensure!(
            cluster.daemon(name)?.is_running(),
            "the daemon on {name} ended by itself"
        );
        cluster.daemon(name)?.kill(Signal::TERM);
        let status = cluster.daemon(name)?.wait(COMMAND)?;
        ensure!(status.code() == Some(0), "the daemon on {name}: {status}");
    }
    cluster.scheduler()?.kill(Signal::TERM);
    let status = cluster.scheduler()?.wait(COMMAND)?;
    ensure!(status.code() == Some(0), "the scheduler: {status}");
    Ok(())
}
