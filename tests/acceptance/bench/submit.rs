//! What a job costs its submit host: processor time of the client and what serves it, and bytes that leave it.
//! Debian's icecream and floe sending text beside floe sending files, the first build and later ones.

use acceptance::jobs;
use acceptance::project::REDIS;
use anyhow::{Context, Result};
use lab::{Cluster, Programs, Suite};

use crate::Options;
use crate::builds::{cpu, large, plain_lab};
use crate::replay::Recording;
use crate::rig::{cluster, members, warm_up};
use crate::table::{Table, median};
use crate::toolchain::uplink;

/// Compiles at once: as many as the executors have slots, and two more.
const AT_ONCE: u32 = 6;

/// One way to distribute, and what it cost for each build.
struct Way {
    suite: Suite,
    inputs: &'static str,
    cluster: Cluster,
    submit: Vec<f64>,
    executors: Vec<f64>,
    up: Vec<f64>,
}

pub(crate) fn c(options: &Options, table: &mut Table) -> Result<()> {
    let tree = REDIS.open_unbuilt()?;
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let compiles = Recording::of(&tree, host.command("sh"), options.jobs)?;
    measure("C (redis)", "≤ 0.8", "-", &compiles, options, table)
}

pub(crate) fn cxx(options: &Options, table: &mut Table) -> Result<()> {
    let compiles = large(options)?;
    measure("heavy C++", "≤ 1.2", "≤ 6", &compiles, options, table)
}

fn measure(
    what: &str,
    warm_goal: &'static str,
    first_goal: &'static str,
    compiles: &Recording,
    options: &Options,
    table: &mut Table,
) -> Result<()> {
    let jobs = f64::from(compiles.jobs);
    let local = {
        let plain = plain_lab()?;
        let host = plain.hosts().first().context("a lab without hosts")?;
        compiles.replay(|me| Ok(host.command(me)), 2, None)?;
        let before = host.cpu()?;
        compiles.replay(|me| Ok(host.command(me)), 2, None)?;
        (host.cpu()? - before).as_secs_f64()
    };
    let mut ways = Vec::new();
    for (suite, inputs) in [
        (Suite::Debian, ""),
        (Suite::Floe, "text"),
        (Suite::Floe, "headers"),
    ] {
        let cluster = match suite {
            Suite::Debian => cluster(suite)?,
            Suite::Floe => members()?,
        };
        warm_up(&cluster, suite)?;
        let mut way = Way {
            suite,
            inputs,
            cluster,
            submit: Vec::new(),
            executors: Vec::new(),
            up: Vec::new(),
        };
        for _ in 0..options.builds.max(2) + 1 {
            way.build(compiles)?;
        }
        if suite == Suite::Floe {
            let host = way.cluster.host("submit")?;
            table.note(format!("{what}, {inputs}: {:?}", jobs::inputs(host)?));
        }
        ways.push(way);
    }
    let [debian, text, files] = &ways[..] else {
        return Ok(());
    };
    let warm = |figures: &[f64]| median(figures.get(1..)?);
    let ms = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1e3 / jobs);
    let kb = |bytes: Option<f64>| bytes.map(|bytes| bytes / 1e3 / jobs);
    for (way, sent) in [(text, "text"), (files, "files")] {
        let goal = |goal: &'static str| match sent {
            "files" => goal,
            _ => "",
        };
        table.row(
            format!("CPU on the submit host per job, {what}, later builds, {sent}"),
            "ms",
            ms(warm(&debian.submit)),
            ms(warm(&way.submit)),
            goal(warm_goal),
        );
        table.row(
            format!("CPU on the submit host per job, {what}, first build, {sent}"),
            "ms",
            ms(debian.submit.first().copied()),
            ms(way.submit.first().copied()),
            goal(first_goal),
        );
        table.row(
            format!("bytes up per job, {what}, later builds, {sent}"),
            "kB",
            kb(warm(&debian.up)),
            kb(warm(&way.up)),
            goal("≤ 3"),
        );
        table.row(
            format!("executors' CPU per job beside a local compile, {what}, {sent}"),
            "ms",
            ms(warm(&debian.executors).map(|all| all - local)),
            ms(warm(&way.executors).map(|all| all - local)),
            goal("≤ 4"),
        );
    }
    Ok(())
}

impl Way {
    fn build(&mut self, compiles: &Recording) -> Result<()> {
        let (cluster, suite, inputs) = (&self.cluster, self.suite, self.inputs);
        let submit = cluster.host("submit")?;
        let wrapper = Programs::locate(suite)?.client;
        let (before, up) = (cpu(cluster)?, uplink(submit)?);
        compiles.replay(
            |me| {
                Ok(cluster
                    .client("submit", suite, me)?
                    .env("FLOE_INPUTS", inputs))
            },
            AT_ONCE,
            Some(&wrapper),
        )?;
        let after = cpu(cluster)?;
        self.submit.push(after.0 - before.0);
        self.executors
            .push((after.1 - after.0) - (before.1 - before.0));
        self.up.push((uplink(submit)? - up) as f64);
        Ok(())
    }
}
