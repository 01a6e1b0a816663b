//! Which compiler is it really? Looks through symlinks, ccache links and scripts to the driver that
//! does the work (the output of gcc 12 and clang 14 with `-v`, measured).

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::ask::{Said, ask};
use crate::elf;

/// The two families whose command lines floe reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Gcc,
    Clang,
}

/// A compiler that was asked about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The path that was given.
    pub asked: PathBuf,
    pub family: Family,
    /// The driver for C, all links resolved. For clang the one program that does everything.
    pub c: Option<PathBuf>,
    /// gcc's driver for C++, when it is installed.
    pub cxx: Option<PathBuf>,
    /// `12.2.0`
    pub version: String,
    /// What it compiles for by default, as `-dumpmachine` says.
    pub target: String,
    /// A script around the driver adds or drops options: an executor, which runs the driver, would
    /// compile something else.
    pub alters_options: bool,
    /// The PATH in which it finds its tools; `None` for that of this process.
    pub(crate) search: Option<OsString>,
    /// Options with which to ask for its tools and files.
    pub(crate) options: Vec<OsString>,
    /// Files from which clang takes options (`clang.cfg`).
    pub(crate) configuration: Vec<PathBuf>,
    /// Drivers that were looked for in vain: a change to watch for.
    pub(crate) absent: Vec<PathBuf>,
}

/// Why a program cannot be used as a compiler. A retry helps only after something was installed or
/// repaired.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("compiler {path} cannot be run: {source}; check the path and its rights")]
    Run { path: PathBuf, source: io::Error },
    #[error("{path} is not a compiler that floe knows (gcc or clang): {said}")]
    NotACompiler { path: PathBuf, said: String },
    #[error("the real compiler behind {path} was not found: {why}; name the compiler itself")]
    Hidden { path: PathBuf, why: String },
}

/// A word that no preprocessor defines, to find the answer among line markers.
const PROBE: &str = "floe_probe __clang__ __GNUC__\n";
const QUESTION: &[&str] = &["-v", "-E", "-x", "c", "-"];
/// For a gcc that was installed without the compiler for C.
const QUESTION_CXX: &[&str] = &["-v", "-E", "-x", "c++", "-"];

impl Compiler {
    /// Asks the compiler at `path`, which may be a link or a wrapper.
    pub fn probe(path: &Path) -> Result<Self, ProbeError> {
        Self::probe_in(path, None)
    }

    /// The same with another PATH than that of this process.
    pub fn probe_in(path: &Path, search: Option<&OsStr>) -> Result<Self, ProbeError> {
        let said = question(path, search)?;
        let answer = said
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("floe_probe "));
        let family = match answer {
            Some(answer)
                if said.success
                    && answer.starts_with("__clang__ ")
                    && !answer.ends_with("__GNUC__") =>
            {
                Family::Gcc
            }
            Some(answer) if said.success && answer.starts_with("1 ") => Family::Clang,
            _ => {
                return Err(ProbeError::NotACompiler {
                    path: path.to_path_buf(),
                    said: gist(&said),
                });
            }
        };
        match family {
            Family::Gcc => Self::gcc(path, &said, search),
            Family::Clang => Self::clang(path, &said, search),
        }
    }

    /// The same compiler as it works with `options`, which choose its tools (`-B`).
    pub fn with_options(mut self, options: &[OsString]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// The name under which an executor finds the driver in `/usr/bin`.
    pub fn remote_name(&self, cplusplus: bool) -> &'static str {
        match self.family {
            Family::Clang => "clang",
            Family::Gcc if cplusplus => "g++",
            Family::Gcc => "gcc",
        }
    }

    /// The driver to ask for tools and files.
    pub(crate) fn driver(&self) -> &Path {
        self.c
            .as_deref()
            .or(self.cxx.as_deref())
            .unwrap_or(&self.asked)
    }

    fn gcc(path: &Path, said: &Said, search: Option<&OsStr>) -> Result<Self, ProbeError> {
        let called = field(&said.stderr, "COLLECT_GCC=")
            .ok_or_else(|| hidden(path, "it does not print COLLECT_GCC"))?;
        let called = find_in(Path::new(called), search)
            .ok_or_else(|| hidden(path, "what COLLECT_GCC names is not in PATH"))?;
        let driver = binary(path, &called)?;
        let version = version(&said.stderr, "gcc version ");
        let target = field(&said.stderr, "Target: ")
            .unwrap_or_default()
            .to_owned();
        let is_cxx = [path, &called, &driver]
            .iter()
            .any(|name| counterpart(name, CXX_TO_C).is_some());
        let (from, to) = if is_cxx { CXX_TO_C } else { C_TO_CXX };
        let mut absent = Vec::new();
        let mut other = None;
        for name in [driver.as_path(), called.as_path(), path] {
            let Some(candidate) = counterpart(name, (from, to)) else {
                continue;
            };
            // The partner must belong to this very compiler: `g++` may be another release's.
            match binary(path, &candidate)
                .map(|found| question(&found, search).map(|said| (found, said)))
            {
                Ok(Ok((found, said)))
                    if self::version(&said.stderr, "gcc version ") == version
                        && field(&said.stderr, "Target: ") == Some(&target) =>
                {
                    other = Some(found);
                    break;
                }
                _ => absent.push(candidate),
            }
        }
        let (c, cxx) = if is_cxx {
            (other, Some(driver.clone()))
        } else {
            (Some(driver.clone()), other)
        };
        let alters_options = wraps(path, &driver)
            && question(&driver, search)
                .map(|plain| options(&plain.stderr, "COLLECT_GCC_OPTIONS="))?
                != options(&said.stderr, "COLLECT_GCC_OPTIONS=");
        Ok(Self {
            asked: path.to_path_buf(),
            family: Family::Gcc,
            c,
            cxx,
            version,
            target,
            alters_options,
            search: search.map(OsStr::to_owned),
            options: Vec::new(),
            configuration: Vec::new(),
            absent,
        })
    }

    fn clang(path: &Path, said: &Said, search: Option<&OsStr>) -> Result<Self, ProbeError> {
        // The line of the compile proper starts with the quoted path of the program itself.
        let own = |said: &Said| {
            said.stderr
                .lines()
                .find(|line| line.contains("\" -cc1 "))
                .map(str::to_owned)
        };
        let line =
            own(said).ok_or_else(|| hidden(path, "it does not print the command that it runs"))?;
        let program = line.split('"').nth(1).unwrap_or_default();
        let driver = binary(path, Path::new(program))?;
        let alters_options = wraps(path, &driver)
            && question(&driver, search).map(|plain| own(&plain))?.as_ref() != Some(&line);
        let configuration = said
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("Configuration file: "))
            .map(PathBuf::from)
            .collect();
        Ok(Self {
            asked: path.to_path_buf(),
            family: Family::Clang,
            c: Some(driver),
            cxx: None,
            version: version(&said.stderr, "clang version "),
            target: field(&said.stderr, "Target: ")
                .unwrap_or_default()
                .to_owned(),
            alters_options,
            search: search.map(OsStr::to_owned),
            options: Vec::new(),
            configuration,
            absent: Vec::new(),
        })
    }
}

