//! Where the programs under test are: floe's own build and Debian's icecream.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Whose programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    Floe,
    /// Debian's packages `icecc`: C++ icecream 1.4 on bookworm.
    Debian,
}

impl Suite {
    pub const BOTH: [Self; 2] = [Self::Debian, Self::Floe];

    pub fn name(self) -> &'static str {
        match self {
            Self::Floe => "floe",
            Self::Debian => "debian",
        }
    }
}

/// One suite's programs; every path exists.
#[derive(Clone, Debug)]
pub struct Programs {
    pub suite: Suite,
    pub scheduler: PathBuf,
    pub daemon: PathBuf,
    /// The wrapper, called `icecc`.
    pub client: PathBuf,
    pub icerun: PathBuf,
    pub create_env: PathBuf,
    /// Directory of links named `gcc`, `g++`, … to put first in `PATH`.
    pub links: PathBuf,
    /// The program `floe`, which Debian has not.
    pub floe: Option<PathBuf>,
}

impl Programs {
    /// Finds a suite's programs, or names the first that is missing and how to get it.
    pub fn locate(suite: Suite) -> Result<Self> {
        let all = match suite {
            Suite::Debian => Self {
                suite,
                scheduler: "/usr/sbin/icecc-scheduler".into(),
                daemon: "/usr/sbin/iceccd".into(),
                client: "/usr/bin/icecc".into(),
                icerun: "/usr/bin/icerun".into(),
                create_env: "/usr/bin/icecc-create-env".into(),
                links: "/usr/lib/icecc/bin".into(),
                floe: None,
            },
            Suite::Floe => Self::floe(&floe_directory()),
        };
        for path in [
            &all.scheduler,
            &all.daemon,
            &all.client,
            &all.icerun,
            &all.create_env,
            &all.links,
        ] {
            if !path.exists() {
                let remedy = match suite {
                    Suite::Debian => "install Debian's package `icecc` (`cargo xtask setup`)",
                    Suite::Floe => "run `cargo xtask build`, or set FLOE_BIN_DIR",
                };
                bail!("{} is missing: {remedy}", path.display());
            }
        }
        Ok(all)
    }

    fn floe(bin: &Path) -> Self {
        Self {
            suite: Suite::Floe,
            scheduler: bin.join("icecc-scheduler"),
            daemon: bin.join("iceccd"),
            client: bin.join("icecc"),
            icerun: bin.join("icerun"),
            create_env: bin.join("icecc-create-env"),
            links: bin.join("../libexec/icecc/bin"),
            floe: Some(bin.join("floe")),
        }
    }
}

/// `FLOE_BIN_DIR`, else `floe/bin` in the target directory that this program was built in.
fn floe_directory() -> PathBuf {
    if let Some(directory) = env::var_os("FLOE_BIN_DIR") {
        return directory.into();
    }
    let me = env::current_exe().unwrap_or_default();
    me.ancestors()
        .map(|above| above.join("floe/bin"))
        .find(|candidate| candidate.is_dir())
        .unwrap_or_else(|| "target/floe/bin".into())
}
