//! What of a large toolchain leaves the submit host when ten executors want it, and after one of its files has changed.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::{Cluster, DaemonSpec, Host, LabOptions, LinkSpec, Suite};

use crate::Options;
use crate::table::Table;

const EXECUTORS: usize = 10;
const UPLINK: u64 = 100_000_000;
/// Beside the compiler's own: files that nothing makes smaller.
const FILES: usize = 14;
const EACH: u64 = 15 << 20;
/// The file that changes is one of a compiler's usual size.
const CHANGED: u64 = 2 << 20;
const BROUGHT: Duration = Duration::from_secs(400);

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let executors = options.jobs.min(EXECUTORS);
    let mut builder = Cluster::builder()
        .options(LabOptions::default())
        .members()
        .scheduler(Suite::Floe);
    for number in 0..executors {
        builder = builder.executor(&format!("executor{number}"), Suite::Floe, 2);
    }
    let submit = DaemonSpec {
        name: "submit".to_owned(),
        suite: Suite::Floe,
        slots: 0,
        submit_only: true,
        link: Some(LinkSpec {
            rate: Some(UPLINK),
            ..LinkSpec::default()
        }),
        arguments: Vec::new(),
    };
    let cluster = builder.daemon(submit).start()?;
    let directory = cluster.lab().shared();
    let mut extra = Vec::new();
    for number in 0..FILES {
        let path = directory.join(format!("padding{number}"));
        noise(&path, EACH)?;
        extra.push(path.display().to_string());
    }
    let small = directory.join("changes");
    noise(&small, CHANGED)?;
    extra.push(small.display().to_string());
    let extra = extra.join(":");

    let (whole, took) = bring(&cluster, &extra, executors)?;
    let packed = archive(cluster.host("submit")?)?;
    noise(&small, CHANGED)?;
    let (changed, _) = bring(&cluster, &extra, 2 * executors)?;
    table.note(format!(
        "toolchain of {:.0} MB packed: {:.0} MB left the submit host for {executors} executors within {took:.0} s, \
         {:.1} MB after a file of {:.1} MB had changed",
        mega(packed),
        mega(whole),
        mega(changed),
        mega(CHANGED)
    ));
    let share = |sent: u64| sent as f64 / packed as f64;
    let what = format!("uplink bytes of a toolchain to {executors} executors, by its size");
    table.row(what, "×", None, Some(share(whole)), "≤ 1.3");
    let each = 100.0 * share(changed) / executors as f64;
    let what = "the same after a file has changed, for each executor";
    table.row(what, "%", None, Some(each), "< 5 %");
    let what = "the same, for all of them together";
    table.row(what, "%", None, Some(100.0 * share(changed)), "< 5 %");
    Ok(())
}

/// Compiles until all executors have said so often that a toolchain is installed. Bytes that left the submit host, and seconds.
fn bring(cluster: &Cluster, extra: &str, installed: usize) -> Result<(u64, f64)> {
    let submit = cluster.host("submit")?;
    let (before, began) = (uplink(submit)?, Instant::now());
    let directory = cluster.lab().shared();
    std::fs::write(directory.join("one.c"), "int one;\n")?;
    let compile = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        $CC -c one.c -o one$n.o &
    done; wait";
    loop {
        let launch = cluster.client("submit", Suite::Floe, "sh")?;
        let launch = launch
            .args(["-c", compile])
            .env("ICECC_EXTRAFILES", extra)
            .dir(&directory);
        launch.run(BROUGHT)?.ok()?;
        let there = there(cluster)?;
        if there >= installed {
            break;
        }
        ensure!(
            began.elapsed() < BROUGHT,
            "only {there} of {installed} installations within {BROUGHT:?}:\n{}",
            cluster.logs()
        );
        std::thread::sleep(Duration::from_secs(1)); // the next try is only to find out
    }
    Ok((uplink(submit)? - before, began.elapsed().as_secs_f64()))
}

fn there(cluster: &Cluster) -> Result<usize> {
    let mut said = 0;
    for name in cluster.names() {
        for file in std::fs::read_dir(cluster.host(&name)?.logs())? {
            let log = std::fs::read_to_string(file?.path())?;
            said += log.matches("is installed, after").count();
        }
    }
    Ok(said)
}

/// Bytes that a host has sent, with all headers.
pub(crate) fn uplink(host: &Host) -> Result<u64> {
    let text = host
        .shell("cat /proc/self/net/dev")
        .run(Duration::from_secs(20))?
        .ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let sent = lines
        .filter(|(name, _)| name.trim() != "lo")
        .filter_map(|(_, figures)| figures.split_whitespace().nth(8)?.parse::<u64>().ok());
    Ok(sent.sum())
}

/// The length of the largest archive that the host has made: the toolchain, packed.
fn archive(host: &Host) -> Result<u64> {
    let places = [host.home(), host.var_tmp(), host.tmp(), host.run()];
    let mut find = host.command("find");
    for place in places {
        find = find.arg(place);
    }
    let find = find.args(["-xdev", "-type", "f", "-size", "+4M", "-printf", "%s\\n"]);
    let sizes = find.run(Duration::from_secs(20))?;
    let text = sizes.ok()?;
    let sizes = text.lines().filter_map(|line| line.parse().ok());
    sizes.max().context("the submit host has packed nothing")
}

fn noise(path: &std::path::Path, length: u64) -> Result<()> {
    let mut from = std::fs::File::open("/dev/urandom")?.take(length);
    let mut into = std::fs::File::create(path)?;
    std::io::copy(&mut from, &mut into)?;
    Ok(())
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