const C_TO_CXX: (&str, &str) = ("gcc", "g++");
const CXX_TO_C: (&str, &str) = ("g++", "gcc");

fn question(path: &Path, search: Option<&OsStr>) -> Result<Said, ProbeError> {
    let asked = |question| {
        ask(path, question, PROBE, search).map_err(|source| ProbeError::Run {
            path: path.to_path_buf(),
            source,
        })
    };
    let said = asked(QUESTION)?;
    if said.success || !said.stderr.contains("cc1") {
        return Ok(said);
    }
    asked(QUESTION_CXX)
}

fn hidden(path: &Path, why: &str) -> ProbeError {
    ProbeError::Hidden {
        path: path.to_path_buf(),
        why: why.to_owned(),
    }
}

/// The program at `called` with all links resolved; scripts are refused, since they would miss
/// their interpreter on the executor.
fn binary(asked: &Path, called: &Path) -> Result<PathBuf, ProbeError> {
    let resolved = called
        .canonicalize()
        .map_err(|error| hidden(asked, &format!("{}: {error}", called.display())))?;
    match elf::is_elf(&resolved) {
        Ok(true) => Ok(resolved),
        Ok(false) => Err(hidden(
            asked,
            &format!("{} is not a binary program", resolved.display()),
        )),
        Err(error) => Err(hidden(asked, &format!("{}: {error}", resolved.display()))),
    }
}

/// Whether a program other than the driver itself was called.
fn wraps(asked: &Path, driver: &Path) -> bool {
    asked.canonicalize().map_or(true, |asked| asked != driver)
}

/// The same name in the same directory with the last `from` replaced.
fn counterpart(path: &Path, (from, to): (&str, &str)) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let other = match name.rfind(from) {
        Some(at) => format!("{}{to}{}", &name[..at], &name[at + from.len()..]),
        None if name == "c++" && to == "gcc" => "cc".to_owned(),
        None if name == "cc" && to == "g++" => "c++".to_owned(),
        None => return None,
    };
    Some(path.with_file_name(other))
}

/// A program as a shell would find it, past the links that stand for floe or icecream.
pub(crate) fn find(program: &Path) -> Option<PathBuf> {
    find_in(program, None)
}

/// The same in the directories of `search`.
pub(crate) fn find_in(program: &Path, search: Option<&OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_path_buf());
    }
    let own = || std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let path = search.map_or_else(own, OsStr::to_owned);
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|candidate| is_program(candidate) && !is_masquerade(candidate))
}

/// A link under a compiler's name that leads to a wrapper.
fn is_masquerade(path: &Path) -> bool {
    std::fs::read_link(path).is_ok_and(|to| {
        to.file_name()
            .is_some_and(|name| ["icecc", "icerun", "floe"].iter().any(|own| name == *own))
    })
}

/// A regular file that may be executed.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

fn options(text: &str, name: &str) -> Option<String> {
    field(text, name).map(str::to_owned)
}

fn version(text: &str, before: &str) -> String {
    text.lines()
        .find_map(|line| line.split_once(before))
        .and_then(|(_, after)| after.split_whitespace().next())
        .unwrap_or_default()
        .to_owned()
}

/// The first line a program said, for people.
fn gist(said: &Said) -> String {
    let line = said
        .stderr
        .lines()
        .chain(said.stdout.lines())
        .find(|line| !line.trim().is_empty());
    line.map_or_else(
        || "it says nothing".to_owned(),
        |line| line.trim().chars().take(200).collect(),
    )
}
