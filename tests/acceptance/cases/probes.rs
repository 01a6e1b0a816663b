//! What is hard to get right when headers travel instead of text (issue D): each probe is a few files, compiled
//! through floe and plainly, before and after changes. All must come out alike to the byte, and the job log must
//! say that files travelled, or why not.

mod changes;
mod errors;
mod odd;
mod places;
mod precompiled;
mod rivals;
mod special;
mod terminals;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use acceptance::need;
use acceptance::project::workshop;
use acceptance::skip::Need;
use acceptance::twice::{Alike, Twice, Way};
use anyhow::{Context, Result, bail, ensure};
use lab::Cluster;
use lab::Suite::Floe;

/// How a job should have gone.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Files,
    /// With words of the reason.
    Text(&'static str),
    /// With the reason's code.
    Here(&'static str),
}
use Expected::{Files, Here, Text};

/// A few files and a command line, compiled again after each change.
struct Probe {
    name: &'static str,
    prepare: &'static str,
    line: &'static str,
    gcc: Option<Expected>,
    clang: Option<Expected>,
    /// Shell scripts, and how the compile after them should go if otherwise than at first.
    changes: Vec<(&'static str, Option<Expected>)>,
    variables: Vec<(&'static str, &'static str)>,
    /// It sends a toolchain of its own, or much else.
    is_slow: bool,
}

/// Files travel, with both compilers.
fn probe(name: &'static str, prepare: &'static str, line: &'static str) -> Probe {
    Probe {
        name,
        prepare,
        line,
        gcc: Some(Files),
        clang: Some(Files),
        changes: Vec::new(),
        variables: Vec::new(),
        is_slow: false,
    }
}

impl Probe {
    fn goes(mut self, expected: Expected) -> Self {
        (self.gcc, self.clang) = (Some(expected), Some(expected));
        self
    }

    fn gcc(mut self, expected: Expected) -> Self {
        self.gcc = Some(expected);
        self
    }

    fn clang(mut self, expected: Expected) -> Self {
        self.clang = Some(expected);
        self
    }

    fn slow(mut self) -> Self {
        self.is_slow = true;
        self
    }

    fn only_gcc(mut self) -> Self {
        self.clang = None;
        self
    }

    fn only_clang(mut self) -> Self {
        self.gcc = None;
        self
    }

    fn then(mut self, change: &'static str) -> Self {
        self.changes.push((change, None));
        self
    }

    fn then_goes(mut self, change: &'static str, expected: Expected) -> Self {
        self.changes.push((change, Some(expected)));
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn expected(&self, compiler: &str) -> Option<Expected> {
        match compiler {
            "gcc" => self.gcc,
            _ => self.clang,
        }
    }
}

impl Expected {
    fn is_met(self, way: &Way) -> bool {
        match (self, way) {
            (Files, Way::Files(_)) => true,
            (Text(words), Way::Text(why)) => why.contains(words),
            (Here(code), Way::Here(found, _)) => code == *found,
            _ => false,
        }
    }
}

/// What was found wrong.
#[derive(Default)]
struct Table {
    wrong: Vec<String>,
    rows: usize,
}

impl Table {
    fn row(&mut self, name: &str, expected: Option<Expected>, way: &Way, alike: &Result<Alike>) {
        self.rows += 1;
        let met = expected.is_none_or(|expected| expected.is_met(way));
        let said = match alike {
            Ok(Alike::Bytes) => "same bytes".to_owned(),
            Ok(Alike::Program) => "the same program".to_owned(),
            Ok(Alike::Names) => "same names; the compiler's bytes vary".to_owned(),
            Err(differs) => format!("DIFFERS: {differs}"),
        };
        println!("{name:<60} {way:?}; {said}");
        if !met || alike.is_err() {
            self.wrong
                .push(format!("{name}: {way:?}, expected {expected:?}; {said}"));
        }
    }

    fn finish(self, cluster: &Cluster) -> Result<()> {
        println!("{} compiles were compared", self.rows);
        if !self.wrong.is_empty() {
            println!("{}", cluster.logs());
        }
        ensure!(self.wrong.is_empty(), "wrong:\n{}", self.wrong.join("\n"));
        Ok(())
    }
}

fn cluster() -> Result<Cluster> {
    Cluster::builder()
        .members()
        .executor("first", Floe, 2)
        .executor("second", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()
}

/// Set to anything: all probes, each with both compilers. Else a part of them, without the slow ones, and each
/// with one compiler.
pub(crate) const ALL: &str = "FLOE_ALL_PROBES";
/// Else one of so many is compiled.
const SAMPLE: usize = 3;
/// What most of a compile's time goes by with is waiting.
const AT_ONCE: usize = 4;

/// Runs probes in directories of their own below `name`.
fn run(cluster: &Cluster, name: &str, probes: &[Probe], table: &Mutex<Table>) -> Result<()> {
    let all = std::env::var_os(ALL).is_some();
    let wanted = std::env::var("FLOE_PROBE").unwrap_or_default();
    let chosen = probes
        .iter()
        .enumerate()
        .filter(|(_, probe)| probe.name.contains(&wanted) && (all || !probe.is_slow));
    let left: Vec<(usize, &Probe, &str)> = chosen
        .flat_map(|(number, probe)| ["gcc", "clang"].map(|compiler| (number, probe, compiler)))
        .filter(|(number, probe, compiler)| {
            let turn = ["gcc", "clang"][number % 2];
            let is_only = probe.gcc.is_none() || probe.clang.is_none();
            let is_named = !wanted.is_empty();
            all || is_named || ((is_only || *compiler == turn) && number % SAMPLE == 0)
        })
        .collect();
    let left = Mutex::new(left.into_iter());
    let next = || lock(&left).next();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some((number, probe, compiler)) = next() {
                        let place = format!("{name}/{number}-{compiler}");
                        one(cluster, &place, probe, compiler, table)
                            .with_context(|| format!("{} ({compiler})", probe.name))?;
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|_| bail!("a probe panicked"))?;
        }
        Ok(())
    })
}

fn one(
    cluster: &Cluster,
    place: &str,
    probe: &Probe,
    compiler: &str,
    table: &Mutex<Table>,
) -> Result<()> {
    let Some(expected) = probe.expected(compiler) else {
        return Ok(());
    };
    let place = workshop(place)?;
    let mut twice = Twice::new(cluster, cluster.host("submit")?, &place, &place);
    for (variable, value) in &probe.variables {
        let value = value.replace("$PLACE", &place.display().to_string());
        twice = twice.env(variable, &value);
    }
    let shown = format!("{} ({compiler})", probe.name);
    let prepare = format!("set -e; mkdir out; {}", probe.prepare);
    twice.shell(&prepare, compiler, false)?.ok()?;
    let (way, alike) = twice.compare(probe.line, compiler)?;
    lock(table).row(&shown, Some(expected), &way, &alike);
    for (change, then) in &probe.changes {
        // What is remembered of a file that does not change any more is what may be stale.
        for _ in 0..2 {
            twice.through_floe(probe.line, compiler)?;
        }
        let changed = twice.shell(&format!("set -e; {change}"), compiler, false)?;
        changed.ok().with_context(|| shown.clone())?;
        let (way, alike) = twice.compare(probe.line, compiler)?;
        let shown = format!("{shown}, then {}", change.lines().next().unwrap_or(""));
        lock(table).row(&shown, Some(then.unwrap_or(expected)), &way, &alike);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn headers_that_are_hard_to_follow_are_followed_or_left() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Floe),
        Need::Program("gcc"),
        Need::Program("clang")
    );
    let cluster = cluster()?;
    let began = Instant::now();
    let table = Mutex::new(Table::default());
    run(&cluster, "probes/rivals", &rivals::probes(), &table)?;
    run(&cluster, "probes/special", &special::probes(), &table)?;
    run(
        &cluster,
        "probes/precompiled",
        &precompiled::probes(),
        &table,
    )?;
    run(&cluster, "probes/errors", &errors::probes(), &table)?;
    run(&cluster, "probes/terminals", &terminals::probes(), &table)?;
    run(&cluster, "probes/changes", &changes::probes(), &table)?;
    run(&cluster, "probes/odd", &odd::probes(), &table)?;
    let mut table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("… {:?}", began.elapsed());
    changes::races(&cluster, &mut table)?;
    println!("… {:?}", began.elapsed());
    places::places(&cluster, &mut table)?;
    rivals::sessions(&cluster, &mut table)?;
    println!("… {:?}", began.elapsed());
    table.finish(&cluster)
}
