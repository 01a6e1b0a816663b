//! The lab itself: makes hosts, ends them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use anyhow::{Context, Result, bail};

use crate::cgroup::Cgroup;
use crate::holder::Holder;
use crate::host::{Form, Host, HostSpec, Inner, directories};
use crate::lab_dir::{LabDir, open_dir};
use crate::loadview::{Updater, View};
use crate::network::Switch;

/// Directories that each namespace host has for itself, with the part of its own directory that
/// takes their place.
const PRIVATE: [(&str, &str); 4] = [
    ("/run", "run"),
    ("/tmp", "tmp"),
    ("/var/tmp", "var-tmp"),
    ("/var/cache", "cache"),
];

/// Which form the hosts take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Network, mount, uts, pid and ipc namespaces: needs root.
    Namespaces,
    /// Directories, ports and environment variables on 127.0.0.1.
    Loopback,
}

impl Kind {
    /// Namespaces when this process may make them, else why it may not.
    pub fn namespaces_possible() -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("namespace hosts need root".into());
        }
        Holder::network().map(drop).map_err(|e| format!("{e:#}"))
    }
}

/// How a lab is to be made.
#[derive(Clone, Debug, Default)]
pub struct LabOptions {
    /// Where to put its directory; default `FLOE_LAB_DIR`, else `/var/tmp`.
    pub parent: Option<PathBuf>,
    /// Directories that hosts must see though they lie below `/run`, `/tmp`, `/var/tmp` or
    /// `/var/cache`. Always seen: the lab's own directory, the current directory, and cargo's
    /// target directory when this program is in one, since programs and trees under test are too.
    pub visible: Vec<PathBuf>,
}

/// A set of hosts. Dropping it ends all that runs on them.
pub struct Lab {
    kind: Kind,
    options: LabOptions,
    hosts: Vec<Host>,
    updater: Option<Updater>,
    switch: Option<Arc<Switch>>,
    directory: LabDir,
}

impl Lab {
    pub fn new(kind: Kind) -> Result<Self> {
        Self::with(kind, LabOptions::default())
    }

    pub fn with(kind: Kind, options: LabOptions) -> Result<Self> {
        if kind == Kind::Namespaces
            && let Err(why) = Kind::namespaces_possible()
        {
            bail!("{why}");
        }
        let directory = LabDir::create(options.parent.as_deref())?;
        open_dir(&directory.path().join("shared"))?;
        let (switch, updater) = match kind {
            Kind::Namespaces => (Some(Arc::new(Switch::create()?)), Some(Updater::start()?)),
            Kind::Loopback => (None, None),
        };
        Ok(Self {
            kind,
            options,
            hosts: Vec::new(),
            updater,
            switch,
            directory,
        })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A directory that all hosts see under the same path.
    pub fn shared(&self) -> PathBuf {
        self.directory.path().join("shared")
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of that name.
    pub fn get(&self, name: &str) -> Result<&Host> {
        self.hosts
            .iter()
            .find(|host| host.name() == name)
            .with_context(|| format!("the lab has no host {name:?}"))
    }

    /// Adds a host.
    pub fn host(&mut self, spec: &HostSpec) -> Result<Host> {
        let directory = directories(self.directory.path(), &spec.name)?;
        let inner = match self.kind {
            Kind::Loopback => Arc::new(Inner {
                name: spec.name.clone(),
                address: Ipv4Addr::LOCALHOST,
                mark: directory.display().to_string(),
                directory,
                started: AtomicU32::new(0),
                form: Form::Loopback,
            }),
            Kind::Namespaces => self.namespace_host(spec, directory)?,
        };
        let host = Host { inner };
        self.hosts.push(host.clone());
        Ok(host)
    }

    fn namespace_host(&self, spec: &HostSpec, directory: PathBuf) -> Result<Arc<Inner>> {
        let number = self.hosts.len() as u32 + 1;
        let [high, low] = u16::try_from(number)
            .context("too many hosts")?
            .to_be_bytes();
        let address = Ipv4Addr::new(10, 77, high, low);
        let view = View::create(&directory, spec.cpus)?;
        let mut setup = format!("hostname '{}'\n", spec.name);
        setup.push_str(&self.mounts(&directory));
        let cgroup = Cgroup::create(&format!("{}-{}", self.directory.name(), spec.name));
        if cgroup.is_ok() {
            setup.push_str(&View::mount(&directory));
        }
        let holder = Holder::host(&setup)?;
        let switch = self
            .switch
            .as_ref()
            .context("a loopback lab has no switch")?;
        let port = switch.connect(&holder, number, address, spec.link.as_ref())?;
        let inner = Arc::new(Inner {
            name: spec.name.clone(),
            address,
            mark: directory.display().to_string(),
            directory,
            started: AtomicU32::new(0),
            form: Form::Namespaces {
                mount_namespace: holder.mount_namespace(),
                holder: Mutex::new(Some(holder)),
                cgroup,
                port,
            },
        });
        if let Some(updater) = &self.updater {
            updater.add(&inner, view);
        }
        Ok(inner)
    }

    /// Shell text that puts the private directories in place, and back into them what must stay
    /// visible.
    fn mounts(&self, directory: &Path) -> String {
        let mut visible = self.options.visible.clone();
        visible.push(self.directory.path().to_owned());
        visible.extend(std::env::current_dir());
        visible.extend(build_directory());
        let mut text = String::new();
        for (point, part) in PRIVATE {
            let source = directory.join(part);
            for seen in visible.iter().filter_map(|path| path.canonicalize().ok()) {
                let Ok(rest) = seen.strip_prefix(point) else {
                    continue;
                };
                if rest.as_os_str().is_empty() {
                    continue;
                }
                // A program lies in a directory that is shown, or is shown alone.
                let inside = source.join(rest);
                let above = if seen.is_dir() {
                    Some(&*inside)
                } else {
                    inside.parent()
                };
                text.push_str(&format!(
                    "mkdir -p '{2}'\n[ -e '{0}' ] || touch '{0}'\nmount --bind '{1}' '{0}'\n",
                    inside.display(),
                    seen.display(),
                    above.unwrap_or(&source).display()
                ));
            }
            text.push_str(&format!("mount --rbind '{}' {point}\n", source.display()));
        }
        text
    }
}

/// The target directory that this program was built in, by the mark that cargo puts there.
fn build_directory() -> Option<PathBuf> {
    let me = std::env::current_exe().ok()?;
    let marked = |above: &&Path| above.join("CACHEDIR.TAG").is_file();
    me.ancestors().find(marked).map(Path::to_owned)
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.updater.take();
        for host in self.hosts.drain(..) {
            host.power_off();
        }
    }
}
