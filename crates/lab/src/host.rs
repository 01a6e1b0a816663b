//! One host of a lab.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cgroup::Cgroup;
use crate::holder::Holder;
use crate::launch::Launch;
use crate::network;

/// What a host is to be like.
#[derive(Clone, Debug)]
pub struct HostSpec {
    pub name: String,
    /// Processors that its load view pretends to have.
    pub cpus: u32,
    /// The link to the switch; `None` is a plain one, as fast as the machine.
    pub link: Option<LinkSpec>,
}

impl HostSpec {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cpus: 2,
            link: None,
        }
    }

    pub fn link(mut self, link: LinkSpec) -> Self {
        self.link = Some(link);
        self
    }
}

/// A link with delay, rate and loss, the same in both directions.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// One way.
    pub delay: Duration,
    /// Bits per second; `None` is unlimited.
    pub rate: Option<u64>,
    /// Share of frames lost, 0 to 1.
    pub loss: f64,
    /// Which frames are lost.
    pub seed: u64,
    /// A firewall in front of the host drops what would begin a connection to it.
    pub outbound_only: bool,
}

impl Default for LinkSpec {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            rate: None,
            loss: 0.0,
            seed: 1,
            outbound_only: false,
        }
    }
}

/// A handle on a host; the host itself lives as long as its lab.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    /// Below the lab's directory: `home`, `logs`, and what is mounted as `/tmp` and the like.
    pub(crate) directory: PathBuf,
    pub(crate) started: AtomicU32,
    pub(crate) form: Form,
    /// Marks processes of a loopback host in their environment.
    pub(crate) mark: String,
}

pub(crate) enum Form {
    Loopback,
    Namespaces {
        holder: Mutex<Option<Holder>>,
        mount_namespace: PathBuf,
        cgroup: Result<Cgroup, String>,
        /// The switch, to unplug the host from.
        port: network::Port,
    },
}

impl Inner {
    pub(crate) fn mount_namespace(&self) -> Option<&Path> {
        match &self.form {
            Form::Loopback => None,
            Form::Namespaces {
                mount_namespace, ..
            } => Some(mount_namespace),
        }
    }

    pub(crate) fn cgroup_door(&self) -> Option<PathBuf> {
        self.cgroup().ok().map(Cgroup::door)
    }

    fn cgroup(&self) -> Result<&Cgroup, &str> {
        match &self.form {
            Form::Loopback => Err("hosts of a loopback lab share one machine's accounting"),
            Form::Namespaces { cgroup, .. } => cgroup.as_ref().map_err(String::as_str),
        }
    }

    /// Does something inside the host's network, on a thread of its own.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match &self.form {
            Form::Loopback => work(),
            Form::Namespaces { holder, .. } => {
                match &*holder.lock().unwrap_or_else(PoisonError::into_inner) {
                    Some(holder) => holder.inside(work),
                    None => bail!("host {} is switched off", self.name),
                }
            }
        }
    }
}

impl Host {
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its address on the lab's network; 127.0.0.1 on a loopback lab.
    pub fn address(&self) -> Ipv4Addr {
        self.inner.address
    }

    /// Whether this is a loopback host.
    pub fn is_loopback(&self) -> bool {
        matches!(self.inner.form, Form::Loopback)
    }

    /// The home directory of what runs here.
    pub fn home(&self) -> PathBuf {
        self.inner.directory.join("home")
    }

    /// Where output of programs is kept.
    pub fn logs(&self) -> PathBuf {
        self.inner.directory.join("logs")
    }

    /// What the host sees as `/tmp`, as this process sees it.
    pub fn tmp(&self) -> PathBuf {
        self.inner.directory.join("tmp")
    }

    /// What the host sees as `/run`, as this process sees it: where sockets of daemons are.
    pub fn run(&self) -> PathBuf {
        self.inner.directory.join("run")
    }

    /// What the host sees as `/var/tmp`, as this process sees it.
    pub fn var_tmp(&self) -> PathBuf {
        self.inner.directory.join("var-tmp")
    }

