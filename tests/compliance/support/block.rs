//! The standard block: one command three times, and what must be equal.
//!
//! The command runs through the wrapper with `localice` as preferred host, through it with
//! `remoteice1`, and plainly. Exit codes, messages and files must be equal, and the scheduler must
//! tell that the jobs ran where the case says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lab::{Output, Suite};

use crate::bed::{Bed, LOCAL, ONE};
use crate::case::Case;
use crate::need::Need;
use crate::outputs;
use crate::watch::Seen;

/// Where a command's job must run when `remoteice1` is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There; and when `localice` is preferred, there instead, by the scheduler's word.
    Remote,
    /// There, and again on `localice`, whose compiler has the last word.
    RemoteThenLocal,
    /// On `localice` after all, whether or not the other host was begun with.
    Aborted,
    /// On `localice`, and nobody was asked.
    Local,
    /// Nowhere that the scheduler hears of.
    Untold,
}

/// The exit code that all three runs must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Whatever the plain command has.
    Any,
}

/// Whether messages must be those of the plain run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    Same,
    /// The original's are not; its suite does not look.
    SameFromFloe,
    /// There is no plain run that would say the same.
    Any,
}

/// Which compiler a row is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Both,
    Gcc,
    Clang,
    /// The row names its program itself.
    Neither,
}

impl With {
    fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Gcc => "_gcc",
            Self::Clang => "_clang",
            Self::Both | Self::Neither => "",
        }
    }
}

/// One row of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: &'static str,
    pub title: &'static str,
    pub with: With,
    /// Words separated by spaces; `CC` and `CXX` stand for the compiler, `WORK` for the directory.
    pub command: &'static str,
    /// What it writes.
    pub outputs: &'static [&'static str],
    pub place: Place,
    pub exit: Exit,
    pub messages: Messages,
    pub environment: &'static [(&'static str, &'static str)],
    /// What one of the suites does instead on purpose, and why.
    pub instead: Option<(Suite, With, Place, &'static str)>,
    /// What the original fails to do: its gap.
    pub gap: Option<(Suite, With, &'static str, &'static str)>,
    pub needs: Option<Need>,
    /// What to do first.
    pub prepare: Option<fn(&mut Bed, With) -> Result<()>>,
    /// What else must hold.
    pub also: Option<fn(&mut Bed, &Runs) -> Result<()>>,
}

/// A row that compiles to an object on another host, without a word.
pub const ROW: Row = Row {
    id: "",
    title: "",
    with: With::Both,
    command: "",
    outputs: &[],
    place: Place::Remote,
    exit: Exit::Code(0),
    messages: Messages::Same,
    environment: &[],
    instead: None,
    gap: None,
    needs: None,
    prepare: None,
    also: None,
};

/// What the three runs left.
pub struct Runs {
    pub local: Output,
    pub remote: Output,
    pub plain: Output,
    kept: PathBuf,
}

impl Runs {
    /// Where the preferred host's run put an output.
    pub fn remote_file(&self, name: &str) -> PathBuf {
        kept(&self.kept, "remote", name)
    }

    pub fn plain_file(&self, name: &str) -> PathBuf {
        kept(&self.kept, "plain", name)
    }
}

fn kept(directory: &Path, run: &str, name: &str) -> PathBuf {
    directory
        .join(run)
        .join(Path::new(name).file_name().unwrap_or_default())
}

/// The cases of rows: one for each compiler that a row is for.
pub fn cases(rows: &'static [Row]) -> Vec<Case> {
    let mut cases = Vec::new();
    for row in rows {
        let compilers: &[With] = match row.with {
            With::Both => &[With::Gcc, With::Clang],
            With::Gcc => &[With::Gcc],
            With::Clang => &[With::Clang],
            With::Neither => &[With::Neither],
        };
        for with in compilers {
            cases.push(case(row, *with));
        }
    }
    cases
}

fn case(row: &'static Row, with: With) -> Case {
    let words = match with {
        With::Clang => ["clang", "clang++"],
        _ => ["gcc", "g++"],
    };
    let command: Vec<&str> = row
        .command
        .split_whitespace()
        .map(|word| match word {
            "CC" => words[0],
            "CXX" => words[1],
            other => other,
        })
        .collect();
    let mut case = Case::new(
        &format!("{}{}", row.id, with.suffix()),
        row.title,
        move |bed| check(bed, row, with, &command),
    );
    if with == With::Clang {
        case = case.needs(Need::Program("clang", "clang"));
    }
    if let Some(need) = row.needs {
        case = case.needs(need);
    }
    if let Some((suite, only, shows, why)) = row.gap
        && only.covers(with)
    {
        case = case.gap(suite, shows, why);
    }
    case
}

