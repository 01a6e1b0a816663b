//! One compile done twice in the same directory, through floe and plainly, and all that came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use job::{Compiled, Input, JobRecord, Reason};
use lab::{Cluster, Host, Launch, Suite};

use crate::compare::{self, Rule};
use crate::until::until;

/// No compile of these tests takes so long, whatever goes wrong.
const LIMIT: Duration = Duration::from_secs(120);
/// A record follows the answer that it tells of.
const RECORDED: Duration = Duration::from_secs(3);

/// A directory of a host, in which compilers are started by shell command lines that name them `$CC`
/// and `$CXX`.
pub struct Twice<'a> {
    cluster: &'a Cluster,
    host: &'a Host,
    /// As the host sees it.
    place: PathBuf,
    /// As this process sees it.
    base: PathBuf,
    environment: Vec<(OsString, OsString)>,
    user: Option<(u32, u32)>,
    state: PathBuf,
}

/// What a compile left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Files that were not there before, by their paths in the directory.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// The way that a job went, as its record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Files(Input),
    Text(String),
    Here(&'static str, String),
    /// Nobody recorded it.
    Unknown,
}

impl<'a> Twice<'a> {
    /// `place` as the host sees it, `base` the same directory as this process sees it.
    pub fn new(cluster: &'a Cluster, host: &'a Host, place: &Path, base: &Path) -> Self {
        Self {
            cluster,
            host,
            place: place.to_owned(),
            base: base.to_owned(),
            environment: vec![
                ("LC_ALL".into(), "C".into()),
                ("FLOE_INPUTS".into(), "headers".into()),
            ],
            user: None,
            state: host.home().join(".local/state/floe"),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// As another user. Its home as the host sees it, and as this process does.
    pub fn user(mut self, id: u32, seen: &str, home: &Path) -> Self {
        self.user = Some((id, id));
        self.state = home.join(".local/state/floe");
        self.environment.push(("HOME".into(), seen.into()));
        self
    }

    /// Runs a shell script in the directory.
    pub fn shell(&self, script: &str, compiler: &str, through_floe: bool) -> Result<lab::Output> {
        self.launch(script, compiler, through_floe)?.run(LIMIT)
    }

    fn launch(&self, script: &str, compiler: &str, through_floe: bool) -> Result<Launch> {
        let launch = self.cluster.client(self.host.name(), Suite::Floe, "sh")?;
        let wrapper = if through_floe { "$ICECC " } else { "" };
        let (cc, cxx) = match compiler {
            "gcc" => ("gcc", "g++"),
            other => (other, "clang++"),
        };
        let script = format!("CC=\"{wrapper}{cc}\"; CXX=\"{wrapper}{cxx}\"; {script}");
        let launch = launch
            .args(["-c", &script])
            .dir(&self.place)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(match self.user {
            Some((user, group)) => launch.user(user, group),
            None => launch,
        })
    }

    /// Compiles, and takes away what that made.
    pub fn compile(&self, line: &str, compiler: &str, through_floe: bool) -> Result<Made> {
        let before: BTreeSet<PathBuf> = files(&self.base)?.into_iter().collect();
        let output = self.shell(line, compiler, through_floe)?;
        let mut made = Made {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: output.stderr,
            files: BTreeMap::new(),
        };
        for path in files(&self.base)?
            .into_iter()
            .filter(|path| !before.contains(path))
        {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            fs::remove_file(&path)?;
            made.files
                .insert(path.strip_prefix(&self.base)?.to_owned(), bytes);
        }
        Ok(made)
    }

    /// Compiles through floe and tells which way that went.
    pub fn through_floe(&self, line: &str, compiler: &str) -> Result<(Made, Way)> {
        let before = self.records()?.len();
        let made = self.compile(line, compiler, true)?;
        let start = Instant::now();
        loop {
            let records = self.records()?;
            if records.len() > before {
                return Ok((made, Way::of(&records[0])));
            }
            if start.elapsed() > RECORDED {
                return Ok((made, Way::Unknown));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The jobs that were recorded behind the first `begun`, the newest first, once there are so many.
    pub fn records_since(&self, begun: usize, least: usize) -> Result<Vec<JobRecord>> {
        let mut records = Vec::new();
        until("the jobs are recorded", RECORDED, || {
            records = self.records()?;
            Ok(records.len() >= begun + least)
        })?;
        records.truncate(records.len() - begun);
        Ok(records)
    }

    /// All jobs that were recorded in this directory and below it, the newest first.
    pub fn records(&self) -> Result<Vec<JobRecord>> {
        let mut records = handover::log::read_newest_first(&self.state).context("the job log")?;
        records.retain(|record| {
            Path::new(OsStr::from_bytes(&record.directory)).starts_with(&self.place)
        });
        Ok(records)
    }

    /// Compiles both ways: which one floe went, and whether all came out alike.
    pub fn compare(&self, line: &str, compiler: &str) -> Result<(Way, Result<Alike>)> {
        let (floe, way) = self.through_floe(line, compiler)?;
        let plain = self.compile(line, compiler, false)?;
        let differs = match floe.differs(&plain) {
            None => return Ok((way, Ok(Alike::Bytes))),
            Some(_) if matches!(way, Way::Text(_)) && floe.is_same_program(&plain)? => {
                return Ok((way, Ok(Alike::Program)));
            }
            Some(differs) => differs,
        };
        // What a compiler does not make twice alike cannot be compared.
        let again = self.compile(line, compiler, false)?;
        let varies = again.differs(&plain).is_some() && plain.files.keys().eq(floe.files.keys());
        let alike = match varies && floe.code == plain.code {
            true => Ok(Alike::Names),
            false => Err(anyhow::anyhow!("{differs}")),
        };
        Ok((way, alike))
    }
}

/// What was found the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    Bytes,
    /// The programs, and all else: text does not keep what debug information says of columns.
    Program,
    /// The compiler itself makes other bytes each time.
    Names,
}

impl Made {
    /// Whether all is the same but for what text cannot keep.
    fn is_same_program(&self, plain: &Self) -> Result<bool> {
        let said = |made: &Self| (made.code, made.stdout.clone(), made.stderr.clone());
        if said(self) != said(plain) || !self.files.keys().eq(plain.files.keys()) {
            return Ok(false);
        }
        let place = tempfile::tempdir()?;
        let (left, right) = (place.path().join("left"), place.path().join("right"));
        for (name, bytes) in &self.files {
            let expected = &plain.files[name];
            if bytes == expected {
                continue;
            }
            fs::write(&left, expected)?;
            fs::write(&right, bytes)?;
            if compare::objects(&left, &right, Rule::Program).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What two compiles differ in first.
    pub fn differs(&self, plain: &Self) -> Option<String> {
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(1500)]).into_owned();
        if self.code != plain.code {
            let said = text(&self.stderr);
            return Some(format!(
                "code {:?}, plainly {:?}: {said}",
                self.code, plain.code
            ));
        }
        for (name, found, expected) in [
            ("stdout", &self.stdout, &plain.stdout),
            ("stderr", &self.stderr, &plain.stderr),
        ] {
            if found != expected {
                return Some(format!(
                    "{name}:\n{}plainly:\n{}",
                    text(found),
                    text(expected)
                ));
            }
        }
        if !self.files.keys().eq(plain.files.keys()) {
            let names = (self.files.keys(), plain.files.keys());
            return Some(format!("made {:?}, plainly {:?}", names.0, names.1));
        }
        let mut files = self.files.iter();
        files
            .find(|(name, bytes)| plain.files[*name] != **bytes)
            .map(
                |(name, bytes)| match name.extension().is_some_and(|end| end == "d") {
                    true => format!(
                        "{name:?}:\n{}plainly:\n{}",
                        text(bytes),
                        text(&plain.files[name])
                    ),
                    false => format!("{name:?} differs"),
                },
            )
    }
}

impl Way {
    pub fn of(record: &JobRecord) -> Self {
        match record.compiled() {
            Compiled::Remote => match record.input() {
                Input::Text | Input::Nothing => Self::Text(record.why_text.clone()),
                input => Self::Files(input),
            },
            _ => {
                let reason = Reason::try_from(record.reason).unwrap_or(Reason::Unspecified);
                Self::Here(reason.code(), record.detail.clone())
            }
        }
    }
}

/// All files below a directory but for the compilers' own temporary ones.
fn files(base: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![base.to_owned()];
    while let Some(next) = left.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) => {
                ensure!(next != base, "{}: {error}", next.display());
                continue;
            }
        };
        for entry in entries.flatten() {
            let kind = entry.file_type()?;
            let is_temporary = entry.file_name().as_bytes().starts_with(b".floe-");
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() && !is_temporary {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
