//! The compile commands of a build, noted once and run again alone, so that make and links, which
//! cost the same either way, are not measured.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::project::Tree;
use anyhow::{Context, Result, bail};
use lab::Launch;
use serde::{Deserialize, Serialize};

const BUILD: Duration = Duration::from_secs(3600);

/// A file that a replay writes `0` to before it starts anything: a cgroup's, which it joins so.
pub(crate) const JOIN: &str = "FLOE_BENCH_JOIN";

/// One command of a build.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Noted {
    pub(crate) directory: PathBuf,
    pub(crate) words: Vec<String>,
}

impl Noted {
    /// A command of this directory.
    pub(crate) fn here(words: &[String]) -> Result<Self> {
        Ok(Self {
            directory: std::env::current_dir()?,
            words: words.to_vec(),
        })
    }

    /// In one write: others append at the same time.
    pub(crate) fn append(&self, file: &Path) -> Result<()> {
        let line = serde_json::to_string(self)? + "\n";
        let mut file = OpenOptions::new().append(true).create(true).open(file)?;
        Ok(file.write_all(line.as_bytes())?)
    }

    pub(crate) fn is_source(word: &str) -> bool {
        let ends = [".c", ".cc", ".cpp", ".cxx"];
        ends.iter().any(|end| word.ends_with(end))
    }

    /// Compiles of files that are still there: probes of makefiles take theirs away.
    pub(crate) fn can_be_repeated(&self) -> bool {
        let is_source = |word: &&String| Self::is_source(word);
        let mut sources = self.words.iter().filter(is_source).peekable();
        self.words.iter().any(|word| word == "-c")
            && sources.peek().is_some()
            && sources.all(|source| self.directory.join(source).is_file())
    }
}

/// Commands that can be run in any order, in a file, and how many.
#[derive(Debug)]
pub(crate) struct Recording {
    file: PathBuf,
    pub(crate) jobs: u32,
}

impl Recording {
    /// Builds the tree plainly with `launch`, which starts a shell, and keeps `most` of the compile
    /// commands. The tree stays built: what the commands read is all there.
    pub(crate) fn of(tree: &Tree, launch: Launch, most: usize) -> Result<Self> {
        tree.reset()?;
        let all = tree.path().with_extension("noted");
        let _ = fs::remove_file(&all);
        let me = std::env::current_exe()?;
        let noting = |compiler: &str| format!("{} note {} {compiler}", me.display(), all.display());
        let launch = launch.env("CC", noting("gcc")).env("CXX", noting("g++"));
        tree.build(launch, 2).run(BUILD)?.ok()?;
        let text = fs::read_to_string(&all)?;
        let mut kept = Vec::new();
        for line in text.lines() {
            if serde_json::from_str::<Noted>(line)?.can_be_repeated() {
                kept.push(line);
            }
        }
        // Spread over the whole build: its parts differ in size.
        let step = kept.len().div_ceil(most.max(1)).max(1);
        let kept: Vec<&str> = kept.into_iter().step_by(step).collect();
        let jobs = u32::try_from(kept.len())?;
        let file = tree.path().with_extension("compiles");
        fs::write(&file, kept.join("\n"))?;
        Ok(Self { file, jobs })
    }

    /// These commands, each run in `directory`.
    pub(crate) fn written(directory: &Path, commands: Vec<Vec<String>>) -> Result<Self> {
        let mut lines = Vec::new();
        for words in commands {
            let directory = directory.to_owned();
            lines.push(serde_json::to_string(&Noted { directory, words })?);
        }
        let file = directory.join("compiles");
        fs::write(&file, lines.join("\n"))?;
        let jobs = u32::try_from(lines.len())?;
        Ok(Self { file, jobs })
    }

    /// The first command alone.
    pub(crate) fn first(&self) -> Result<Self> {
        let text = fs::read_to_string(&self.file)?;
        let file = self.file.with_extension("first");
        fs::write(&file, text.lines().next().context("nothing was noted")?)?;
        Ok(Self { file, jobs: 1 })
    }

