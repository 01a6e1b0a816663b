//! How many executor slots a weak submit host keeps busy: a tenth of a core, and compilers that sleep
//! as long as they compiled when that was recorded.

mod compiler;
mod limit;

use std::time::{Duration, Instant};

use acceptance::jobs;
use anyhow::{Context, Result, ensure};

use self::compiler::Sleeping;
pub(crate) use self::compiler::{NAME, run as sleep_instead};
use self::limit::TenthOfACore;
use crate::Options;
use crate::builds::{large, plain_lab};
use crate::replay::{self, Recording};
use crate::submit::manner::{Manner, Rig, Shape};
use crate::table::Columns;

/// Slots of each of the two executors.
const SLOTS: u32 = 100;
/// Compiles at once: all slots, and some that wait for one.
const AT_ONCE: u32 = 220;
/// Compiles for each measurement, at the most.
const JOBS: usize = 600;
const BUILD: Duration = Duration::from_secs(1800);

pub(crate) fn run(options: &Options) -> Result<()> {
    let ways = [Manner::Icecc, Manner::Text, Manner::Files];
    let wanted = |manner: &Manner| options.wants(manner.word());
    let manners: Vec<Manner> = ways.into_iter().filter(wanted).collect();
    let mut table = Columns::new(manners.iter().map(|manner| manner.column()));
    let compiles = large(options.jobs.min(JOBS))?;
    let (seconds, object) = record(&compiles)?;
    let directory = acceptance::project::workshop("feed")?;
    let sleeping = Sleeping::make(&directory.join("gcc"))?;
    let compiles = compiles.with_compiler(&sleeping.driver(), &Sleeping::order(seconds, object))?;
    ensure!(
        compiles.jobs >= 2 * AT_ONCE,
        "{} compiles, {AT_ONCE} at once, are never under way: give more than {} --jobs",
        compiles.jobs,
        2 * AT_ONCE
    );
    let mut busy = Vec::new();
    let mut rates = Vec::new();
    for manner in &manners {
        eprintln!("measuring: {}", manner.column());
        match measure(*manner, &compiles, &mut table) {
            Ok(rate) => {
                rates.push(Some(rate));
                busy.push(Some(rate * seconds));
            }
            Err(why) => {
                table.note(format!("{}: not measured: {why:#}", manner.column()));
                rates.push(None);
                busy.push(None);
            }
        }
    }
    table.row("jobs in a second from a tenth of a core", "1/s", &rates, "");
    table.row("slots kept busy with heavy C++", "", &busy, "≥ 100");
    table.note(format!(
        "{} compiles; each sleeps {seconds:.2} s, its object has {object} bytes; {} slots",
        compiles.jobs,
        2 * SLOTS
    ));
    table.print();
    Ok(())
}

/// Seconds and bytes of object that the first of the compiles takes, alone.
fn record(compiles: &Recording) -> Result<(f64, u64)> {
    let one = compiles.first()?;
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        one.replay(|me| Ok(host.command(me)), 1, None)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, one.object_size()?))
}

/// Jobs in a second, of a build that has been built before, when it is under way.
fn measure(manner: Manner, compiles: &Recording, table: &mut Columns) -> Result<f64> {
    let shape = Shape {
        slots: SLOTS,
        link: None,
    };
    let rig = Rig::shaped(manner, &shape)?;
    let wrapper = rig.wrapper()?;
    // At full speed, until the compiler is followed, and all is known and installed.
    let first = compiles.first()?;
    for _ in 0..4 {
        first.replay(|me| rig.client(me), 1, Some(&wrapper))?;
    }
    for _ in 0..2 {
        compiles.replay(|me| rig.client(me), AT_ONCE, Some(&wrapper))?;
    }
    let submit = rig.cluster.host("submit")?;
    let limit = TenthOfACore::new()?;
    // Those that serve its compiles; the compiles themselves join it.
    limit.hold(&submit.processes());
    let before = submit.cpu()?;
    let build = compiles.launch(|me| rig.client(me), AT_ONCE, Some(&wrapper))?;
    let said = build.env(replay::JOIN, limit.door()).run(BUILD)?.ok()?;
    let rate: f64 = said.trim().parse().context("too few jobs for a rate")?;
    let (jobs, cpu) = (
        f64::from(compiles.jobs),
        (submit.cpu()? - before).as_secs_f64(),
    );
    let each = cpu * 1e3 / jobs;
    table.note(format!(
        "{}: {each:.1} ms of the processor for each job",
        manner.column()
    ));
    if matches!(manner, Manner::Text | Manner::Files) {
        let (inputs, why) = jobs::inputs(submit)?;
        table.note(format!("{}: {inputs:?}, {why:?}", manner.column()));
    }
    Ok(rate)
}
