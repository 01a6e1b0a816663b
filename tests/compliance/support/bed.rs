//! The cluster that cases run on: a scheduler, `localice` that only submits, and two executors.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::{Cluster, Host, Launch, Output, Programs, Suite};

use crate::watch::{Seen, Watcher};

/// Where every client of the suite runs.
pub const LOCAL: &str = "localice";
pub const ONE: &str = "remoteice1";
pub const TWO: &str = "remoteice2";
/// The most that one command of a case may take.
pub const COMMAND: Duration = Duration::from_secs(90);
/// From the start of the programs until the executors may be used: the original tells its load
/// 3 s after its login, or 20 s to 51 s later when its first try to find the scheduler failed.
const USABLE: Duration = Duration::from_secs(75);

/// Which hosts a theme needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BedSpec {
    /// The standard cluster.
    Cluster,
    /// None: cases make what they need.
    Nothing,
}

pub struct Bed {
    pub suite: Suite,
    pub programs: Programs,
    /// Variables that the case at hand sets for both kinds of run.
    pub variables: Vec<(&'static str, &'static str)>,
    running: Option<Running>,
}

struct Running {
    watcher: Watcher,
    cluster: Cluster,
    work: PathBuf,
}

impl Bed {
    pub fn start(suite: Suite, spec: BedSpec) -> Result<Self> {
        let running = match spec {
            BedSpec::Nothing => None,
            BedSpec::Cluster => Some(Running::start(suite)?),
        };
        Ok(Self {
            suite,
            programs: Programs::locate(suite)?,
            variables: Vec::new(),
            running,
        })
    }

    fn running(&self) -> Result<&Running> {
        self.running.as_ref().context("this theme has no cluster")
    }

    fn running_mut(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("this theme has no cluster")
    }

    pub fn cluster(&mut self) -> Result<&mut Cluster> {
        Ok(&mut self.running_mut()?.cluster)
    }

    pub fn watcher(&mut self) -> Result<&mut Watcher> {
        Ok(&mut self.running_mut()?.watcher)
    }

    /// The host that submits.
    pub fn local(&self) -> Result<Host> {
        Ok(self.running()?.cluster.host(LOCAL)?.clone())
    }

    /// Waits until clients find the submitting host's daemon.
    pub fn wait_for_daemon(&self) -> Result<()> {
        let socket = self.local()?.run().join("icecc/iceccd.socket");
        let end = Instant::now() + USABLE;
        while let Err(e) = UnixStream::connect(&socket) {
            if Instant::now() > end {
                return Err(e).with_context(|| socket.display().to_string());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// A directory that every host sees, with the suite's sources in it.
    pub fn work(&self) -> Result<&Path> {
        Ok(&self.running()?.work)
    }

    /// A program on the submitting host, in the directory of the sources, without any wrapper.
    pub fn plain(&self, program: impl AsRef<Path>) -> Result<Launch> {
        let launch = self.local()?.command(program.as_ref());
        // Foreign compilers run without a locale: with one the quotes in messages differ.
        Ok(launch.dir(self.work()?).env("LC_ALL", "C"))
    }

    /// The same with the variables of a client. With a log file, the original's own words stay
    /// out of what the compiler says.
    pub fn client(&self, program: impl AsRef<Path>) -> Result<Launch> {
        Ok(self
            .plain(program)?
            .env("ICECC_ENV_COMPRESSION", "none")
            .env("ICECC_DEBUG", "debug")
            .env("ICECC_LOGFILE", self.client_log()?))
    }

    /// The wrapper before a command.
    pub fn wrapped(&self, words: &[&str]) -> Result<Launch> {
        Ok(self.client(&self.programs.client)?.args(words))
    }

    fn client_log(&self) -> Result<PathBuf> {
        Ok(self.local()?.logs().join("client.log"))
    }

    /// Runs a command and tells where its jobs ran.
    pub fn observe(&mut self, launch: Launch) -> Result<(Output, Seen)> {
        let local = self.local()?;
        let mark = self.watcher()?.mark();
        let output = launch.run(COMMAND)?;
        let seen = self.watcher()?.since(mark, &local)?;
        Ok((output, seen))
    }

    /// What helps to understand a failure: the client's last words.
    pub fn hints(&self) -> String {
        let Ok(path) = self.client_log() else {
            return String::new();
        };
        let log = fs::read(path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Forgets the client's log, so that [`Self::hints`] tell of what follows.
    pub fn forget(&self) {
        if let Ok(path) = self.client_log() {
            let _ = fs::remove_file(path);
        }
    }
}

impl Running {
    fn start(suite: Suite) -> Result<Self> {
        let mut cluster = Cluster::builder()
            .scheduler(suite)
            .executor(ONE, suite, 2)
            .executor(TWO, suite, 2)
            .submitter(LOCAL, suite, 2)
            .start()?;
        let work = cluster.lab().shared().join("work");
        copy_sources(&work)?;
        let watcher = Watcher::start(
            cluster.host(lab::cluster::SCHEDULER)?,
            cluster.scheduler_address()?,
        )?;
        wait_usable(&mut cluster)?;
        let running = Self {
            watcher,
            cluster,
            work,
        };
        Ok(running)
    }
}

/// Waits until both executors take jobs.
pub fn wait_usable(cluster: &mut Cluster) -> Result<()> {
    let usable = cluster
        .control()?
        .wait_hosts(USABLE, "both executors take jobs", |hosts| {
            [ONE, TWO].iter().all(|name| {
                hosts
                    .iter()
                    .any(|host| host.name == *name && host.load < 1000)
            })
        });
    usable.with_context(|| cluster.logs())?;
    Ok(())
}

/// Puts this suite's sources into a fresh directory.
pub fn copy_sources(to: &Path) -> Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("sources");
    copy(&from, to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Asks that a command succeeded.
pub fn succeeded(output: &Output) -> Result<()> {
    ensure!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
