//! A scheduler, daemons and clients on the hosts of a lab, from either suite in any mixture.

mod builder;
mod members;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use self::builder::{ClusterBuilder, DaemonSpec};
use self::members::Openness;
use crate::control::Control;
use crate::host::{Host, HostSpec};
use crate::launch::Launch;
use crate::ports::{Ports, free_ports};
use crate::process::{Process, Signal};
use crate::programs::Suite;
use crate::rig::{Kind, Lab, LabOptions};

/// The name of the host that the scheduler runs on.
pub const SCHEDULER: &str = "scheduler";
/// The network name of every cluster; hosts of different labs cannot hear each other anyway.
const NETNAME: &str = "lab";
/// How long a part may take to come up. The original looks for new connections seldom.
const READY: Duration = Duration::from_secs(60);

/// A running cluster.
pub struct Cluster {
    // Processes first: they are dropped before the lab.
    scheduler: Option<Process>,
    daemons: Vec<(DaemonSpec, Option<Process>)>,
    _authority: Option<Process>,
    control: Option<Control>,
    ports: Ports,
    builder: ClusterBuilder,
    lab: Lab,
}

impl Cluster {
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder {
            kind: Kind::Namespaces,
            options: LabOptions::default(),
            scheduler: Suite::Floe,
            scheduler_arguments: Vec::new(),
            daemons: Vec::new(),
            bare: Vec::new(),
            users: BTreeMap::new(),
            without_namespaces: BTreeSet::new(),
            floe: None,
            openness: Openness::All,
        }
    }

    fn start(mut builder: ClusterBuilder) -> Result<Self> {
        if let Ok(floe) = builder.programs(Suite::Floe) {
            let installed = floe.links.ancestors().nth(3).map(Path::to_owned);
            builder.options.visible.extend(installed);
        }
        let mut lab = Lab::with(builder.kind, builder.options.clone())?;
        lab.host(&HostSpec::new(SCHEDULER))?;
        for daemon in &builder.daemons {
            lab.host(&HostSpec {
                name: daemon.name.clone(),
                cpus: daemon.slots.max(2),
                link: daemon.link,
            })?;
        }
        for host in &builder.bare {
            lab.host(host)?;
        }
        let ports = match builder.kind {
            Kind::Namespaces => Ports {
                scheduler: 8765,
                daemons: vec![10245; builder.daemons.len()],
            },
            Kind::Loopback => free_ports(builder.daemons.len())?,
        };
        let daemons = builder
            .daemons
            .iter()
            .map(|spec| (spec.clone(), None))
            .collect();
        let mut cluster = Self {
            scheduler: None,
            daemons,
            _authority: None,
            control: None,
            ports,
            builder,
            lab,
        };
        cluster.found()?;
        cluster.start_scheduler()?;
        for name in cluster.names() {
            cluster.start_daemon(&name)?;
        }
        cluster.wait_ready()?;
        Ok(cluster)
    }

    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    pub fn host(&self, name: &str) -> Result<&Host> {
        self.lab.get(name)
    }

    /// Names of the daemons' hosts.
    pub fn names(&self) -> Vec<String> {
        self.daemons
            .iter()
            .map(|(spec, _)| spec.name.clone())
            .collect()
    }

    /// `HOST:PORT` of the scheduler.
    pub fn scheduler_address(&self) -> Result<(Ipv4Addr, u16)> {
        Ok((self.host(SCHEDULER)?.address(), self.ports.scheduler))
    }

    /// The port on which a daemon takes compiles.
    pub fn port(&self, name: &str) -> Result<u16> {
        Ok(self.ports.daemons[self.index(name)?])
    }

    /// Starts the scheduler, or starts it again.
    pub fn start_scheduler(&mut self) -> Result<()> {
        self.control = None;
        let service = self.builder.scheduler;
        let process = self
            .builder
            .service(self.host(SCHEDULER)?, service, SCHEDULER)?
            .args([
                "-p",
                &self.ports.scheduler.to_string(),
                "-n",
                NETNAME,
                "-vvv",
            ])
            .args(&self.builder.scheduler_arguments)
            .log("scheduler")
            .start()?;
        self.scheduler = Some(process);
        Ok(())
    }

    /// Starts a daemon, or starts it again.
    pub fn start_daemon(&mut self, name: &str) -> Result<()> {
        let index = self.index(name)?;
        let (address, port) = self.scheduler_address()?;
        let spec = &self.daemons[index].0;
        self.admit(name, spec.suite)?;
        let host = self.host(name)?;
        let mut launch = self
            .builder
            .service(host, spec.suite, "daemon")?
            .args(["-n", NETNAME, "-N", name, "-vvv"])
            .args(["-m", &spec.slots.to_string()])
            .args(["-s", &format!("{address}:{port}")])
            .args(["-p", &self.ports.daemons[index].to_string()])
            .args(&spec.arguments)
            .log("daemon");
        if spec.submit_only {
            launch = launch.arg("--no-remote");
        }
        if let Some(&(uid, gid)) = self.builder.users.get(name) {
            std::os::unix::fs::chown(self.host(name)?.home(), Some(uid), Some(gid))?;
            launch = launch.user(uid, gid);
        }
        if self.builder.kind == Kind::Loopback {
            launch = launch.arg("-b").arg(self.host(name)?.tmp().join("envs"));
        }
        self.daemons[index].1 = Some(launch.start()?);
        Ok(())
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.daemons
            .iter()
            .position(|(spec, _)| spec.name == name)
            .with_context(|| format!("the cluster has no daemon on {name:?}"))
    }

    /// The scheduler's process.
    pub fn scheduler(&mut self) -> Result<&mut Process> {
        self.scheduler
            .as_mut()
            .context("the scheduler was not started")
    }

    /// A daemon's process.
    pub fn daemon(&mut self, name: &str) -> Result<&mut Process> {
        let index = self.index(name)?;
        self.daemons[index]
            .1
            .as_mut()
            .with_context(|| format!("no daemon runs on {name:?}"))
    }

    /// `kill -9` of a daemon and of everything that it started on its host.
    pub fn kill_daemon(&mut self, name: &str) -> Result<()> {
        self.daemon(name)?.kill(Signal::KILL);
        self.host(name)?.kill_all();
        Ok(())
    }

    /// A session of the scheduler's control port, kept open: on the original a fresh one may have
    /// to wait for half a minute.
    pub fn control(&mut self) -> Result<&mut Control> {
        if self.control.is_none() {
            let host = self.host(SCHEDULER)?;
            let port = self.ports.scheduler + 1;
            let address = match self.builder.openness {
                Openness::Members => Ipv4Addr::LOCALHOST,
                Openness::All | Openness::Mixed => host.address(),
            };
            self.control = Some(Control::open(host, address, port, READY)?);
        }
        self.control.as_mut().context("no control session")
    }

    /// Waits until the scheduler lists every daemon that was started.
    pub fn wait_ready(&mut self) -> Result<()> {
        let names = self.names();
        let waited = self.control().and_then(|control| {
            control.wait_hosts(READY, "every daemon is logged in", |hosts| {
                names
                    .iter()
                    .all(|name| hosts.iter().any(|host| host.name == *name))
            })
        });
        if let Err(e) = waited {
            bail!("the cluster did not come up: {e:#}\n{}", self.logs());
        }
        Ok(())
    }

    /// The ends of all logs, for messages of failed tests.
    pub fn logs(&self) -> String {
        let parts = self
            .scheduler
            .iter()
            .chain(self.daemons.iter().filter_map(|(_, p)| p.as_ref()));
        let mut text = String::new();
        for process in parts {
            let log = process.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n");
            text.push_str(&format!(
                "--- {}\n{tail}\n",
                process.stderr_file().display()
            ));
        }
        text
    }

    /// A command to run on a host as a client of `suite`: its variables are set and `CC`, `CXX`
    /// name the compilers behind its wrapper.
    pub fn client(&self, host: &str, suite: Suite, program: impl AsRef<Path>) -> Result<Launch> {
        let programs = self.builder.programs(suite)?;
        let wrapper = programs.client.display();
        Ok(self
            .host(host)?
            .command(program.as_ref())
            .env("CC", format!("{wrapper} gcc"))
            .env("CXX", format!("{wrapper} g++"))
            .env("ICECC", wrapper.to_string()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}
