//! What a job costs its submit host: processor time of the client and what serves it, and bytes that leave it;
//! floe's two ways beside Debian's icecream and distcc, the first build and later ones. The include server of Debian
//! 12's distcc-pump fails for each source under its Python, which leaves that what distcc is.

mod cold;
pub(crate) mod manner;

use std::path::Path;

use acceptance::jobs;
use acceptance::project::REDIS;
use anyhow::{Context, Result};

use self::manner::{Manner, Rig};
use crate::Options;
use crate::builds::{large, plain_lab};
use crate::replay::Recording;
use crate::table::{Columns, median};

/// What the executors have together: so many compile at once where nobody distributes, too.
const SLOTS: u32 = 4;
/// Compiles at once: as many as the executors have slots, and two more.
const AT_ONCE: u32 = 6;

/// What the builds of one rig cost, one figure for each build.
#[derive(Default)]
struct Costs {
    submit: Vec<f64>,
    executors: Vec<f64>,
    up: Vec<f64>,
}

type Row = fn(&Options, &[Manner], &mut Columns) -> Result<()>;

const ROWS: &[(&str, Row)] = &[("c", c), ("cxx", cxx), ("cold", cold::measure)];

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |manner: &Manner| options.wants(manner.word());
    let manners: Vec<Manner> = Manner::ALL.into_iter().filter(wanted).collect();
    let mut table = Columns::new(manners.iter().map(|manner| manner.column()));
    for (name, measure) in crate::wanted(ROWS, options)? {
        eprintln!("measuring: {name}");
        if let Err(e) = measure(options, &manners, &mut table) {
            table.note(format!("{name}: not measured: {e:#}"));
        }
    }
    table.print();
    Ok(())
}

fn c(options: &Options, manners: &[Manner], table: &mut Columns) -> Result<()> {
    let tree = REDIS.open_unbuilt()?;
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let compiles = Recording::of(&tree, host.command("sh"), options.jobs)?;
    measure(
        "C (redis)",
        ("≤ 0.8", ""),
        &compiles,
        (options, manners),
        table,
    )
}

fn cxx(options: &Options, manners: &[Manner], table: &mut Columns) -> Result<()> {
    let compiles = large(options.jobs.min(60))?;
    measure(
        "heavy C++",
        ("≤ 1.2", "≤ 6"),
        &compiles,
        (options, manners),
        table,
    )
}

fn measure(
    what: &str,
    (warm_goal, first_goal): (&'static str, &'static str),
    compiles: &Recording,
    (options, manners): (&Options, &[Manner]),
    table: &mut Columns,
) -> Result<()> {
    let jobs = f64::from(compiles.jobs);
    let local = local(compiles)?;
    let nothing = nothing(compiles)? * 1e3 / jobs;
    table.note(format!(
        "{what}: starting a program that does nothing (/bin/true) in each compiler's place costs {nothing:.2} ms"
    ));
    let mut all = Vec::new();
    for manner in manners {
        let rig = Rig::new(*manner, None)?;
        let mut costs = Costs::default();
        for _ in 0..options.builds.max(2) + 1 {
            costs.build(&rig, compiles)?;
        }
        if matches!(manner, Manner::Text | Manner::Files) {
            let (inputs, why) = jobs::inputs(rig.cluster.host("submit")?)?;
            table.note(format!("{what}, {}: {inputs:?}, {why:?}", manner.column()));
        }
        all.push(costs);
    }
    let warm = |figures: &[f64]| median(figures.get(1..)?);
    let mut row = |name: &str, unit, figure: &dyn Fn(&Costs) -> Option<f64>, goal| {
        let figures = all.iter().map(|costs| Some(figure(costs)? / jobs));
        table.row(
            &format!("{name}, {what}"),
            unit,
            &figures.collect::<Vec<_>>(),
            goal,
        );
    };
    let first = |costs: &Costs| Some(costs.submit.first()? * 1e3);
    row(
        "CPU on the submit host per job, first build",
        "ms",
        &first,
        first_goal,
    );
    let later = |costs: &Costs| Some(warm(&costs.submit)? * 1e3);
    row(
        "CPU on the submit host per job, later builds",
        "ms",
        &later,
        warm_goal,
    );
    let up = |costs: &Costs| Some(costs.up.first()? / 1e3);
    row("bytes up per job, first build", "kB", &up, "");
    let up = |costs: &Costs| Some(warm(&costs.up)? / 1e3);
    row("bytes up per job, later builds", "kB", &up, "≤ 3");
    let beside = |costs: &Costs| Some((warm(&costs.executors)? - local) * 1e3);
    row(
        "executors' CPU per job beside a local compile",
        "ms",
        &beside,
        "≤ 4",
    );
    Ok(())
}

/// Processor seconds of the compiles where nobody distributes, the second time.
fn local(compiles: &Recording) -> Result<f64> {
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    compiles.replay(|me| Ok(host.command(me)), SLOTS, None)?;
    let before = host.cpu()?;
    compiles.replay(|me| Ok(host.command(me)), SLOTS, None)?;
    Ok((host.cpu()? - before).as_secs_f64())
}

/// Processor seconds of a client that does nothing: what every other one costs as well.
fn nothing(compiles: &Recording) -> Result<f64> {
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let before = host.cpu()?;
    compiles.replay(
        |me| Ok(host.command(me)),
        AT_ONCE,
        Some(Path::new("/bin/true")),
    )?;
    Ok((host.cpu()? - before).as_secs_f64())
}

impl Costs {
    fn build(&mut self, rig: &Rig, compiles: &Recording) -> Result<()> {
        let (before, up) = (rig.cpu()?, rig.up()?);
        let wrapper = rig.wrapper()?;
        compiles.replay(|me| rig.client(me), AT_ONCE, Some(&wrapper))?;
        let after = rig.cpu()?;
        self.submit.push(after.0 - before.0);
        self.executors
            .push((after.1 - after.0) - (before.1 - before.0));
        self.up.push(rig.up()? - up);
        Ok(())
    }
}
