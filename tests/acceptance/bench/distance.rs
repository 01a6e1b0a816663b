//! What distance costs: a submit host at the end of a slow link, floe's members beside Debian's icecc and
//! distcc in the same run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use job::variable;
use lab::{Cluster, DaemonSpec, LabOptions, Launch, LinkSpec, Process, Programs, Suite};

use crate::Options;
use crate::repeat;
use crate::replay::Recording;
use crate::rig::{distccd, warm_up};
use crate::table::{Table, median};

/// Runs of one kind before the other kinds get their turn.
const TURN: u32 = 5;
const AT_ONCE: u32 = 8;
/// How long the cable is out in the middle of a build.
const CUT: Duration = Duration::from_secs(5);

/// 50 ms there and back.
fn far() -> LinkSpec {
    LinkSpec {
        delay: Duration::from_millis(25),
        ..LinkSpec::default()
    }
}

/// The same at 20 Mbit/s, losing one frame of a hundred.
fn bad() -> LinkSpec {
    LinkSpec {
        rate: Some(20_000_000),
        loss: 0.01,
        seed: 7,
        ..far()
    }
}

/// How compiles travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Icecc,
    /// Members: floe's own protocol, encrypted.
    Members,
    Distcc,
}

/// What floe sends of a job; the others send text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inputs {
    Text,
    Files,
}

impl Inputs {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Files => "headers",
        }
    }
}

struct Rig {
    way: Way,
    /// Floe's own choice where nothing is said.
    inputs: Option<Inputs>,
    // Dropped before the lab that it runs in.
    _distccd: Option<Process>,
    cluster: Cluster,
}

impl Rig {
    fn new(way: Way, link: Option<LinkSpec>) -> Result<Self> {
        let suite = match way {
            Way::Icecc => Suite::Debian,
            Way::Members | Way::Distcc => Suite::Floe,
        };
        let options = LabOptions {
            visible: vec![std::env::current_exe()?],
            ..LabOptions::default()
        };
        let builder = Cluster::builder().options(options).scheduler(suite);
        let builder = match way {
            Way::Members => builder.members(),
            Way::Icecc | Way::Distcc => builder,
        };
        let submit = DaemonSpec {
            name: "submit".to_owned(),
            suite,
            slots: 0,
            submit_only: true,
            link,
            arguments: Vec::new(),
        };
        let cluster = builder
            .executor("executor1", suite, 2)
            .executor("executor2", suite, 2)
            .daemon(submit)
            .start()?;
        let distccd = match way {
            Way::Distcc => Some(distccd(&cluster, "executor1", 4)?),
            Way::Icecc | Way::Members => None,
        };
        let rig = Self {
            way,
            inputs: None,
            cluster,
            _distccd: distccd,
        };
        if way != Way::Distcc {
            warm_up(&rig.cluster, suite)?;
        }
        Ok(rig)
    }

    fn client(&self, program: &std::path::Path) -> Result<Launch> {
        let suite = match self.way {
            Way::Icecc => Suite::Debian,
            Way::Members | Way::Distcc => Suite::Floe,
        };
        let launch = self.cluster.client("submit", suite, program)?;
        let launch = launch.dir(self.cluster.lab().shared());
        let executor = self.cluster.host("executor1")?.address();
        Ok(match self.way {
            Way::Distcc => launch.env("DISTCC_HOSTS", format!("{executor}/4,lzo")),
            Way::Icecc | Way::Members => match self.inputs {
                Some(inputs) => launch.env(variable::FLOE_INPUTS, inputs.word()),
                None => launch,
            },
        })
    }

    fn wrapper(&self) -> Result<std::path::PathBuf> {
        Ok(match self.way {
            Way::Icecc => Programs::locate(Suite::Debian)?.client,
            Way::Members => Programs::locate(Suite::Floe)?.client,
            Way::Distcc => "/usr/bin/distcc".into(),
        })
    }
}

