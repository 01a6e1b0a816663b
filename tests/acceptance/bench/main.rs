//! What distributing costs, floe beside Debian's icecream in the same run: medians of interleaved
//! repetitions, printed as a table, asserted nowhere. Started by `cargo xtask bench`.

mod builds;
mod distance;
mod environments;
mod repeat;
mod replay;
mod rig;
mod sandbox;
mod scheduler;
mod single;
mod submit;
mod table;
mod toolchain;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use table::Table;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("repeat") => repeat::run(&words[1..]),
        Some("note") => replay::note(&words[1..]),
        Some("replay") => replay::run(&words[1..]),
        Some("overhead") => table(ROWS, &Options::read(&words[1..])?),
        Some("submit") => table(SUBMIT, &Options::read(&words[1..])?),
        Some("distance") => table(DISTANCE, &Options::read(&words[1..])?),
        Some("sandbox") => {
            let mut options = Options::read(&words[1..])?;
            options.rows = vec!["sandbox".to_owned()];
            table(ROWS, &options)
        }
        other => bail!("no bench is called {other:?}"),
    }
}

/// What to measure and how often.
pub(crate) struct Options {
    /// Repetitions of short measurements.
    rounds: u32,
    /// Repetitions of whole builds.
    builds: u32,
    /// The most compiles of a build that are measured.
    jobs: usize,
    /// The rows wanted; all when empty.
    rows: Vec<String>,
}

impl Options {
    fn read(words: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: 30,
            builds: 1,
            jobs: usize::MAX,
            rows: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u32> {
                let value = words
                    .next()
                    .with_context(|| format!("{word} needs a number"))?;
                value.parse().with_context(|| format!("{word} {value}"))
            };
            match word.as_str() {
                "--rounds" => options.rounds = number()?,
                "--builds" => options.builds = number()?,
                "--jobs" => options.jobs = number()? as usize,
                row => options.rows.push(row.to_owned()),
            }
        }
        Ok(options)
    }
}

/// A row, or a few, of the table.
type Row = fn(&Options, &mut Table) -> Result<()>;

const ROWS: &[(&str, Row)] = &[
    ("single", single::measure),
    ("environments", environments::measure),
    ("redis", builds::redis),
    ("cxx", builds::cxx),
    ("scheduler", scheduler::measure),
    ("sandbox", sandbox::measure),
];

/// Of `bench distance`.
const DISTANCE: &[(&str, Row)] = &[
    ("single", distance::single),
    ("near", distance::near),
    ("build", distance::build),
    ("toolchain", toolchain::measure),
];

/// Of `bench submit`.
const SUBMIT: &[(&str, Row)] = &[("c", submit::c), ("cxx", submit::cxx)];

fn table(rows: &[(&str, Row)], options: &Options) -> Result<()> {
    if let Some(unknown) = options
        .rows
        .iter()
        .find(|row| rows.iter().all(|(name, _)| row != name))
    {
        let known: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        bail!("no rows are called {unknown:?}, only {known:?}");
    }
    let mut table = Table::default();
    for (name, measure) in rows {
        if options.rows.is_empty() || options.rows.iter().any(|row| row == name) {
            eprintln!("measuring: {name}");
            if let Err(e) = measure(options, &mut table) {
                table.note(format!("{name}: not measured: {e:#}"));
            }
        }
    }
    table.print();
    Ok(())
}
