//! The ladder: the ways in which a host can run a foreign job, best first.

use std::fmt;

/// How jobs are kept apart from the host. Chosen when the helper starts, by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rung {
    /// Namespaces that an ordinary user may make; nobody needs root.
    Namespaces = 1,
    /// Namespaces made by a helper that kept root, where only root may make them.
    RootNamespaces = 2,
    /// A helper that kept root changes the root directory, as icecream does, where namespaces are
    /// forbidden to everyone.
    Chroot = 3,
    /// No view of its own: the job sees those files of this host that its toolchain consists of.
    /// Only for toolchains that are installed here at the same paths.
    Installed = 4,
}

impl Rung {
    /// For a daemon that is an ordinary user.
    pub const WITHOUT_ROOT: &[Self] = &[Self::Namespaces, Self::Installed];
    /// For a daemon that root started.
    pub const AS_ROOT: &[Self] = &[
        Self::Namespaces,
        Self::RootNamespaces,
        Self::Chroot,
        Self::Installed,
    ];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::AS_ROOT
            .iter()
            .copied()
            .find(|rung| *rung as u8 == number)
    }

    /// Whether any toolchain can be used, and not only those that this host has itself.
    pub fn takes_any_toolchain(self) -> bool {
        self != Self::Installed
    }

    /// Whether each job has mounts of its own, and with them a scratch directory in memory.
    pub fn has_mounts(self) -> bool {
        matches!(self, Self::Namespaces | Self::RootNamespaces)
    }

    /// Whether a process of root's starts the jobs, and drops to the job's user each time.
    pub(crate) fn keeps_root(self) -> bool {
        matches!(self, Self::RootNamespaces | Self::Chroot)
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Namespaces => "namespaces, without root",
            Self::RootNamespaces => "namespaces made by root",
            Self::Chroot => "chroot, without namespaces",
            Self::Installed => "Landlock and seccomp, without namespaces",
        })
    }
}
