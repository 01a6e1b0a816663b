//! CPU of the compiles of a build: on the submit host for each job, and on all hosts against a
//! local build.

use std::fs;

use acceptance::jobs;
use acceptance::project::REDIS;
use anyhow::{Context, Result};
use lab::{Cluster, HostSpec, Kind, Lab, LabOptions, Programs, Suite};

use crate::Options;
use crate::replay::Recording;
use crate::rig::{cluster, warm_up};
use crate::table::{Table, median};

pub(crate) fn redis(options: &Options, table: &mut Table) -> Result<()> {
    let tree = REDIS.open_unbuilt()?;
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let compiles = Recording::of(&tree, host.command("sh"), options.jobs)?;
    measure("redis", "C", &compiles, options, table)
}

/// Files of a large C++ program's size: some 3 MB of preprocessed text, seconds of compiling.
pub(crate) fn cxx(options: &Options, table: &mut Table) -> Result<()> {
    let compiles = large(options.jobs.min(60))?;
    measure("large C++ files", "C++", &compiles, options, table)
}

pub(crate) fn large(count: usize) -> Result<Recording> {
    let directory = acceptance::project::workshop("cxx")?;
    let mut commands = Vec::new();
    for number in 0..count {
        let source = format!("part{number}.cc");
        fs::write(
            directory.join(&source),
            LARGE.replace("NUMBER", &number.to_string()),
        )?;
        let object = format!("part{number}.o");
        let words = ["g++", "-std=c++17", "-O1", "-c", "-o", &object, &source];
        commands.push(words.map(str::to_owned).to_vec());
    }
    Recording::written(&directory, commands)
}

const LARGE: &str = r#"#include <bits/stdc++.h>
namespace {
struct Item {
    std::string name;
    std::vector<int> values;
    std::map<std::string, std::set<int>> index;
};
bool operator<(const Item &a, const Item &b) { return a.name < b.name; }
}
int partNUMBER(const std::string &text) {
    std::regex pattern("([a-z]+)NUMBER([0-9]*)");
    std::unordered_map<std::string, Item> items;
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
        items[(*it)[1]].values.push_back(std::stoi((*it)[2]));
    std::vector<Item> sorted;
    std::transform(items.begin(), items.end(), std::back_inserter(sorted),
                   [](auto &pair) { return pair.second; });
    std::sort(sorted.begin(), sorted.end());
    return std::accumulate(sorted.begin(), sorted.end(), 0,
                           [](int sum, const Item &item) { return sum + int(item.values.size()); });
}
"#;

struct Way {
    suite: Suite,
    cluster: Cluster,
    submit: Vec<f64>,
    total: Vec<f64>,
    wall: Vec<f64>,
}

/// Compiles at once: more than the executors have slots, so that none waits.
const AT_ONCE: u32 = 6;

fn measure(
    what: &str,
    language: &str,
    compiles: &Recording,
    options: &Options,
    table: &mut Table,
) -> Result<()> {
    let plain = plain_lab()?;
    let local_host = plain.hosts().first().context("a lab without hosts")?;
    let mut ways = Vec::new();
    for suite in Suite::BOTH {
        let cluster = cluster(suite)?;
        warm_up(&cluster, suite)?;
        ways.push(Way {
            suite,
            cluster,
            submit: Vec::new(),
            total: Vec::new(),
            wall: Vec::new(),
        });
    }
    let mut local = Vec::new();
    for _ in 0..options.builds {
        let before = local_host.cpu()?;
        compiles.replay(|me| Ok(local_host.command(me)), 2, None)?;
        local.push((local_host.cpu()? - before).as_secs_f64());
        for way in &mut ways {
            let (cluster, suite) = (&way.cluster, way.suite);
            let wrapper = Programs::locate(suite)?.client;
            let before = cpu(cluster)?;
            let start = std::time::Instant::now();
            compiles.replay(
                |me| cluster.client("submit", suite, me),
                AT_ONCE,
                Some(&wrapper),
            )?;
            way.wall.push(start.elapsed().as_secs_f64());
            let after = cpu(cluster)?;
            way.submit.push(after.0 - before.0);
            way.total.push(after.1 - before.1);
        }
    }
    let [debian, floe] = &ways[..] else {
        return Ok(());
    };
    let recorded = jobs::of(&floe.cluster, floe.cluster.host("submit")?, Suite::Floe)?;
    if recorded.local_total() > 0 || !recorded.failed_tries.is_empty() {
        table.note(format!(
            "{what}, floe: compiled on the submit host {:?}, broken tries {:?}",
            recorded.local, recorded.failed_tries
        ));
    }
    let per_job = |way: &Way| Some(median(&way.submit)? * 1e3 / f64::from(compiles.jobs));
    table.row(
        format!(
            "CPU on the submit host per job, {} of {what}",
            compiles.jobs
        ),
        "ms",
        per_job(debian),
        per_job(floe),
        "≤ 0.9 ×",
    );
    let against = |way: &Way| Some(median(&way.total)? / median(&local)?);
    table.row(
        format!("total CPU of all hosts against compiling locally, {language}"),
        "×",
        against(debian),
        against(floe),
        "≤ 1.06",
    );
    table.row(
        format!("wall of the compiles, {what}"),
        "s",
        median(&debian.wall),
        median(&floe.wall),
        "",
    );
    Ok(())
}

/// CPU seconds so far of the submit host, and of all hosts.
pub(crate) fn cpu(cluster: &Cluster) -> Result<(f64, f64)> {
    let submit = cluster.host("submit")?.cpu()?.as_secs_f64();
    let hosts = cluster.lab().hosts().iter();
    let all = hosts.map(|host| Ok(host.cpu()?.as_secs_f64()));
    Ok((submit, all.sum::<Result<f64>>()?))
}

/// One host, without any distribution.
pub(crate) fn plain_lab() -> Result<Lab> {
    let mut lab = Lab::with(Kind::Namespaces, LabOptions::default())?;
    lab.host(&HostSpec::new("local"))?;
    Ok(lab)
}
