//! Which walls stand between a job and the host.
//!
//! A daemon has no choice: [`Protection::full`] is what everything but tests uses. The tests take
//! walls away to show that an attack works then, so that each wall is known to hold something.

/// One wall. Most attacks meet several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Wall {
    /// The toolchain is all that a job sees of the host's files.
    Root,
    /// The toolchain cannot be changed.
    ReadOnly,
    /// Set-user-id bits mean nothing in the toolchain.
    NoSuid,
    /// Device nodes mean nothing in the toolchain.
    NoDevices,
    /// The job's processes see and signal no others, and end with the job.
    Processes,
    Network,
    /// A user namespace that holds no rights over the job's other namespaces.
    User,
    Capabilities,
    NoNewPrivileges,
    Landlock,
    Seccomp,
    /// The scratch directory holds no more than it may.
    Quota,
    /// The kernel's limits for each process.
    Limits,
    /// The memory of all processes of a job together.
    Memory,
    /// No descriptor of the daemon's reaches a job.
    Descriptors,
}

/// A set of walls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection(u32);

impl Protection {
    pub const fn full() -> Self {
        Self(u32::MAX)
    }

    /// For tests only.
    #[must_use]
    pub const fn without(self, wall: Wall) -> Self {
        Self(self.0 & !(1 << wall as u8))
    }

    /// For tests only.
    #[doc(hidden)]
    pub const fn has(self, wall: Wall) -> bool {
        self.0 & (1 << wall as u8) != 0
    }
}

impl Default for Protection {
    fn default() -> Self {
        Self::full()
    }
}
