//! What can go wrong, whose fault it is, and whether trying again helps.

use std::io;
use std::path::{Path, PathBuf};

use job::Digest;
use rustix::io::Errno;

/// Why a directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its rights, or the disk: the operator's to mend.
    #[error("{} cannot be used: {source}; check its rights and the disk, or choose another directory with -b", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    /// Another process uses it; trying again helps when that one ends.
    #[error("{} is in use by {}; end that one, or choose another directory with -b", path.display(), owner(*pid))]
    InUse { path: PathBuf, pid: Option<u32> },
    /// A wrong directory, most likely.
    #[error("{} holds files that floe did not write, so nothing in it is touched; move it away or choose another directory with -b", path.display())]
    NotOurs { path: PathBuf },
    /// Somebody else could change what compilers are made of.
    #[error("{} {why}; correct that, or choose another directory with -b", path.display())]
    Exposed { path: PathBuf, why: &'static str },
    #[error("{} was written by a newer floe (version {version}); choose another directory with -b", path.display())]
    Newer { path: PathBuf, version: u32 },
}

fn owner(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("the daemon with process number {pid}"),
        None => "another daemon".to_owned(),
    }
}

/// Why something was not stored, or not found whole.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can never fit.
    #[error("{needed} bytes do not fit into a store of {limit}; raise --cache-limit")]
    TooLarge { needed: u64, limit: u64 },
    /// It fits when something that is in use, or was a moment ago, is no longer needed.
    #[error(
        "there is no room for {needed} bytes: the store may hold {limit}, and what it holds is in use; try later or raise --cache-limit"
    )]
    NoRoom { needed: u64, limit: u64 },
    /// The disk, or this user's share of it. May pass by itself.
    #[error("the disk is full: {} needs {needed} bytes more; free some space", path.display())]
    DiskFull { path: PathBuf, needed: u64 },
    /// This host's disk.
    #[error("{}: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    /// Whoever sent it.
    #[error("the content is not what it was said to be: {wanted} is wanted, {found} came")]
    Mismatch { wanted: Digest, found: Digest },
    /// Whoever sent it.
    #[error("a file has another length than was said: {wanted} bytes were announced")]
    Length { wanted: u64 },
    /// Whoever asked: the files must be stored first.
    #[error("{} files of the tree are not here, {} among them", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Missing(Vec<Digest>),
    /// Whoever made the list.
    #[error("the list of files is unusable: {path} {why}")]
    Entry { path: String, why: &'static str },
    /// A damaged tree of the same content is still in use.
    #[error(
        "a damaged tree of the same content is still in use; try again when its jobs have ended"
    )]
    Busy,
}

impl StoreError {
    /// Names the path, and tells a full disk from other trouble with it.
    pub(crate) fn disk(path: &Path, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.to_path_buf(), source.into());
        if is_full(&source) {
            return Self::DiskFull { path, needed: 1 };
        }
        Self::Disk { path, source }
    }

    /// This host is full at the moment; somebody else's fault is anything else.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::NoRoom { .. })
    }
}

/// No space, or no more of this user's share of it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT];
    error
        .raw_os_error()
        .is_some_and(|raw| full.contains(&Errno::from_raw_os_error(raw)))
}
