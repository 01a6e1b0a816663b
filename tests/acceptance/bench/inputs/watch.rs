//! What a compile opens and what it looks for in vain, seen with strace.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};

use super::{open, program};
use crate::replay::Noted;

/// How much of a compile is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The preprocessor: it alone opens headers (`--whole` shows that).
    Preprocessor,
    Compiler,
}

impl Depth {
    fn option(self) -> &'static str {
        match self {
            Self::Preprocessor => "-E",
            Self::Compiler => "-c",
        }
    }
}

/// What compilers do at paths, without what they do for themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Files by their places, and their sizes.
    pub(super) opened: HashMap<PathBuf, u64>,
    /// Files that were only looked at.
    pub(super) looked_at: BTreeSet<PathBuf>,
    /// Where nothing was, as the compiler named it.
    pub(super) absent: BTreeSet<PathBuf>,
}

/// Where a compiler looks whatever it compiles, by its program and what the source's name ends with.
#[derive(Debug, Default)]
pub(super) struct Baseline(Mutex<HashMap<(PathBuf, OsString), Arc<Seen>>>);

impl Baseline {
    fn of(
        &self,
        noted: &Noted,
        environment: &[(OsString, OsString)],
        depth: Depth,
    ) -> Result<Arc<Seen>> {
        let program = program(noted)?;
        let source = noted.words.iter().find(|word| Noted::is_source(word));
        let end = source.and_then(|source| Path::new(source).extension());
        let end = end.unwrap_or_default().to_owned();
        let key = (program, end);
        if let Some(known) = open(&self.0).get(&key) {
            return Ok(Arc::clone(known));
        }
        let home = tempfile::tempdir()?;
        let source = home.path().join("empty").with_extension(&key.1);
        fs::write(&source, "")?;
        let output = source.with_extension("o");
        let words = [
            key.0.as_os_str(),
            OsStr::new(depth.option()),
            source.as_os_str(),
            OsStr::new("-o"),
            output.as_os_str(),
        ]
        .map(OsStr::to_owned);
        let seen = watch(&words, home.path(), environment)?;
        let seen = Arc::new(seen.context("an empty source is refused")?);
        open(&self.0).insert(key, Arc::clone(&seen));
        Ok(seen)
    }
}

/// Watches a command; nothing where it fails.
pub(super) fn seen(
    noted: &Noted,
    environment: &[(OsString, OsString)],
    depth: Depth,
    baseline: &Baseline,
) -> Result<Option<Seen>> {
    let own = baseline.of(noted, environment, depth)?;
    let home = tempfile::tempdir()?;
    let mut words = without_outputs(&noted.words, depth);
    // It is not looked for in PATH again.
    if let Some(first) = words.first_mut() {
        *first = program(noted)?.into();
    }
    words.push("-o".into());
    words.push(home.path().join("output.o").into());
    let seen = watch(&words, &noted.directory, environment)?;
    Ok(seen.map(|mut seen| {
        seen.absent.retain(|path| !own.absent.contains(path));
        seen.looked_at.retain(|path| !own.looked_at.contains(path));
        seen
    }))
}

/// The words without what they write.
fn without_outputs(words: &[String], depth: Depth) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-o" | "-MF" | "-MT" | "-MQ" => drop(words.next()),
            "-c" => kept.push(depth.option().into()),
            word if word.starts_with("-M") || word.starts_with("-Wp,-M") => {}
            word if word.starts_with("-o") => {}
            word => kept.push(word.into()),
        }
    }
    kept
}

const CALLS: &str =
    "trace=open,openat,openat2,stat,lstat,newfstatat,statx,access,faccessat,faccessat2";

fn watch(
    words: &[OsString],
    directory: &Path,
    environment: &[(OsString, OsString)],
) -> Result<Option<Seen>> {
    let logs = tempfile::tempdir()?;
    let status = Command::new("strace")
        .args([
            "-ff",
            "-qq",
            "--seccomp-bpf",
            "-e",
            CALLS,
            "-e",
            "signal=none",
            "-o",
        ])
        .arg(logs.path().join("log"))
        .args(words)
        .current_dir(directory)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("strace")?;
    if !status.success() {
        return Ok(None);
    }
    let mut seen = Seen::default();
    let driver = words.first().map(PathBuf::from).unwrap_or_default();
    let driver = driver.canonicalize()?;
    // One for each process.
    for log in fs::read_dir(logs.path())? {
        let text = fs::read(log?.path())?;
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(call) = Call::read(line)? {
                seen.take(&call, directory);
            }
        }
    }
    seen.looked_at.remove(&driver);
    Ok(Some(seen))
}

/// One line of strace's.
#[derive(Debug)]
struct Call {
    path: PathBuf,
    opens: bool,
    /// Nothing is there.
    is_absent: bool,
}

impl Call {
    fn read(line: &[u8]) -> Result<Option<Self>> {
        let text = String::from_utf8_lossy(line);
        let Some((name, rest)) = text.split_once('(') else {
            return Ok(None);
        };
        let Some((lead, rest)) = rest.split_once('"') else {
            return Ok(None);
        };
        let Some((path, rest)) = rest.split_once('"') else {
            return Ok(None);
        };
        if path.is_empty() {
            return Ok(None);
        }
        if path.contains('\\') || !matches!(lead, "" | "AT_FDCWD, ") && !path.starts_with('/') {
            bail!("strace says what this does not read: {text}");
        }
        let is_absent = rest.contains(" = -1 ENOENT") || rest.contains(" = -1 ENOTDIR");
        if !is_absent && rest.contains(" = -1 ") {
            return Ok(None);
        }
        Ok(Some(Self {
            path: PathBuf::from(path),
            opens: name.starts_with("open") && !rest.contains("O_DIRECTORY"),
            is_absent,
        }))
    }
}

impl Seen {
    fn take(&mut self, call: &Call, directory: &Path) {
        if is_own(&call.path) {
            return;
        }
        if call.is_absent {
            self.absent.insert(call.path.clone());
            return;
        }
        let Ok(place) = directory.join(&call.path).canonicalize() else {
            // What it made and removed again.
            return;
        };
        match place.metadata() {
            Ok(meta) if !meta.is_file() => {}
            Ok(meta) if call.opens => {
                self.opened.insert(place, meta.len());
            }
            _ => {
                self.looked_at.insert(place);
            }
        }
    }
}

/// What compilers, their loader and their assembler read and write for themselves.
fn is_own(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let name = path.file_name().unwrap_or_default().as_bytes();
    let temporary = std::env::temp_dir();
    let is_library = name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.");
    // Precompiled headers are looked for in front of each header; where one is there is no list.
    let is_precompiled = name.ends_with(b".gch") || name.ends_with(b".pch");
    let is_elsewhere = [&b"/proc/"[..], b"/etc/", b"/sys/", b"/dev/"];
    is_library
        || is_precompiled
        || matches!(
            name,
            b"specs" | b"locale-archive" | b"locale.alias" | b"gconv-modules.cache"
        )
        || name.ends_with(b".mo")
        || is_elsewhere.iter().any(|at| bytes.starts_with(at))
        || path.starts_with(temporary)
}
