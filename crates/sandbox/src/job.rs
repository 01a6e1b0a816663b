//! What is asked of the sandbox, and what comes back.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Files, StartError};

/// One program to run.
#[derive(Debug)]
pub struct Job {
    pub view: View,
    pub scratch: Scratch,
    /// The program's path inside, then its arguments.
    pub arguments: Vec<CString>,
    /// `NAME=value`, complete: nothing is inherited.
    pub environment: Vec<CString>,
    /// Where the program starts, inside.
    pub directory: PathBuf,
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub limits: Limits,
}

/// What the job sees of this host's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// An installed toolchain (absolute host path). It becomes `/`, read-only. It has an empty
    /// directory `tmp`, and may have empty files `dev/null`, `dev/zero`, `dev/random` and
    /// `dev/urandom`, over which the host's devices are laid. There is no `/proc`, on any host:
    /// many kernels refuse it in a sandbox, and a compile must not depend on the host.
    ///
    /// What is mounted is remembered by device and inode: a directory that was deleted and made
    /// again is another toolchain, a changed one is not.
    Toolchain(PathBuf),
    /// The same, with the scratch directory at another place than `/tmp`: an empty directory of the
    /// tree's (absolute path inside), for trees whose `/tmp` is somebody's. For rungs whose jobs have
    /// mounts.
    Tree { root: PathBuf, scratch: PathBuf },
    /// Files and directories of this host (absolute paths) that can be read and executed where
    /// they are. For [`crate::Rung::Installed`].
    Installed(Vec<PathBuf>),
}

/// The only place where the job can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scratch {
    /// In memory, gone with the last descriptor of the job's [`Files`]. It becomes `/tmp`, unless the
    /// view says where. For rungs whose jobs have mounts.
    Memory {
        bytes: u64,
        /// Files and directories.
        files: u64,
        /// Made before the program starts: relative paths, parents before children.
        directories: Vec<PathBuf>,
    },
    /// A directory of this job alone (absolute host path, owned by the daemon's user). With
    /// [`crate::Rung::has_mounts`] it becomes `/tmp`; with [`crate::Rung::Chroot`] it lies in the
    /// toolchain.
    Directory(PathBuf),
}

impl Scratch {
    /// Where the job finds it.
    pub fn inside(&self, view: &View) -> PathBuf {
        match (self, view) {
            (_, View::Tree { scratch, .. }) => scratch.clone(),
            (Self::Directory(path), View::Toolchain(root)) => path
                .strip_prefix(root)
                .map_or_else(|_| PathBuf::from("/tmp"), |rest| Path::new("/").join(rest)),
            (Self::Directory(path), View::Installed(_)) => path.clone(),
            (Self::Memory { .. }, _) => PathBuf::from("/tmp"),
        }
    }
}

/// What one job may use. `None` keeps the daemon's own limit. Core files are always off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space of each process.
    pub address_space: Option<u64>,
    /// Bytes of memory of all processes and of the files in memory together. Looked at a few dozen
    /// times a second, so a job may have a little more for a moment. With a limit the caller is told
    /// what the job has.
    pub memory: Option<u64>,
    /// Bytes of a scratch directory on disk, which has no quota of its own, and of files without a
    /// name. Looked at as often.
    pub disk: Option<u64>,
    /// Bytes of the largest file.
    pub file_size: Option<u64>,
    /// Processes of the job, its init not counted.
    pub processes: Option<u64>,
    pub open_files: Option<u64>,
    /// Seconds of processor time of each process; then SIGXCPU, a second later SIGKILL.
    pub cpu_seconds: Option<u64>,
    /// Added to the daemon's own niceness.
    pub nice: u8,
    /// Runs only when nothing else wants the processor (SCHED_IDLE) or the disk.
    pub idle: bool,
}

/// How a job ended. When it arrives, no process of the job runs any more.
#[derive(Debug)]
pub struct Outcome {
    pub ended: Ended,
    pub usage: Usage,
    /// What the job left in a scratch directory in memory.
    pub files: Files,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The program's exit status, 0 to 255.
    Exited(i32),
    /// The number of the signal that killed the program.
    Signalled(i32),
    /// The job was killed because its processes used more memory than [`Limits::memory`]. It may
    /// work on a host with more.
    OutOfMemory,
    /// The job was killed because its files took more room than [`Limits::disk`].
    OutOfDisk,
    /// The program never ran.
    NotStarted(StartError),
}

/// What the program and the children that it waited for used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub user: Duration,
    pub system: Duration,
    /// Of the largest process.
    pub max_rss_kib: u64,
    /// Bytes that the whole job had at most, as far as it was looked at.
    pub peak_memory: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// From the program's start to its end.
    pub wall: Duration,
    /// From the init's first instruction to the program's start.
    pub set_up: Duration,
}