/// Milliseconds that an empty C file takes longer than its compile, for one way after another.
pub(crate) fn single(options: &Options, table: &mut Table) -> Result<()> {
    let rigs = [Way::Icecc, Way::Members, Way::Distcc].map(|way| Rig::new(way, Some(far())));
    let rigs = rigs.into_iter().collect::<Result<Vec<_>>>()?;
    let compile = ["gcc", "-c", "empty.c", "-o", "empty.o"];
    let mut plain = Vec::new();
    let mut samples = vec![Vec::new(); rigs.len()];
    for rig in &rigs {
        std::fs::write(rig.cluster.lab().shared().join("empty.c"), "")?;
    }
    for _ in 0..options.rounds.div_ceil(TURN) {
        plain.extend(repeat::on(|me| rigs[0].client(me), TURN, &compile)?);
        for (rig, sample) in rigs.iter().zip(&mut samples) {
            let wrapper = rig.wrapper()?.display().to_string();
            let words: Vec<&str> = std::iter::once(wrapper.as_str()).chain(compile).collect();
            sample.extend(repeat::on(|me| rig.client(me), TURN, &words)?);
        }
    }
    let base = median(&plain).context("no plain compile")?;
    let added = |sample: &[f64]| Some(median(sample)? - base);
    let what = "wall above the compile, empty C file, 50 ms round trip";
    table.row(
        what,
        "ms",
        added(&samples[0]),
        added(&samples[1]),
        "≤ 65 ms",
    );
    let distcc = format!("{what}; distcc instead of icecc");
    table.row(
        distcc,
        "ms",
        added(&samples[2]),
        added(&samples[1]),
        "≤ 65 ms",
    );
    Ok(())
}

/// A build over a bad link, from text as icecc's.
pub(crate) fn text(options: &Options, table: &mut Table) -> Result<()> {
    build(options, table, Inputs::Text, false)
}

/// The same with the cable out for a while in the middle.
pub(crate) fn text_cut(options: &Options, table: &mut Table) -> Result<()> {
    build(options, table, Inputs::Text, true)
}

/// The same builds, of which floe sends files.
pub(crate) fn files(options: &Options, table: &mut Table) -> Result<()> {
    build(options, table, Inputs::Files, false)
}

pub(crate) fn files_cut(options: &Options, table: &mut Table) -> Result<()> {
    build(options, table, Inputs::Files, true)
}

fn build(options: &Options, table: &mut Table, inputs: Inputs, cut: bool) -> Result<()> {
    let directory = acceptance::project::workshop("distance")?;
    let mut commands = Vec::new();
    for number in 0..options.jobs.min(60) {
        let source = format!("part{number}.cc");
        std::fs::write(
            directory.join(&source),
            SOURCE.replace("NUMBER", &number.to_string()),
        )?;
        let object = format!("part{number}.o");
        let words = ["g++", "-std=c++17", "-O1", "-c", "-o", &object, &source];
        commands.push(words.map(str::to_owned).to_vec());
    }
    let compiles = Recording::written(&directory, commands)?;
    let mut walls = Vec::new();
    for way in [Way::Icecc, Way::Members] {
        let mut rig = Rig::new(way, Some(bad()))?;
        rig.inputs = Some(inputs);
        match wall(&rig, &compiles, cut) {
            Ok(wall) => walls.push(Some(wall)),
            Err(error) => {
                table.note(format!("{way:?}, {inputs:?}, cut {cut}: {error:#}"));
                walls.push(None);
            }
        }
        if way == Way::Members {
            let submit = rig.cluster.host("submit")?;
            let jobs = acceptance::jobs::of(&rig.cluster, submit, Suite::Floe)?;
            table.note(format!("floe, {inputs:?}, cut {cut}: {jobs:?}"));
        }
    }
    let how = if cut {
        ", cut for 5 s in the middle"
    } else {
        ""
    };
    let sent = match inputs {
        Inputs::Text => "from text",
        Inputs::Files => "floe's from files",
    };
    let what = format!(
        "wall of {} C++ files, {sent}, over 50 ms, 20 Mbit/s, 1 % loss{how}",
        compiles.jobs
    );
    table.row(what, "s", walls[0], walls[1], "≤ 1 ×");
    Ok(())
}