fn check(bed: &mut Bed, row: &Row, with: With, command: &[&str]) -> Result<()> {
    let work = bed.work()?.to_owned();
    let shown = work.display().to_string();
    let command: Vec<String> = command
        .iter()
        .map(|word| word.replace("WORK", &shown))
        .collect();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let kept = work.join("kept");
    let _ = fs::remove_dir_all(&kept);
    let place = match row.instead {
        Some((suite, only, place, why)) if suite == bed.suite && only.covers(with) => {
            ensure!(
                place != row.place && !why.is_empty(),
                "the row differs from itself"
            );
            place
        }
        _ => row.place,
    };
    if let Some(prepare) = row.prepare {
        prepare(bed, with)?;
    }
    let (local, seen_local) = run(bed, row, &command, Some(LOCAL), "local")?;
    let (remote, seen_remote) = run(bed, row, &command, Some(ONE), "remote")?;
    let (plain, _) = run(bed, row, &command, None, "plain")?;
    let runs = Runs {
        local,
        remote,
        plain,
        kept,
    };

    expect_exit(&runs.plain, row.exit, &runs.plain).context("the plain run")?;
    expect_exit(&runs.local, row.exit, &runs.plain).context("the run for localice")?;
    expect_exit(&runs.remote, row.exit, &runs.plain).context("the run for remoteice1")?;
    at_home(place, &seen_local).context("the run for localice")?;
    away(place, &seen_remote).context("the run for remoteice1")?;
    let compared = match row.messages {
        Messages::Same => true,
        Messages::SameFromFloe => bed.suite == Suite::Floe,
        Messages::Any => false,
    };
    if compared {
        same_messages(&runs.plain, &runs.local).context("the run for localice")?;
        same_messages(&runs.plain, &runs.remote).context("the run for remoteice1")?;
    }
    let written = present(&runs.kept, "plain")?;
    for (run, name) in [("local", "localice"), ("remote", "remoteice1")] {
        let found = present(&runs.kept, run)?;
        ensure!(
            found.keys().eq(written.keys()),
            "the run for {name} wrote {:?}, the plain run {:?}",
            found.keys(),
            written.keys()
        );
        for (file, path) in &written {
            outputs::same(path, &found[file])
                .with_context(|| format!("{file} of the run for {name}"))?;
        }
    }
    for output in row.outputs {
        let expected = row.exit == Exit::Code(0);
        let base = Path::new(output)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        ensure!(
            written.contains_key(&base) == expected || output.ends_with(".dwo"),
            "the plain run wrote {:?}",
            written.keys()
        );
    }
    if let Some(also) = row.also {
        also(bed, &runs)?;
    }
    Ok(())
}

/// Runs the command once and moves away what it wrote.
fn run(
    bed: &mut Bed,
    row: &Row,
    command: &[&str],
    preferred: Option<&str>,
    name: &str,
) -> Result<(Output, Seen)> {
    let work = bed.work()?.to_owned();
    for output in row.outputs {
        let _ = fs::remove_file(work.join(output));
    }
    let observed = match preferred {
        Some(host) => {
            let launch = bed.wrapped(command)?.env("ICECC_PREFERRED_HOST", host);
            let set = row
                .environment
                .iter()
                .map(|(name, value)| (name, value.replace("WORK", &work.display().to_string())));
            bed.observe(launch.envs(set))?
        }
        None => {
            let (program, arguments) = command.split_first().context("an empty command")?;
            let launch = bed.plain(program)?.args(arguments);
            (launch.run(crate::bed::COMMAND)?, Seen::default())
        }
    };
    let kept = work.join("kept").join(name);
    fs::create_dir_all(&kept)?;
    for output in row.outputs {
        let from = work.join(output);
        if from.exists() {
            fs::rename(&from, kept.join(from.file_name().unwrap_or_default()))?;
        }
    }
    Ok(observed)
}

fn present(kept: &Path, run: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(kept.join(run))? {
        let entry = entry?;
        found.insert(
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        );
    }
    Ok(found)
}

fn expect_exit(output: &Output, exit: Exit, plain: &Output) -> Result<()> {
    let expected = match exit {
        Exit::Code(code) => Some(code),
        Exit::Any => plain.status.code(),
    };
    if output.status.code() != expected {
        bail!(
            "{} instead of exit code {expected:?}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn same_messages(plain: &Output, wrapped: &Output) -> Result<()> {
    for (what, one, other) in [
        ("standard error", &plain.stderr, &wrapped.stderr),
        ("standard output", &plain.stdout, &wrapped.stdout),
    ] {
        ensure!(
            one == other,
            "{what} differs; plain:\n{}\nwrapped:\n{}",
            String::from_utf8_lossy(one),
            String::from_utf8_lossy(other)
        );
    }
    Ok(())
}

/// With `localice` preferred.
fn at_home(place: Place, seen: &Seen) -> Result<()> {
    let fits = seen.remote.is_empty()
        && match place {
            Place::Remote => seen.home == 1 && seen.local == 0,
            Place::RemoteThenLocal | Place::Aborted => seen.home + seen.local >= 1,
            Place::Local => seen.home == 0 && seen.local == 1,
            Place::Untold => seen.home == 0 && seen.local == 0,
        };
    ensure!(fits, "wanted {place:?}, but it ran so: {seen:?}");
    Ok(())
}

/// With `remoteice1` preferred.
fn away(place: Place, seen: &Seen) -> Result<()> {
    let there = seen.remote.iter().all(|host| host == ONE);
    let fits = there
        && seen.home == 0
        && match place {
            Place::Remote => seen.remote.len() == 1 && seen.local == 0,
            Place::RemoteThenLocal => seen.remote.len() == 1 && seen.local == 1,
            Place::Aborted => seen.remote.len() <= 1 && seen.local == 1,
            Place::Local => seen.remote.is_empty() && seen.local == 1,
            Place::Untold => seen.remote.is_empty() && seen.local == 0,
        };
    ensure!(fits, "wanted {place:?}, but it ran so: {seen:?}");
    Ok(())
}