    /// A program to start here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Launch {
        Launch::new(self, program.as_ref())
    }

    /// A shell command line to run here.
    pub fn shell(&self, text: &str) -> Launch {
        self.command("sh").arg("-c").arg(text)
    }

    /// CPU time of everything that ran here so far.
    pub fn cpu(&self) -> Result<Duration> {
        match self
            .inner
            .cgroup()
            .and_then(|cgroup| cgroup.cpu().map_err(|_| "it went away"))
        {
            Ok(time) => Ok(time),
            Err(why) => bail!("no CPU accounting for host {}: {why}", self.name()),
        }
    }

    /// Ids of the processes that run here now, as this process sees them.
    pub fn processes(&self) -> Vec<i32> {
        match self.inner.cgroup() {
            Ok(cgroup) => cgroup.members(),
            Err(_) => crate::process::marked(&self.inner.mark),
        }
    }

    /// Does something on a thread of its own inside the host's network.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.inner.enter(work)
    }

    /// Sends a signal to one of [`Host::processes`].
    pub fn kill(&self, pid: i32, signal: crate::Signal) {
        crate::process::kill(pid, signal);
    }

    /// Ends every program that runs here, at once and without warning.
    pub fn kill_all(&self) {
        match self.inner.cgroup() {
            Ok(cgroup) => cgroup.kill(),
            Err(_) => {
                for pid in self.processes() {
                    crate::process::kill(pid, crate::Signal::KILL);
                }
            }
        }
    }

    /// The host and its network vanish, like a machine that loses power.
    pub fn power_off(&self) {
        self.kill_all();
        if let Form::Namespaces { holder, .. } = &self.inner.form {
            holder.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Takes the host's cable out: packets get lost, nobody is told.
    pub fn unplug(&self) -> Result<()> {
        self.port()?.set(false)
    }

    /// Puts the cable back.
    pub fn plug(&self) -> Result<()> {
        self.port()?.set(true)
    }

    fn port(&self) -> Result<&network::Port> {
        match &self.inner.form {
            Form::Namespaces { port, .. } => Ok(port),
            Form::Loopback => bail!("a loopback host has no cable"),
        }
    }

    /// The variables of a clean login on this host.
    pub(crate) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut set = |name: &str, value: &OsStr| all.insert(name.into(), value.to_owned());
        set(
            "PATH",
            "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".as_ref(),
        );
        set("HOME", self.home().as_os_str());
        set("LC_ALL", "C.UTF-8".as_ref());
        set("FLOE_LAB", self.inner.mark.as_ref());
        if self.is_loopback() {
            let run = self.inner.directory.join("run");
            set("TMPDIR", self.tmp().as_os_str());
            set("FLOE_RUNTIME_DIR", run.as_os_str());
            set("FLOE_STATE_DIR", self.home().join("state").as_os_str());
            set("FLOE_CACHE_DIR", self.home().join("cache").as_os_str());
            set("ICECC_TEST_SOCKET", run.join("iceccd.socket").as_os_str());
            // Hosts of this lab share the address 127.0.0.1, which else means "not remote".
            set("ICECC_TEST_REMOTEBUILD", "1".as_ref());
            // Broadcasts stay on loopback.
            set("ICECC_TESTS", "1".as_ref());
        }
        all
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if matches!(self.form, Form::Loopback) {
            crate::process::sweep(&self.mark);
        }
    }
}

/// Makes the directories of a host.
pub(crate) fn directories(lab: &Path, name: &str) -> Result<PathBuf> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        bail!("{name:?} is not a host name: letters, digits and `-` only");
    }
    let directory = lab.join(name);
    std::fs::create_dir(&directory)
        .with_context(|| format!("cannot make a host named {name:?}"))?;
    for part in ["home", "logs", "run", "tmp", "var-tmp", "cache"] {
        crate::lab_dir::open_dir(&directory.join(part))?;
    }
    Ok(directory)
}
