//! Debian's monitors of icecream, connected late to a floe scheduler: they show the hosts, and the
//! jobs that were already running (issue A, 4).

use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::ENDLESS;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Signal, Suite};

const SOON: Duration = Duration::from_secs(30);

/// Runs `watch` while jobs run that began before, and whose end it need not wait for.
fn while_jobs_run(watch: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("icemon"),
        Need::Program("icecream-sundae"),
        Need::Program("tmux")
    );
    let tree = ENDLESS.open_unbuilt()?;
    tree.reset()?;
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor1", Suite::Floe, 2)
        .executor("executor2", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let mut build = tree
        .build(cluster.client("submit", Suite::Floe, "sh")?, 4)
        .start()?;
    let mut jobs = Vec::new();
    let watched = until("jobs run on both executors", SOON, || {
        jobs = cluster.control()?.command("listjobs")?;
        let running = |host: &str| {
            let here = format!("on:{host} ");
            let mut lines = jobs.iter();
            lines.any(|line| line.contains("COMP") && line.contains(&here))
        };
        Ok(running("executor1") && running("executor2"))
    })
    .with_context(|| format!("{jobs:#?}"))
    .with_context(|| cluster.logs())
    .and_then(|_| watch(&mut cluster));
    build.kill_group(Signal::INT);
    build.wait(SOON)?;
    watched
}

#[test]
fn icecream_sundae_shows_hosts_and_running_jobs() -> Result<()> {
    while_jobs_run(|cluster| {
        let host = cluster.host("scheduler")?;
        let tmux = |rest: &str| {
            host.shell(&format!("tmux -f /dev/null -L sundae {rest}"))
                .run(SOON)?
                .ok()
        };
        tmux(&format!(
            "new-session -d -x 160 -y 50 'icecream-sundae -n lab -s {}'",
            host.address()
        ))?;
        let mut screen = String::new();
        let seen = until("the screen shows all hosts", SOON, || {
            screen = tmux("capture-pane -p")?;
            Ok(["executor1", "executor2", "submit"]
                .iter()
                .all(|word| screen.contains(word)))
        });
        tmux("kill-server")?;
        println!("{screen}");
        seen.map(drop).with_context(|| screen)
    })
}

#[test]
fn icemon_connects_and_stays() -> Result<()> {
    while_jobs_run(|cluster| {
        let host = cluster.host("scheduler")?;
        let mut icemon = host
            .command("icemon")
            .args(["-n", "lab", "-s", &host.address().to_string()])
            .env("QT_QPA_PLATFORM", "offscreen")
            .log("icemon")
            .start()?;
        let seen = until("icemon logged in", SOON, || {
            Ok(cluster.scheduler()?.log().contains("monitor"))
        });
        println!("{}", icemon.log());
        ensure!(icemon.is_running(), "{}", icemon.log());
        icemon.kill(Signal::TERM);
        seen.map(drop).with_context(|| cluster.logs())
    })
}
