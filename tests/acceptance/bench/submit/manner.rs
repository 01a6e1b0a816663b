//! The ways to distribute that are measured side by side, each with its cluster.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::{Cluster, DaemonSpec, LabOptions, Launch, LinkSpec, Process, Programs, Suite};

use crate::rig::{distccd, warm_up};

const EXECUTORS: [&str; 2] = ["executor1", "executor2"];

/// How compiles travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Icecc,
    Distcc,
    Text,
    Files,
}

impl Manner {
    pub(crate) const ALL: [Self; 4] = [Self::Icecc, Self::Distcc, Self::Text, Self::Files];

    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Icecc => "Debian icecc",
            Self::Distcc => "distcc",
            Self::Text => "floe, text",
            Self::Files => "floe, files",
        }
    }

    /// What stands behind `--way` to choose it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Icecc => "icecc",
            Self::Distcc => "distcc",
            Self::Text => "text",
            Self::Files => "files",
        }
    }

    fn suite(self) -> Suite {
        match self {
            Self::Icecc => Suite::Debian,
            _ => Suite::Floe,
        }
    }

    fn inputs(self) -> &'static str {
        match self {
            Self::Files => "headers",
            _ => "text",
        }
    }

    fn is_floe(self) -> bool {
        matches!(self, Self::Text | Self::Files)
    }
}

/// How large the executors are, and how far from the submit host.
pub(crate) struct Shape {
    pub(crate) slots: u32,
    pub(crate) link: Option<LinkSpec>,
}

/// Two executors and a submit host without slots.
pub(crate) struct Rig {
    pub(crate) manner: Manner,
    // Dropped before the lab that they run in.
    _distccds: Vec<Process>,
    pub(crate) cluster: Cluster,
    slots: u32,
}

impl Rig {
    /// Executors of two slots.
    pub(crate) fn new(manner: Manner, link: Option<LinkSpec>) -> Result<Self> {
        Self::shaped(manner, &Shape { slots: 2, link })
    }

    pub(crate) fn shaped(manner: Manner, shape: &Shape) -> Result<Self> {
        let suite = manner.suite();
        let builder = Cluster::builder().options(LabOptions {
            visible: vec![std::env::current_exe()?],
            ..LabOptions::default()
        });
        let mut builder = builder.scheduler(suite);
        if manner.is_floe() {
            builder = builder.members();
        }
        for name in EXECUTORS {
            builder = builder.executor(name, suite, shape.slots);
        }
        let submit = DaemonSpec {
            name: "submit".to_owned(),
            suite,
            slots: 0,
            submit_only: true,
            link: shape.link,
            arguments: Vec::new(),
        };
        let cluster = builder.daemon(submit).start()?;
        let distccds = match manner {
            Manner::Distcc => EXECUTORS
                .map(|name| distccd(&cluster, name, shape.slots))
                .into(),
            _ => Vec::new(),
        };
        let distccds = distccds.into_iter().collect::<Result<Vec<_>>>()?;
        if distccds.is_empty() {
            warm_up(&cluster, suite)?;
        }
        Ok(Self {
            manner,
            cluster,
            _distccds: distccds,
            slots: shape.slots,
        })
    }

    /// What stands before a compiler.
    pub(crate) fn wrapper(&self) -> Result<PathBuf> {
        Ok(match self.manner {
            Manner::Distcc => "/usr/bin/distcc".into(),
            manner => Programs::locate(manner.suite())?.client,
        })
    }

    /// A program on the submit host that starts compiles.
    pub(crate) fn client(&self, program: &Path) -> Result<Launch> {
        let launch = self
            .cluster
            .client("submit", self.manner.suite(), program)?;
        let launch = launch.env("FLOE_INPUTS", self.manner.inputs());
        if self.manner != Manner::Distcc {
            return Ok(launch);
        }
        let hosts = EXECUTORS.iter().map(|name| {
            let address = self.cluster.host(name)?.address();
            Ok(format!("{address}/{},lzo", self.slots))
        });
        let hosts = hosts.collect::<Result<Vec<_>>>()?;
        Ok(launch.env("DISTCC_HOSTS", hosts.join(" ")))
    }

    /// Processor seconds so far of the submit host, and of all hosts.
    pub(crate) fn cpu(&self) -> Result<(f64, f64)> {
        crate::builds::cpu(&self.cluster)
    }

    /// Bytes that left the submit host so far.
    pub(crate) fn up(&self) -> Result<f64> {
        let submit = self.cluster.host("submit").context("the submit host")?;
        Ok(crate::toolchain::uplink(submit)? as f64)
    }
}
