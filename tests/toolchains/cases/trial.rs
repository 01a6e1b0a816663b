//! The cluster, and one compiler's turn in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use job::record::Phase;
use job::{Compiled, JobRecord, Reason};
use lab::{Cluster, Host, Suite};

use crate::compilers::Case;

/// An account that exists everywhere and owns nothing.
const NOBODY: (u32, u32) = (65534, 65534);
const PATIENCE: Duration = Duration::from_secs(60);

const C: &str =
    "struct point { int x, y; };\nint twice(struct point p) { return 2 * p.x + p.y; }\n";
const CXX: &str = "template <class T> struct box { T held; T get() const { return held; } };\n\
    int open(int n) { return box<int>{n}.get() + 1; }\n";

/// What became of a compiler.
pub(crate) enum Outcome {
    /// It cannot be had here.
    Skipped(String),
    Tried(Tried),
}

#[derive(Default)]
pub(crate) struct Tried {
    /// Of the archive.
    pub(crate) bytes: Option<u64>,
    /// From the first question to the complete archive.
    pub(crate) packing: Option<Duration>,
    /// From the start of the wrapper to its end, for the first object.
    pub(crate) first: Duration,
    pub(crate) c: Option<Language>,
    pub(crate) cxx: Option<Language>,
    /// What a trial of the packed files in the submit host's sandbox showed; `None` when nothing was
    /// packed.
    pub(crate) proof: Option<Proof>,
}

/// As the agent's log says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Whole,
    /// There is no sandbox here.
    Impossible,
    Faulty,
}

pub(crate) struct Language {
    pub(crate) remote: bool,
    pub(crate) is_identical: bool,
    /// The reason when it was compiled here.
    pub(crate) why: String,
}

impl Outcome {
    pub(crate) fn is_as_wanted(&self, case: &Case) -> bool {
        let Self::Tried(tried) = self else {
            return true;
        };
        let is_good = |one: &Language| {
            one.is_identical
                && one.remote == case.stays.is_none()
                && one.why.contains(case.stays.unwrap_or(""))
        };
        tried.proof != Some(Proof::Faulty)
            && [&tried.c, &tried.cxx].into_iter().flatten().all(is_good)
    }
}

pub(crate) struct Site {
    cluster: Cluster,
    submit: Host,
    wrapper: PathBuf,
    /// Where compilers are made and compiles run; the hosts see it.
    shared: PathBuf,
    turns: usize,
}

impl Site {
    /// One executor, one submitter, all programs on them run by an ordinary user.
    pub(crate) fn build() -> Result<Self> {
        let cluster = Cluster::builder()
            .scheduler(Suite::Floe)
            .executor("executor", Suite::Floe, 2)
            .user(NOBODY.0, NOBODY.1)
            .submitter("submit", Suite::Floe, 0)
            .user(NOBODY.0, NOBODY.1)
            .start()?;
        let shared = cluster.lab().shared().join("toolchains");
        fs::create_dir(&shared)?;
        let submit = cluster.host("submit")?.clone();
        let wrapper = lab::Programs::locate(Suite::Floe)?.client;
        Ok(Self {
            cluster,
            submit,
            wrapper,
            shared,
            turns: 0,
        })
    }

    pub(crate) fn logs(&self) -> String {
        self.cluster.logs()
    }

    pub(crate) fn run(&mut self, case: &Case) -> Result<Outcome> {
        self.turns += 1;
        let place = self.shared.join(format!("turn{}", self.turns));
        fs::create_dir(&place)?;
        let compiler = match (case.make)(&place) {
            Ok(compiler) => compiler,
            Err(why) => return Ok(Outcome::Skipped(format!("{why:#}"))),
        };
        let mut tried = Tried::default();
        let languages = [(compiler.c, "one.c", C), (compiler.cxx, "one.cc", CXX)];
        for (words, name, text) in languages {
            let Some(words) = words else { continue };
            let dir = place.join(format!("build {name}"));
            fs::create_dir(&dir)?;
            fs::write(dir.join(name), text)?;
            std::os::unix::fs::chown(&dir, Some(NOBODY.0), Some(NOBODY.1))?;
            let (language, took) = self.compile(&words, &dir, name, &mut tried)?;
            if tried.first.is_zero() {
                tried.first = took;
            }
            if name.ends_with(".c") {
                tried.c = Some(language);
            } else {
                tried.cxx = Some(language);
            }
        }
        // Large compilers were copied.
        let _ = fs::remove_dir_all(&place);
        Ok(Outcome::Tried(tried))
    }

