//! `make -j200`: wrappers that wait cost next to nothing (issue A, "many wrappers").

use std::fs;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use acceptance::written::MANY;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Host, Suite};

const BUILD: Duration = Duration::from_secs(300);
/// What a waiting wrapper may cost.
const MEMORY: u64 = 1 << 20;
/// Clock ticks of 10 ms: starting up takes less than one.
const TICKS: u64 = 2;

/// What one waiting wrapper has used.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Memory that would be free without it.
    private: u64,
    ticks: u64,
}

fn wrappers(host: &Host) -> Vec<Cost> {
    let is_wrapper = |pid: &i32| {
        fs::read_link(format!("/proc/{pid}/exe"))
            .is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "icecc"))
    };
    host.processes()
        .into_iter()
        .filter(is_wrapper)
        .filter_map(cost)
        .collect()
}

/// `None` when it ended meanwhile.
fn cost(pid: i32) -> Option<Cost> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kilobytes: u64 = rollup
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // Behind the name: state is field 0, user time 11, system time 12.
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Cost {
        private: kilobytes << 10,
        ticks,
    })
}

#[test]
fn two_hundred_wrappers_wait_for_two_slots() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let tree = MANY.open()?;
    tree.reset()?;
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let submit = cluster.host("submit")?;
    let mut build = tree
        .build(cluster.client("submit", Suite::Floe, "sh")?, 200)
        .start()?;
    let mut most: Vec<Cost> = Vec::new();
    while build.is_running() {
        let now = wrappers(submit);
        if now.len() >= most.len() {
            most = now;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    build.output(BUILD)?.ok().with_context(|| cluster.logs())?;
    let count = most.len() as u64;
    ensure!(count > 100, "only {count} wrappers waited at once");
    let memory = most.iter().map(|cost| cost.private).sum::<u64>() / count;
    let ticks = most.iter().map(|cost| cost.ticks).max().unwrap_or_default();
    println!(
        "{count} wrappers: {memory} bytes each, at most {ticks} ticks; {:?}",
        tree.compare()?
    );
    ensure!(memory < MEMORY, "a waiting wrapper holds {memory} bytes");
    ensure!(ticks <= TICKS, "a waiting wrapper used {ticks} ticks");
    Ok(())
}