    /// The same commands by another compiler, with one option more.
    pub(crate) fn with_compiler(&self, compiler: &Path, option: &str) -> Result<Self> {
        let mut lines = Vec::new();
        for line in fs::read_to_string(&self.file)?.lines() {
            let mut noted: Noted = serde_json::from_str(line)?;
            let program = noted.words.first_mut().context("an empty command")?;
            *program = compiler.display().to_string();
            noted.words.insert(1, option.to_owned());
            lines.push(serde_json::to_string(&noted)?);
        }
        let file = self.file.with_extension("other");
        fs::write(&file, lines.join("\n"))?;
        let jobs = self.jobs;
        Ok(Self { file, jobs })
    }

    /// Bytes of what the first command has made.
    pub(crate) fn object_size(&self) -> Result<u64> {
        let text = fs::read_to_string(&self.file)?;
        let noted: Noted = serde_json::from_str(text.lines().next().unwrap_or_default())?;
        let mut words = noted.words.iter().skip_while(|word| *word != "-o");
        let object = words.nth(1).context("a command without -o")?;
        Ok(fs::metadata(noted.directory.join(object))?.len())
    }

    /// Runs all commands on a host, `at_once` at a time, with `wrapper` before each.
    pub(crate) fn replay(
        &self,
        launch: impl FnOnce(&Path) -> Result<Launch>,
        at_once: u32,
        wrapper: Option<&Path>,
    ) -> Result<()> {
        let launch = self.launch(launch, at_once, wrapper)?;
        launch.run(BUILD)?.ok()?;
        Ok(())
    }

    /// What [`Recording::replay`] runs.
    pub(crate) fn launch(
        &self,
        launch: impl FnOnce(&Path) -> Result<Launch>,
        at_once: u32,
        wrapper: Option<&Path>,
    ) -> Result<Launch> {
        let me = std::env::current_exe()?;
        let launch = launch(&me)?.args([
            "replay".into(),
            self.file.clone(),
            at_once.to_string().into(),
        ]);
        Ok(launch.args(wrapper.map(Path::as_os_str)))
    }
}

/// `bench note FILE COMPILER…`: appends the command to the file and becomes the compiler.
pub(crate) fn note(words: &[String]) -> Result<()> {
    let [file, compiler, arguments @ ..] = words else {
        bail!("note FILE COMPILER…")
    };
    Noted::here(&words[1..])?.append(Path::new(file))?;
    Err(Command::new(compiler).args(arguments).exec()).with_context(|| compiler.clone())
}

/// `bench replay FILE N [WRAPPER]`: runs the commands in the file, N at a time, and prints how many end in a
/// second when it is under way.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let [file, at_once, wrapper @ ..] = words else {
        bail!("replay FILE N [WRAPPER]")
    };
    if let Some(door) = std::env::var_os(JOIN) {
        fs::write(&door, "0").with_context(|| door.display().to_string())?;
    }
    let noted = serde_json::Deserializer::from_reader(File::open(file)?).into_iter::<Noted>();
    let left = Mutex::new(noted.collect::<Result<VecDeque<_>, _>>()?);
    let ended = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let next = left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(Noted { directory, words }) = next else {
                return Ok(());
            };
            let mut line = wrapper.iter().chain(&words).map(OsString::from);
            let status = Command::new(line.next().context("an empty command")?)
                .args(line)
                .current_dir(&directory)
                .stdin(Stdio::null())
                .status()?;
            if !status.success() {
                bail!("{words:?} ended with {status}");
            }
            ended
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Instant::now());
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once.parse::<u32>()?)
            .map(|_| scope.spawn(work))
            .collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a worker died"))??;
        }
        anyhow::Ok(())
    })?;
    let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(rate) = steady(&ended) {
        println!("{rate}");
    }
    Ok(())
}

/// Ends in a second of the middle half of them: at first all wait for the first slots, and at the last
/// nobody comes for those that fall free.
fn steady(ended: &[Instant]) -> Option<f64> {
    let (first, last) = (ended.len() / 4, ended.len() * 3 / 4);
    let took = ended.get(last)?.duration_since(*ended.get(first)?);
    let rate = (last - first) as f64 / took.as_secs_f64();
    rate.is_finite().then_some(rate)
}