    fn compile(
        &self,
        words: &[OsString],
        dir: &Path,
        name: &str,
        tried: &mut Tried,
    ) -> Result<(Language, Duration)> {
        let object = dir.join("one.o");
        // With -g, preprocessed text has other columns (see `acceptance::compare`).
        let options = ["-O2", "-c", name, "-o", "one.o"];
        let start = Instant::now();
        let said = self
            .submit
            .command(&self.wrapper)
            .args(words)
            .args(options)
            .dir(dir)
            .user(NOBODY.0, NOBODY.1)
            .run(PATIENCE)?;
        let took = start.elapsed();
        ensure!(
            said.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        let away = fs::read(&object)?;
        fs::remove_file(&object)?;
        let (program, arguments) = words.split_first().context("no compiler")?;
        let here = self
            .submit
            .command(program)
            .args(arguments)
            .args(options)
            .dir(dir)
            .user(NOBODY.0, NOBODY.1)
            .run(PATIENCE)?;
        ensure!(
            here.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&here.stderr)
        );
        let record = self.record(dir)?;
        let remote = record.compiled == Compiled::Remote as i32;
        let why = if remote {
            String::new()
        } else {
            let reason = Reason::try_from(record.reason).unwrap_or(Reason::Unspecified);
            format!("{}: {}", reason.code(), record.detail)
        };
        let phase = |wanted: Phase| {
            let mut phases = record.phases.iter();
            let found = phases.find(|time| time.phase == wanted as i32);
            found.map(|time| Duration::from_micros(time.duration_us))
        };
        if tried.packing.is_none() {
            tried.packing = phase(Phase::Toolchain);
            tried.bytes = self.archive(&record.toolchain);
        }
        if remote && tried.proof.is_none() {
            tried.proof = Some(self.proof(program)?);
        }
        let is_identical = away == fs::read(&object)?;
        Ok((
            Language {
                remote,
                is_identical,
                why,
            },
            took,
        ))
    }

    /// What the agent recorded of the only job of a directory. Records follow the answers that they
    /// tell of.
    fn record(&self, dir: &Path) -> Result<JobRecord> {
        let state = self.submit.home().join(".local/state/floe");
        let end = Instant::now() + PATIENCE;
        loop {
            let records = handover::log::read_newest_first(&state).unwrap_or_default();
            let is_it = |record: &JobRecord| record.directory == dir.as_os_str().as_encoded_bytes();
            if let Some(record) = records.into_iter().find(is_it) {
                return Ok(record);
            }
            ensure!(Instant::now() < end, "no record of {}", dir.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What became of the trial that follows the first object. Of a script that changes options it is
    /// the compiler behind it that travels, here always gcc 12, and perhaps has travelled before.
    fn proof(&self, compiler: &OsString) -> Result<Proof> {
        let log = self
            .submit
            .tmp()
            .join(format!("floe-{}/agent.log", NOBODY.0));
        let mut compilers = vec![PathBuf::from(compiler)];
        if fs::read(&compilers[0])?.starts_with(b"#!") {
            let behind = ["gcc-12", "g++-12"].map(|name| Path::new("/usr/bin").join(name));
            compilers.extend(behind.iter().flat_map(|path| path.canonicalize()));
        }
        let known = |text: &str, compiler: &Path| {
            let compiler = compiler.display();
            let said = |words: String| text.contains(&words);
            if said(format!("{compiler} compiles with what was packed")) {
                Some(Proof::Whole)
            } else if said(format!("packed of {compiler} could not be tried")) {
                Some(Proof::Impossible)
            } else if said(format!("toolchain for {compiler} cannot be packed")) {
                Some(Proof::Faulty)
            } else {
                None
            }
        };
        let end = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Some(proof) = compilers.iter().find_map(|path| known(&text, path)) {
                return Ok(proof);
            }
            ensure!(Instant::now() < end, "{compiler:?} was not tried:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn archive(&self, toolchain: &str) -> Option<u64> {
        let cache = self.submit.home().join(".cache/floe");
        fs::read_dir(cache)
            .ok()?
            .flatten()
            .find(|entry| {
                let name = entry.file_name();
                !toolchain.is_empty()
                    && name
                        .to_string_lossy()
                        .starts_with(&format!("{toolchain}.tar"))
            })
            .and_then(|entry| Some(entry.metadata().ok()?.len()))
    }
}
