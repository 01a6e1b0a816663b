//! What a cluster is to be made of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Cluster;
use super::members::Openness;
use crate::host::{HostSpec, LinkSpec};
use crate::programs::{Programs, Suite};
use crate::rig::{Kind, LabOptions};

/// One daemon and its host.
#[derive(Clone, Debug)]
pub struct DaemonSpec {
    pub name: String,
    pub suite: Suite,
    pub slots: u32,
    /// Takes no foreign jobs.
    pub submit_only: bool,
    pub link: Option<LinkSpec>,
    /// Further options.
    pub arguments: Vec<String>,
}

/// What a cluster is to be made of.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    pub(super) kind: Kind,
    pub(super) options: LabOptions,
    pub(super) scheduler: Suite,
    pub(super) scheduler_arguments: Vec<String>,
    pub(super) daemons: Vec<DaemonSpec>,
    /// Hosts on which nothing is started.
    pub(super) bare: Vec<HostSpec>,
    /// Who runs the daemon of a name, when it is not root.
    pub(super) users: BTreeMap<String, (u32, u32)>,
    /// Hosts that forbid user namespaces.
    pub(super) without_namespaces: BTreeSet<String>,
    pub(super) floe: Option<Programs>,
    pub(super) openness: Openness,
}

impl ClusterBuilder {
    /// Which programs are floe's, instead of those that `cargo xtask build` made.
    pub fn floe_programs(mut self, programs: Programs) -> Self {
        self.floe = Some(programs);
        self
    }

    pub(super) fn programs(&self, suite: Suite) -> Result<Programs> {
        match (suite, &self.floe) {
            (Suite::Floe, Some(programs)) => Ok(programs.clone()),
            _ => Programs::locate(suite),
        }
    }

    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Where the lab's directory goes, and what else its hosts must see.
    pub fn options(mut self, options: LabOptions) -> Self {
        self.options = options;
        self
    }

    pub fn scheduler(mut self, suite: Suite) -> Self {
        self.scheduler = suite;
        self
    }

    pub fn scheduler_arguments(mut self, arguments: &[&str]) -> Self {
        self.scheduler_arguments = arguments.iter().map(|&a| a.to_owned()).collect();
        self
    }

    /// A host that runs jobs of others, and its own.
    pub fn executor(self, name: &str, suite: Suite, slots: u32) -> Self {
        self.daemon(DaemonSpec {
            name: name.to_owned(),
            suite,
            slots,
            submit_only: false,
            link: None,
            arguments: Vec::new(),
        })
    }

    /// A host that only submits. With 0 slots it still runs one local job at a time.
    pub fn submitter(self, name: &str, suite: Suite, slots: u32) -> Self {
        self.daemon(DaemonSpec {
            name: name.to_owned(),
            suite,
            slots,
            submit_only: true,
            link: None,
            arguments: Vec::new(),
        })
    }

    pub fn daemon(mut self, spec: DaemonSpec) -> Self {
        self.daemons.push(spec);
        self
    }

    /// Gives the daemon added last a link with delay, rate and loss.
    pub fn link(mut self, link: LinkSpec) -> Self {
        if let Some(last) = self.daemons.last_mut() {
            last.link = Some(link);
        }
        self
    }

    /// Runs the daemon added last as an ordinary user, who owns the host's home; only a namespace
    /// host can do that.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        if let Some(last) = self.daemons.last() {
            self.users.insert(last.name.clone(), (uid, gid));
        }
        self
    }

    /// Runs the daemon added last, which [`Self::user`] has made an ordinary user's, as on a host
    /// that forbids user namespaces.
    pub fn without_user_namespaces(mut self) -> Self {
        let last = self.daemons.last().map(|last| last.name.clone());
        self.without_namespaces.extend(last);
        self
    }

    /// Makes the hosts, starts the programs and waits until the scheduler knows every daemon.
    pub fn start(self) -> Result<Cluster> {
        Cluster::start(self)
    }
}
