//! Whether the agent knows every file that compilers read, without asking them: real projects' own commands, each
//! watched with strace while it preprocesses and compared with what its executor would be told.
//!
//! No cluster is needed for that, and none is started: this links the agent and asks it for lists ([`Survey`]),
//! so that the programs need no door that only a bench goes through.

mod compare;
mod corpora;
mod pretend;
mod tally;
mod watch;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use agent::{Command, Survey};
use anyhow::{Context, Result, bail};

use crate::replay::Noted;
use compare::compare;
use corpora::{CORPORA, Corpus};
pub(crate) use pretend::run as pretend;
use tally::Tally;
use watch::{Baseline, Depth};

/// What to compare.
struct Options {
    corpora: Vec<&'static Corpus>,
    /// The most compiles of a project.
    jobs: usize,
    depth: Depth,
}

impl Options {
    fn read(words: &[String]) -> Result<Self> {
        let mut options = Self {
            corpora: Vec::new(),
            jobs: usize::MAX,
            depth: Depth::Preprocessor,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--jobs" => {
                    let value = words.next().context("--jobs needs a number")?;
                    options.jobs = value.parse().with_context(|| format!("--jobs {value}"))?;
                }
                "--whole" => options.depth = Depth::Compiler,
                name => options.corpora.push(corpus(name)?),
            }
        }
        if options.corpora.is_empty() {
            options.corpora = CORPORA.iter().collect();
        }
        Ok(options)
    }
}

fn corpus(name: &str) -> Result<&'static Corpus> {
    let found = CORPORA.iter().find(|corpus| corpus.name == name);
    found.with_context(|| {
        let known: Vec<&str> = CORPORA.iter().map(|corpus| corpus.name).collect();
        format!("no project is called {name:?}, only {known:?}")
    })
}

/// `bench inputs [PROJECT…] [--jobs N] [--whole]`
pub(crate) fn run(words: &[String]) -> Result<()> {
    let options = Options::read(words)?;
    let mut rows = Vec::new();
    for corpus in &options.corpora {
        eprintln!("comparing: {}", corpus.name);
        match measure(corpus, &options) {
            Ok(tally) => rows.push((corpus.name, tally)),
            Err(e) => eprintln!("{}: not compared: {e:#}", corpus.name),
        }
    }
    tally::print(&rows);
    // A file that an executor lacks is no figure.
    let faults: usize = rows.iter().map(|(_, tally)| tally.faults.len()).sum();
    match faults {
        0 => Ok(()),
        faults => bail!("{faults} jobs read other files than were listed, or found other names"),
    }
}

fn measure(corpus: &Corpus, options: &Options) -> Result<Tally> {
    let all = corpus.commands()?;
    // Spread over the whole build: its parts differ.
    let step = all.len().div_ceil(options.jobs.max(1)).max(1);
    let queue: VecDeque<Noted> = all.into_iter().step_by(step).collect();
    let environment = environment();
    let survey = Survey::default();
    let baseline = Baseline::default();
    let runtime = tokio::runtime::Runtime::new()?;
    let (queue, tally) = (Mutex::new(queue), Mutex::new(Tally::default()));
    let work = || -> Result<()> {
        loop {
            let Some(noted) = open(&queue).pop_front() else {
                return Ok(());
            };
            let seen = watch::seen(&noted, &environment, options.depth, &baseline)?;
            let Some(seen) = seen else {
                open(&tally).failed(&noted);
                continue;
            };
            let program = program(&noted)?;
            let words: Vec<OsString> = noted.words.iter().skip(1).map(OsString::from).collect();
            let command = Command {
                program: &program,
                arguments: &words,
                directory: &noted.directory,
                environment: &environment,
            };
            match runtime.block_on(survey.of(command)) {
                Ok(surveyed) => {
                    let compared = compare(&noted, &seen, &surveyed);
                    open(&tally).listed(&noted, compared);
                }
                Err(why) => open(&tally).not_listed(&noted, &why),
            }
        }
    };
    let workers = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let ended = worker.join();
            ended.map_err(|_| anyhow::anyhow!("a worker died"))??;
        }
        anyhow::Ok(())
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn open<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This process's, in nobody's language: what the user speaks needs files, too.
fn environment() -> Vec<(OsString, OsString)> {
    let speaks = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("LC_") || name.starts_with("LANG")
    };
    std::env::vars_os()
        .filter(|(name, _)| !speaks(name) && name != "PWD")
        .collect()
}

/// Where a command's compiler is.
fn program(noted: &Noted) -> Result<PathBuf> {
    let name = noted.words.first().context("an empty command")?;
    if name.contains('/') {
        return Ok(noted.directory.join(name));
    }
    let path = std::env::var_os("PATH").context("no PATH")?;
    let found = std::env::split_paths(&path).map(|at| at.join(name));
    let found = found.into_iter().find(|at| Path::is_file(at));
    found.with_context(|| format!("{name} is not in PATH"))
}
