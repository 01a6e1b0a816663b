//! The cluster of one try: a loopback cluster of the lab, made of this program, so that nothing of
//! the user's floe or icecream is touched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use job::{JobRecord, variable};
use lab::{Cluster, DaemonSpec, Host, Kind, LabOptions, Launch, Programs, Suite};

/// The host that the build runs on.
const SUBMIT: &str = "submit";
const EXECUTORS: &[&str] = &["executor1", "executor2"];
/// Names under which the wrapper is linked for the build.
const LINKS: &[&str] = &[
    "cc", "gcc", "c++", "g++", "clang", "clang++", "icecc", "icerun",
];
/// How long the agent may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// The running cluster; its processes end when it is dropped.
pub(super) struct Stage {
    cluster: Cluster,
    programs: Programs,
    /// PATH of the build: the wrapper's links, then the user's.
    path: OsString,
}

impl Stage {
    /// Starts the cluster; everything it writes goes below `directory`.
    pub(super) fn start(directory: &Path) -> Result<Self> {
        let programs = programs(&directory.join("programs"))?;
        let mut path = programs.links.clone().into_os_string();
        path.push(":");
        path.push(
            std::env::var_os("PATH").unwrap_or_else(|| handover::program::DEFAULT_PATH.into()),
        );
        let options = LabOptions {
            parent: Some(directory.to_owned()),
            ..LabOptions::default()
        };
        let mut builder = Cluster::builder()
            .kind(Kind::Loopback)
            .options(options)
            .floe_programs(programs.clone())
            .scheduler(Suite::Floe)
            .scheduler_arguments(&["-i", "lo"]);
        for name in EXECUTORS {
            builder = builder.daemon(daemon(name, 1));
        }
        // No slots: it passes requests on, and compiles only what cannot travel.
        let submit = DaemonSpec {
            submit_only: true,
            ..daemon(SUBMIT, 0)
        };
        let cluster = builder.daemon(submit).start()?;
        Ok(Self {
            cluster,
            programs,
            path,
        })
    }

    /// A directory for the sample project.
    pub(super) fn workplace(&self) -> Result<PathBuf> {
        Ok(self.host()?.tmp())
    }

    /// Whether the build would find `compiler` behind the wrappers.
    pub(super) fn finds(&self, compiler: &str) -> bool {
        std::env::split_paths(&self.path)
            .skip(1)
            .any(|directory| directory.join(compiler).is_file())
    }

    /// Runs `program` as the user would, with the wrappers first in PATH and this cluster behind them.
    pub(super) fn run(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        directory: &Path,
    ) -> Result<ExitStatus> {
        // The program is looked up in this process's PATH, not in the build's.
        let linked = self.programs.links.join(program);
        let program = if linked.exists() {
            linked.as_os_str()
        } else {
            program
        };
        let users = std::env::vars_os().filter(|(name, _)| !belongs_to_cluster(name));
        let launch = self.host()?.command(program).args(arguments).envs(users);
        let status = self.as_client(launch).dir(directory).interactive();
        status.with_context(|| format!("{} cannot be run", program.display()))
    }

    /// The jobs of this try, oldest first.
    pub(super) fn records(&self) -> Result<Vec<JobRecord>> {
        let mut records = handover::log::read_newest_first(&self.host()?.home().join("state"))?;
        records.reverse();
        Ok(records)
    }

    /// Asks the agent to leave, so that its records are complete.
    pub(super) fn dismiss_agent(&self) {
        let Some(floe) = &self.programs.floe else {
            return;
        };
        if let Ok(host) = self.host() {
            let launch = host.command(floe).args(["agent", "--stop"]);
            // An agent that does not answer ends with the cluster.
            let _gone = self.as_client(launch).run(FAREWELL);
        }
    }

    /// The executor at an address of a record, by name.
    pub(super) fn name_of(&self, executor: &str) -> Option<&'static str> {
        let port: u16 = executor.rsplit_once(':')?.1.parse().ok()?;
        EXECUTORS
            .iter()
            .copied()
            .find(|name| self.cluster.port(name).is_ok_and(|own| own == port))
    }

    fn host(&self) -> Result<&Host> {
        self.cluster.host(SUBMIT)
    }

    fn as_client(&self, launch: Launch) -> Launch {
        // Should this program be killed, the agent does not stay for long.
        let launch = launch
            .env("PATH", &self.path)
            .env(variable::FLOE_AGENT_IDLE, "10");
        match &self.programs.floe {
            Some(floe) => launch.env(variable::FLOE_PROGRAM, floe),
            None => launch,
        }
    }
}

fn daemon(name: &str, slots: u32) -> DaemonSpec {
    DaemonSpec {
        name: name.to_owned(),
        suite: Suite::Floe,
        slots,
        submit_only: false,
        link: None,
        arguments: ["-i", "lo"].map(str::to_owned).to_vec(),
    }
}

/// Whether the user's value would lead the build out of this cluster.
fn belongs_to_cluster(name: &OsStr) -> bool {
    let ours = [
        variable::TEST_SOCKET,
        variable::TEST_REMOTEBUILD,
        variable::TESTS,
        variable::FLOE_RUNTIME_DIR,
        variable::FLOE_STATE_DIR,
        variable::FLOE_CACHE_DIR,
        "FLOE_LAB",
    ];
    ours.iter().any(|own| name == *own)
}

/// Links this program, and the static wrapper beside it if there is one, under every name.
fn programs(directory: &Path) -> Result<Programs> {
    let links = directory.join("links");
    fs::create_dir_all(&links)?;
    let floe = std::env::current_exe()?;
    let beside = floe.with_file_name("icecc");
    let wrapper = if beside.is_file() {
        beside
    } else {
        floe.clone()
    };
    let link = |target: &Path, at: PathBuf| -> Result<PathBuf> {
        symlink(target, &at).with_context(|| format!("{} cannot be linked", at.display()))?;
        Ok(at)
    };
    for name in LINKS {
        link(&wrapper, links.join(name))?;
    }
    Ok(Programs {
        suite: Suite::Floe,
        scheduler: link(&floe, directory.join("icecc-scheduler"))?,
        daemon: link(&floe, directory.join("iceccd"))?,
        create_env: link(&floe, directory.join("icecc-create-env"))?,
        client: links.join("icecc"),
        icerun: links.join("icerun"),
        links,
        floe: Some(floe),
    })
}
