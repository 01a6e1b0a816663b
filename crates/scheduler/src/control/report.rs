//! The texts of the control port, in icecream's form to the letter: scripts read them.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use job::HostId;
use placement::{Cluster, Host, Task, Time};

pub(crate) const HELP: &str =
    "listcs\nlistblocks\nlistjobs\nremovecs\nblockcs\nunblockcs\ninternals\nhelp\nquit\n";

/// The version of icecream whose control port this is, and ours.
const VERSION: &str = concat!("1.4.90 (floe ", env!("CARGO_PKG_VERSION"), ")");

pub(crate) fn greeting(cluster: &Cluster, uptime: Duration) -> String {
    format!(
        "200-ICECC {VERSION}: {}s uptime, {} hosts, {} jobs in queue ({} total).\n200 Use 'help' for help and 'quit' to quit.\n",
        uptime.as_secs(),
        cluster.host_count(),
        cluster.task_count(),
        cluster.last_job(),
    )
}

/// `names` says of which jobs the file is told.
pub(crate) fn hosts(cluster: &Cluster, now: Time, names: impl Fn(&Task) -> bool) -> String {
    let mut text = String::new();
    for host in cluster.hosts() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            " {} ({}) [{}] speed={:.2} jobs={}/{} load={}",
            host.name,
            SocketAddr::new(host.address, host.port),
            host.platform,
            host.shown_speed(),
            host.occupied(),
            host.slots,
            host.shown_load(),
        );
        if let Some(since) = host.installing_since() {
            let _ = write!(
                text,
                " busy installing since {} s",
                now.since(since).as_secs()
            );
        }
        text.push('\n');
        for task in host.placed().filter_map(|job| cluster.task(job)) {
            let _ = writeln!(text, "   {}", line(cluster, task, names(task)));
        }
    }
    text
}

pub(crate) fn jobs(cluster: &Cluster, names: impl Fn(&Task) -> bool) -> String {
    let mut text = String::new();
    for task in cluster.tasks().into_iter().filter(|task| !task.is_local()) {
        let _ = writeln!(text, " {}", line(cluster, task, names(task)));
    }
    text
}

pub(crate) fn blocks(cluster: &Cluster) -> String {
    cluster.blocked().fold(String::new(), |text, entry| {
        text + "   " + &printable(entry) + "\n"
    })
}

/// What is said before hosts are disconnected.
pub(crate) fn removing(cluster: &Cluster, names: &[String]) -> String {
    let found = names.iter().filter(|name| cluster.called(name).is_some());
    found.fold(String::new(), |text, name| {
        text + "removing host " + &printable(name) + "\n"
    })
}

/// The text without what could confuse a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}

fn line(cluster: &Cluster, task: &Task, names: bool) -> String {
    let name = |host: Option<HostId>| {
        host.and_then(|host| cluster.host(host))
            .map_or("<unknown>", |host: &Host| host.name.as_str())
    };
    let file = String::from_utf8_lossy(if names { &task.file } else { &[] });
    let file: String = file.chars().filter(|c| !c.is_control()).collect();
    format!(
        "{} {} sub:{} on:{} {file}",
        task.id,
        task.stage().word(),
        name(Some(task.submitter)),
        name(task.stage().host()),
    )
}