/// Seconds that the build takes.
fn wall(rig: &Rig, compiles: &Recording, cut: bool) -> Result<f64> {
    let wrapper = rig.wrapper()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let building =
            scope.spawn(|| compiles.replay(|me| rig.client(me), AT_ONCE, Some(&wrapper)));
        if cut {
            let submit = rig.cluster.host("submit")?;
            std::thread::sleep(CUT); // the build is well under way
            submit.unplug()?;
            std::thread::sleep(CUT);
            submit.plug()?;
        }
        match building.join() {
            Ok(built) => built,
            Err(_) => Err(anyhow::anyhow!("the build panicked")),
        }
    })?;
    Ok(start.elapsed().as_secs_f64())
}

/// What encryption and one's own protocol cost where there is no distance: processor time of all hosts and
/// wall of the same compiles, open and as members.
pub(crate) fn near(options: &Options, table: &mut Table) -> Result<()> {
    let rigs = [crate::rig::cluster(Suite::Floe)?, crate::rig::members()?];
    let mut samples = [Vec::new(), Vec::new()];
    let mut plain = Vec::new();
    let mut busy = [Vec::new(), Vec::new()];
    let compile = ["gcc", "-c", "empty.c", "-o", "empty.o"];
    let wrapper = Programs::locate(Suite::Floe)?.client.display().to_string();
    let words: Vec<&str> = std::iter::once(wrapper.as_str()).chain(compile).collect();
    for cluster in &rigs {
        warm_up(cluster, Suite::Floe)?;
        std::fs::write(cluster.lab().shared().join("empty.c"), "")?;
    }
    let on = |cluster: &Cluster, words: &[&str]| {
        repeat::on(
            |me| {
                Ok(cluster
                    .client("submit", Suite::Floe, me)?
                    .dir(cluster.lab().shared()))
            },
            TURN,
            words,
        )
    };
    for _ in 0..options.rounds.div_ceil(TURN) {
        plain.extend(on(&rigs[0], &compile)?);
        for (index, cluster) in rigs.iter().enumerate() {
            let before = cpu(cluster)?;
            samples[index].extend(on(cluster, &words)?);
            busy[index].push(cpu(cluster)? - before);
        }
    }
    let base = median(&plain).context("no plain compile")?;
    let added = |sample: &[f64]| Some(median(sample)? - base);
    let figures = [added(&samples[0]), added(&samples[1])];
    let what = "wall added by one remote compile of an empty C file; open | members";
    table.row(what, "ms", figures[0], figures[1], "≤ 6 ms");
    let per_job = |busy: &[f64]| Some(median(busy)? * 1e3 / f64::from(TURN));
    let what = "CPU of all hosts for it; open | members";
    table.row(what, "ms", per_job(&busy[0]), per_job(&busy[1]), "≤ 1.03 ×");
    Ok(())
}

fn cpu(cluster: &Cluster) -> Result<f64> {
    let hosts = cluster.lab().hosts().iter();
    hosts.map(|host| Ok(host.cpu()?.as_secs_f64())).sum()
}

const SOURCE: &str = r#"#include <algorithm>
#include <map>
#include <string>
#include <vector>
struct Item { std::string name; std::vector<int> values; };
int partNUMBER(const std::string &text) {
    std::map<std::string, Item> items;
    for (std::size_t at = 0; at + 3 < text.size(); at += 3)
        items[text.substr(at, 3)].values.push_back(int(at) + NUMBER);
    std::vector<Item> sorted;
    for (auto &pair : items) sorted.push_back(pair.second);
    std::sort(sorted.begin(), sorted.end(),
              [](const Item &a, const Item &b) { return a.values.size() < b.values.size(); });
    return sorted.empty() ? 0 : int(sorted.back().values.size());
}
"#;
