//! What breaks in the middle of a build costs time, never the build (issue A, "main faults").

use std::fs;
use std::path::Path;
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::project::{Project, REDIS_LIBRARIES};
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::ENDLESS;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Host, Signal, Suite};

const BUILD: Duration = Duration::from_secs(600);

fn cluster() -> Result<Cluster> {
    Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor1", Suite::Floe, 2)
        .executor("executor2", Suite::Floe, 2)
        .executor("executor3", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()
}

/// Builds a project, lets something happen when a quarter is done, and wants the build to succeed
/// with the objects of a plain build.
fn survives(
    project: &'static Project,
    fault: impl FnOnce(&mut Cluster) -> Result<()>,
) -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Project(project)
    );
    let tree = project.open()?;
    tree.reset()?;
    let mut cluster = cluster()?;
    let mut build = tree
        .build(cluster.client("submit", Suite::Floe, "sh")?, 8)
        .start()?;
    until("a quarter of the objects", BUILD, || {
        ensure!(
            build.is_running(),
            "the build ended too early:\n{}",
            build.log()
        );
        Ok(objects(&tree.path())? >= project.objects / 4)
    })?;
    fault(&mut cluster)?;
    let built = build.output(BUILD)?.ok();
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    built.with_context(|| format!("{jobs:?}\n{}", cluster.logs()))?;
    println!("{jobs:?}, {:?}", tree.compare()?);
    Ok(())
}

fn objects(directory: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            count += objects(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "o") {
            count += 1;
        }
    }
    Ok(count)
}

/// Processes on a host whose command line holds a word.
fn running(host: &Host, word: &str) -> Vec<i32> {
    let holds = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
            String::from_utf8_lossy(&line)
                .replace('\0', " ")
                .contains(word)
        })
    };
    host.processes().into_iter().filter(holds).collect()
}

#[test]
fn an_executor_is_killed() -> Result<()> {
    survives(&REDIS_LIBRARIES, |cluster| cluster.kill_daemon("executor1"))
}

/// No packet says that it is gone.
#[test]
fn an_executor_falls_silent() -> Result<()> {
    survives(&REDIS_LIBRARIES, |cluster| {
        cluster.host("executor1")?.unplug()
    })
}

#[test]
fn the_scheduler_is_killed_and_comes_back() -> Result<()> {
    survives(&REDIS_LIBRARIES, |cluster| {
        cluster.scheduler()?.kill(Signal::KILL);
        cluster.scheduler()?.wait(Duration::from_secs(10))?;
        cluster.start_scheduler()
    })
}

#[test]
fn the_agent_is_killed() -> Result<()> {
    survives(&REDIS_LIBRARIES, |cluster| {
        let submit = cluster.host("submit")?;
        let agents = running(submit, "agent");
        ensure!(!agents.is_empty(), "no agent runs on the submit host");
        let ids = agents
            .iter()
            .map(|pid| pid.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        println!("killing {ids}");
        for pid in agents {
            submit.kill(pid, Signal::KILL);
        }
        Ok(())
    })
}

#[test]
fn the_submit_hosts_daemon_is_killed() -> Result<()> {
    survives(&REDIS_LIBRARIES, |cluster| {
        cluster.daemon("submit")?.kill(Signal::KILL);
        cluster.daemon("submit")?.wait(Duration::from_secs(10))?;
        cluster.start_daemon("submit")
    })
}

#[test]
fn ctrl_c_ends_all_remote_work_within_a_second() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let tree = ENDLESS.open_unbuilt()?;
    tree.reset()?;
    let cluster = cluster()?;
    let executors = ["executor1", "executor2", "executor3"];
    let compilers = || -> Result<usize> {
        let hosts = executors.iter().map(|name| cluster.host(name));
        hosts.map(|host| Ok(running(host?, "cc1plus").len())).sum()
    };
    let mut build = tree
        .build(cluster.client("submit", Suite::Floe, "sh")?, 8)
        .start()?;
    let started = until(
        "six compilers run remotely",
        Duration::from_secs(60),
        || Ok(compilers()? >= 6),
    );
    started.with_context(|| cluster.logs())?;
    build.kill_group(Signal::INT);
    let took = until("no compiler runs remotely", Duration::from_secs(5), || {
        Ok(compilers()? == 0)
    })
    .with_context(|| cluster.logs())?;
    println!("remote work ended {took:?} after Ctrl-C");
    ensure!(took <= Duration::from_secs(1), "{took:?}");
    let status = build.wait(Duration::from_secs(5))?;
    ensure!(
        !status.success(),
        "an interrupted build must not look like a success"
    );
    ensure!(
        running(cluster.host("submit")?, "cc1plus").is_empty(),
        "compilers still run locally"
    );
    Ok(())
}
