//! CPU of whole builds: on the submit host for each job, and on all hosts against a local build.

use std::time::Duration;

use acceptance::project::{Project, REDIS, Tree};
use anyhow::Result;
use lab::{Cluster, HostSpec, Kind, Lab, LabOptions, Suite};

use crate::Options;
use crate::rig::{cluster, warm_up};
use crate::table::{Table, median};

const BUILD: Duration = Duration::from_secs(3600);

pub(crate) fn redis(options: &Options, table: &mut Table) -> Result<()> {
    let tree = REDIS.open_unbuilt()?;
    measure("redis", "C", &tree, REDIS.objects as u32, options, table)
}

/// Files of a large C++ program's size: some 3 MB of preprocessed text, seconds of compiling.
pub(crate) fn cxx(options: &Options, table: &mut Table) -> Result<()> {
    static CXX: Project = Project::new(
        "cxx",
        r##"
        n=0
        while [ $n -lt 60 ]; do
            echo "#include <bits/stdc++.h>
namespace {
struct Item { std::string name; std::vector<int> values; std::map<std::string, std::set<int>> index; };
bool operator<(const Item &a, const Item &b) { return a.name < b.name; }
}
int part$n(const std::string &text) {
    std::regex pattern(\"([a-z]+)$n([0-9]*)\");
    std::unordered_map<std::string, Item> items;
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
        items[(*it)[1]].values.push_back(std::stoi((*it)[2]));
    std::vector<Item> sorted;
    std::transform(items.begin(), items.end(), std::back_inserter(sorted), [](auto &pair) { return pair.second; });
    std::sort(sorted.begin(), sorted.end());
    return std::accumulate(sorted.begin(), sorted.end(), 0, [](int sum, const Item &item) { return sum + int(item.values.size()); });
}" >part$n.cc
            n=$((n+1))
        done
        echo 'all: $(patsubst %.cc,%.o,$(wildcard *.cc))
%.o: %.cc
	$(CXX) -std=c++17 -O1 -c -o $@ $<' >Makefile"##,
        "make -s -j$JOBS CXX=\"$CXX\" all",
    );
    let tree = CXX.open_unbuilt()?;
    measure("60 C++ files", "C++", &tree, 60, options, table)
}

struct Way {
    suite: Suite,
    cluster: Cluster,
    submit: Vec<f64>,
    total: Vec<f64>,
    wall: Vec<f64>,
}

fn measure(
    what: &str,
    language: &str,
    tree: &Tree,
    jobs: u32,
    options: &Options,
    table: &mut Table,
) -> Result<()> {
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
        local.push(plain(tree)?);
        for way in &mut ways {
            tree.reset()?;
            let cpu = |cluster: &Cluster| -> Result<(f64, f64)> {
                let submit = cluster.host("submit")?.cpu()?.as_secs_f64();
                let all = cluster
                    .lab()
                    .hosts()
                    .iter()
                    .map(|host| Ok(host.cpu()?.as_secs_f64()));
                Ok((submit, all.sum::<Result<f64>>()?))
            };
            let before = cpu(&way.cluster)?;
            let start = std::time::Instant::now();
            let launch = way.cluster.client("submit", way.suite, "sh")?;
            tree.build(launch, 6).run(BUILD)?.ok()?;
            way.wall.push(start.elapsed().as_secs_f64());
            let after = cpu(&way.cluster)?;
            way.submit.push(after.0 - before.0);
            way.total.push(after.1 - before.1);
        }
    }
    let [debian, floe] = &ways[..] else {
        return Ok(());
    };
    let per_job = |way: &Way| Some(median(&way.submit)? * 1e3 / f64::from(jobs));
    table.row(
        format!(
            "CPU on the submit host per object, {what} (make, links and local repeats included)"
        ),
        "ms",
        per_job(debian),
        per_job(floe),
        "≤ 0.9 ×",
    );
    let against = |way: &Way| Some(median(&way.total)? / median(&local)?);
    table.row(
        format!("total CPU of all hosts against a local build, {language}"),
        "×",
        against(debian),
        against(floe),
        "≤ 1.06",
    );
    table.row(
        format!("wall of the build, {what}"),
        "s",
        median(&debian.wall),
        median(&floe.wall),
        "",
    );
    Ok(())
}

/// CPU seconds of the build without any distribution.
fn plain(tree: &Tree) -> Result<f64> {
    tree.reset()?;
    let visible = vec![acceptance::project::target()];
    let mut lab = Lab::with(
        Kind::Namespaces,
        LabOptions {
            visible,
            ..LabOptions::default()
        },
    )?;
    let host = lab.host(&HostSpec::new("local"))?;
    let launch = host.command("sh").env("CC", "gcc").env("CXX", "g++");
    tree.build(launch, 2).run(BUILD)?.ok()?;
    Ok(host.cpu()?.as_secs_f64())
}
