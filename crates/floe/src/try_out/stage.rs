//! The cluster of one try: processes on loopback with a directory of their own, so that nothing
//! of the user's floe or icecream is touched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use job::{JobRecord, variable};

use crate::cli::status;

const EXECUTORS: u16 = 2;
/// Names under which the wrapper is linked for the build.
const LINKS: &[&str] = &[
    "cc", "gcc", "c++", "g++", "clang", "clang++", "icecc", "icerun",
];
/// How long the cluster may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of the executors, as the table names it.
pub(super) struct Executor {
    pub(super) name: String,
    pub(super) address: String,
}

/// The running cluster; its processes end when it is dropped.
pub(super) struct Stage {
    directory: PathBuf,
    children: Vec<Child>,
    path: std::ffi::OsString,
    executor_ports: Vec<u16>,
}

impl Stage {
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let original =
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let links = directory.join("bin");
        let mut path = links.clone().into_os_string();
        path.push(":");
        path.push(&original);
        let executor_ports = (0..EXECUTORS)
            .map(|_| free_port())
            .collect::<Result<_, _>>()?;
        let mut stage = Self {
            directory: directory.to_owned(),
            children: Vec::new(),
            path,
            executor_ports,
        };
        link_wrappers(&links)?;
        let scheduler = free_port_pair()?;
        stage.spawn(
            "scheduler",
            ["-p", &scheduler.to_string(), "-n", "floe-try"],
        )?;
        let scheduler = format!("127.0.0.1:{scheduler}");
        for (index, port) in stage.executor_ports.clone().into_iter().enumerate() {
            let name = format!("executor{}", index + 1);
            stage.spawn_daemon(&name, &scheduler, ["-p", &port.to_string()])?;
        }
        // Slots 0: it passes requests on, and compiles nothing of its own but what cannot travel.
        stage.spawn_daemon("submit", &scheduler, ["-m", "0", "--no-remote"])?;
        stage.wait_until_ready(&scheduler)?;
        Ok(stage)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn executors(&self) -> Vec<Executor> {
        let ports = self.executor_ports.iter().enumerate();
        ports
            .map(|(index, port)| Executor {
                name: format!("executor{}", index + 1),
                address: format!("127.0.0.1:{port}"),
            })
            .collect()
    }

    /// Whether the build would find `compiler`.
    pub(super) fn finds(&self, compiler: &str) -> bool {
        std::env::split_paths(&self.path)
            .skip(1)
            .any(|directory| directory.join(compiler).is_file())
    }

    /// `program` with the wrappers first in PATH and this cluster behind them.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        // Command looks up the program in this process's PATH, not in the child's.
        let linked = self.directory.join("bin").join(program.as_ref());
        let mut command = if linked.exists() {
            Command::new(linked)
        } else {
            Command::new(program)
        };
        command.env("PATH", &self.path);
        self.surround(&mut command, "submit");
        command
    }

    /// The jobs of this try, oldest first.
    pub(super) fn records(&self) -> anyhow::Result<Vec<JobRecord>> {
        let mut records = handover::log::read_newest_first(&self.directory.join("state"))?;
        records.reverse();
        Ok(records)
    }

    /// Ends every process of this try.
    pub(super) fn stop(&mut self) {
        if let Ok(program) = std::env::current_exe() {
            let mut agent = Command::new(program);
            agent
                .arg0("floe")
                .args(["agent", "--stop"])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            self.surround(&mut agent, "submit");
            // Without an answer the agent is gone already, or leaves when it is idle.
            let _gone = agent.status();
        }
        for child in &mut self.children {
            // Both fail only for a process that has ended.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
        self.children.clear();
    }

    fn spawn_daemon<const N: usize>(
        &mut self,
        name: &str,
        scheduler: &str,
        more: [&str; N],
    ) -> anyhow::Result<()> {
        let base = self.directory.join(name);
        fs::create_dir_all(&base)?;
        let base = base.to_string_lossy().into_owned();
        let common = ["-N", name, "-s", scheduler, "-b", &base];
        let arguments: Vec<&str> = common.into_iter().chain(more).collect();
        self.launch("daemon", name, &arguments)
    }

    fn spawn<const N: usize>(&mut self, service: &str, arguments: [&str; N]) -> anyhow::Result<()> {
        self.launch(service, service, &arguments)
    }

    fn launch(&mut self, service: &str, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let log = File::create(self.directory.join(format!("{name}.log")))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg0("floe")
            .arg(service)
            .args(["-i", "lo"])
            .args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.surround(&mut command, name);
        self.children.push(
            command
                .spawn()
                .with_context(|| format!("floe {service} cannot be started"))?,
        );
        Ok(())
    }

    /// Sets everything that keeps this cluster apart from others.
    fn surround(&self, command: &mut Command, host: &str) {
        command
            .env(
                variable::TEST_SOCKET,
                self.directory.join(format!("{host}.socket")),
            )
            .env(variable::FLOE_RUNTIME_DIR, self.directory.join("run"))
            .env(variable::FLOE_STATE_DIR, self.directory.join("state"))
            .env(variable::FLOE_CACHE_DIR, self.directory.join("cache"))
            .env(variable::FLOE_AGENT_IDLE, "20")
            // Both executors are at 127.0.0.1, which otherwise means "compile it yourself".
            .env(variable::TEST_REMOTEBUILD, "1")
            // Broadcasts stay on loopback.
            .env(variable::TESTS, "1");
        if let Ok(program) = std::env::current_exe() {
            command.env(variable::FLOE_PROGRAM, program);
        }
    }

    fn wait_until_ready(&mut self, scheduler: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    bail!(
                        "part of the cluster ended with {status}; its log is below\n{}",
                        self.logs()
                    );
                }
            }
            if status::usable_hosts(scheduler) >= usize::from(EXECUTORS) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!(
                    "the executors did not log in within {} s; the logs are below\n{}",
                    PATIENCE.as_secs(),
                    self.logs()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn logs(&self) -> String {
        let mut all = String::new();
        for name in ["scheduler", "executor1", "executor2", "submit"] {
            let text =
                fs::read_to_string(self.directory.join(format!("{name}.log"))).unwrap_or_default();
            all.push_str(&format!("--- {name}\n{text}"));
        }
        all
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Links the wrapper's names: to the static `icecc` beside this program, else to this program.
fn link_wrappers(links: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(links)?;
    let program = std::env::current_exe()?;
    let beside = program.with_file_name("icecc");
    let target = if beside.is_file() { beside } else { program };
    for name in LINKS {
        symlink(&target, links.join(name))
            .with_context(|| format!("{} cannot be linked", links.join(name).display()))?;
    }
    Ok(())
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A port whose successor is free too: the scheduler's control port is its own plus one.
fn free_port_pair() -> std::io::Result<u16> {
    for _ in 0..100 {
        let port = free_port()?;
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::other(
        "no two neighbouring TCP ports are free on 127.0.0.1",
    ))
}
