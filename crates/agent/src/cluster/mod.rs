//! The cluster as the agent sees it: a daemon on this host that grants slots and names executors,
//! and executors that compile.
//!
//! The rest of the agent speaks of slots, places, texts and results only. Today there is one
//! protocol behind it, [`icecream`]'s; another one is another module here and a choice in
//! [`Daemon::find`].

mod icecream;

use std::path::PathBuf;

use invocation::{Family, Language};
use job::Reason;

pub(crate) use self::icecream::{
    Daemon, Effort, PIECE_LEN, Piece, Places, Seat, Slot, Spares, own_platform,
};
use crate::toolbox::Gzipped;

/// An archive of a toolchain on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Where its programs run.
    pub(crate) platform: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The same for executors that cannot read it as it is; only we have several, no user's archive.
    pub(crate) gzipped: Option<Gzipped>,
}

/// What is asked for when an executor is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// One per platform that could run the job.
    pub(crate) toolchains: Vec<Toolchain>,
    /// For display.
    pub(crate) source: PathBuf,
    pub(crate) language: Language,
    pub(crate) weight_flags: u32,
    pub(crate) preferred_host: String,
    pub(crate) niceness: u32,
    /// An executor had too little for this job.
    pub(crate) much_memory: bool,
    /// How the archives are compressed, if the executor needs to know: `xz`, `zstd`.
    pub(crate) archive_compression: String,
}

/// Where a job may be compiled.
#[derive(Debug)]
pub(crate) enum Place {
    Elsewhere(Box<Seat>),
    /// On this host; the slot is granted.
    Here {
        slot: Slot,
        reason: Reason,
    },
}

/// What the executor compiles, besides the text.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) family: Family,
    pub(crate) language: Language,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) source: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) split_dwarf: bool,
}

/// What the remote compiler said and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) has_dwo: bool,
}

/// Why the cluster gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// Whether another executor may do better.
    pub(crate) retry: bool,
}

impl Failure {
    /// The executor or the way to it is at fault.
    pub(crate) fn elsewhere(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            retry: true,
        }
    }

    /// No executor would do better.
    pub(crate) fn here(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            retry: false,
        }
    }
}
