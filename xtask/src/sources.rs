//! Sources of real projects, from Debian's archive, into `target/sources`.
//!
//! apt gets a configuration of its own: the machine's sources, lists and caches stay as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// Source packages, and the directory name each is unpacked to.
pub(crate) const PROJECTS: &[&str] = &["redis", "fmtlib", "xerces-c"];

/// What only `bench inputs` reads, some of it large.
const CORPORA: &[&str] = &[
    "sqlite3",
    "git",
    "googletest",
    "libuv1",
    "libtorrent-rasterbar",
    "llvm-toolchain-14",
    "linux",
];

/// Fetches what the projects of `bench inputs` with these names need: a project's name begins as its source's. All
/// for no name.
pub(crate) fn fetch_corpora(names: &[&str]) -> Result<()> {
    let is_wanted = |source: &&str| {
        let first = |name: &&str| {
            name.split('-')
                .next()
                .is_some_and(|first| source.starts_with(first))
        };
        // fmtlib's tests are googletest's.
        let is_used =
            *source == "googletest" && names.iter().any(|name| name.starts_with("fmtlib"));
        names.is_empty() || is_used || names.iter().any(first)
    };
    let all = PROJECTS.iter().chain(CORPORA).copied();
    fetch(&all.filter(is_wanted).collect::<Vec<_>>())
}

/// Fetches and unpacks what is not there yet.
pub(crate) fn fetch(names: &[&str]) -> Result<()> {
    let base = step::target()?.join("sources");
    let wanted: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !base.join(name).is_dir())
        .collect();
    if wanted.is_empty() {
        println!("sources of real projects are in {}", base.display());
        return Ok(());
    }
    step::timed(&format!("apt-get source {}", wanted.join(" ")), || {
        let apt = Apt::prepare(&base.join("apt"))?;
        apt.run(&["update"])?;
        for name in wanted {
            let package = base.join("apt/packages").join(name);
            fs::create_dir_all(&package)?;
            apt.download(name, &package)?;
            unpack(&package, &base.join(name))?;
        }
        Ok(())
    })
}

struct Apt {
    base: PathBuf,
}

impl Apt {
    fn prepare(base: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(base.join(part))?;
        }
        let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
        let field = |key: &str| {
            release
                .lines()
                .find_map(|line| Some(line.strip_prefix(key)?.trim_matches('"')))
        };
        let (Some("debian"), Some(suite)) = (field("ID="), field("VERSION_CODENAME=")) else {
            bail!("this is not Debian");
        };
        let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        fs::write(
            base.join("sources.list"),
            format!("deb-src [signed-by={key}] http://deb.debian.org/debian {suite} main\n"),
        )?;
        Ok(Self {
            base: base.to_owned(),
        })
    }

    fn command(&self) -> Command {
        let mut apt = Command::new("apt-get");
        apt.arg("-q");
        for (option, part) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            apt.arg("-o")
                .arg(format!("{option}={}", self.base.join(part).display()));
        }
        // Root's directories are not apt's sandbox user's.
        apt.args([
            "-o",
            "Dir::Etc::sourceparts=-",
            "-o",
            "APT::Sandbox::User=root",
        ]);
        apt
    }

    fn run(&self, words: &[&str]) -> Result<()> {
        step::output(self.command().args(words)).map(drop)
    }

    fn download(&self, package: &str, into: &Path) -> Result<()> {
        let mut apt = self.command();
        apt.args(["source", "--download-only", package])
            .current_dir(into);
        step::output(&mut apt).map(drop)
    }
}

fn unpack(package: &Path, to: &Path) -> Result<()> {
    let description = fs::read_dir(package)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "dsc"))
        .with_context(|| format!("no .dsc in {}", package.display()))?;
    let part = to.with_extension("part");
    let _ = fs::remove_dir_all(&part);
    step::output(
        Command::new("dpkg-source")
            .args(["--no-check", "-x"])
            .arg(&description)
            .arg(&part),
    )?;
    fs::rename(&part, to)?;
    Ok(())
}
