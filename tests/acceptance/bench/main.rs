//! What distributing costs, floe beside Debian's icecream in the same run: medians of interleaved
//! repetitions, printed as a table, asserted nowhere. Started by `cargo xtask bench`.

mod builds;
mod distance;
mod environments;
mod feed;
mod inputs;
mod repeat;
mod replay;
mod rig;
mod sandbox;
mod scheduler;
mod single;
mod submit;
mod table;
mod toolchain;

use std::path::Path;
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
    let me = std::env::args().next().unwrap_or_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    if Path::new(&me).ends_with(feed::NAME) {
        return feed::sleep_instead(&words);
    }
    match words.first().map(String::as_str) {
        Some("repeat") => repeat::run(&words[1..]),
        Some("note") => replay::note(&words[1..]),
        Some("replay") => replay::run(&words[1..]),
        Some("feed") => feed::run(&Options::read(&words[1..])?),
        Some("pretend") => inputs::pretend(&words[1..]),
        Some("inputs") => inputs::run(&words[1..]),
        Some("overhead") => table(ROWS, &Options::read(&words[1..])?),
        Some("submit") => submit::run(&Options::read(&words[1..])?),
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
    /// The ways to distribute that are wanted, where a bench has several; all when empty.
    ways: Vec<String>,
}

impl Options {
    pub(crate) fn wants(&self, way: &str) -> bool {
        self.ways.is_empty() || self.ways.iter().any(|wanted| wanted == way)
    }
}

impl Options {
    fn read(words: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: 30,
            builds: 1,
            jobs: usize::MAX,
            rows: Vec::new(),
            ways: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--way" {
                options.ways.extend(words.next().cloned());
                continue;
            }
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
    ("text", distance::text),
    ("text-cut", distance::text_cut),
    ("files", distance::files),
    ("files-cut", distance::files_cut),
    ("toolchain", toolchain::measure),
];

fn table(rows: &[(&str, Row)], options: &Options) -> Result<()> {
    let mut table = Table::default();
    for (name, measure) in wanted(rows, options)? {
        eprintln!("measuring: {name}");
        if let Err(e) = measure(options, &mut table) {
            table.note(format!("{name}: not measured: {e:#}"));
        }
    }
    table.print();
    Ok(())
}

/// The rows that were asked for, or all.
pub(crate) fn wanted<'a, R: Copy>(
    rows: &'a [(&'a str, R)],
    options: &Options,
) -> Result<Vec<(&'a str, R)>> {
    let asked = &options.rows;
    if let Some(unknown) = asked
        .iter()
        .find(|row| rows.iter().all(|(name, _)| row != name))
    {
        let known: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        bail!("no rows are called {unknown:?}, only {known:?}");
    }
    let is_wanted = |name: &str| asked.is_empty() || asked.iter().any(|row| row == name);
    Ok(rows
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .copied()
        .collect())
}
