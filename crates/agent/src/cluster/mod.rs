//! The cluster as the agent sees it: a daemon on this host that grants slots and names executors,
//! and executors that compile.
//!
//! The rest of the agent speaks of slots, places, texts and results only. Behind it are two
//! protocols: [`icecream`]'s, by way of the daemon, and floe's own in clusters of members only
//! ([`native`]). Slots of this host are always the daemon's.

mod icecream;
mod native;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use invocation::{Family, Language};
use job::{Digest, Reason};
use toolchain::Contents;
use transport::Sent;

pub(crate) use transport::bulk as unpack;

pub(crate) use self::icecream::{
    Daemon, Effort, PIECE_LEN, Piece, Places, Slot, Spares, own_platform,
};
pub(crate) use self::native::{Access, Cluster, Clusters};
use crate::inputs::{Catalogue, Listing};
use crate::job::Chronicle;
use crate::outputs::{Targets, Writer};
use crate::text::Text;
use crate::toolbox::{Gzipped, Toolbox};

/// An archive of a toolchain on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Where its programs run.
    pub(crate) platform: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The same for executors that cannot read it as it is; only we have several, no user's archive.
    pub(crate) gzipped: Option<Gzipped>,
    /// What members call it. For a user's archive it is found out where members want to know it; the files
    /// themselves [`Toolbox::listing`] tells.
    pub(crate) manifest: Option<Digest>,
    /// Its files one by one, for executors that take them so; else the archive goes as a whole.
    pub(crate) contents: Option<Arc<Contents>>,
}

impl Toolchain {
    /// Its name in icecream's messages between members: whoever has it knows it by that, however users
    /// call their archives.
    pub(crate) fn name_among_members(&self) -> String {
        match self.manifest {
            Some(manifest) => manifest.to_string()[..32].to_owned(),
            None => self.name.clone(),
        }
    }
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

/// An executor that was found for a job.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "always in a box")]
pub(crate) enum Seat {
    Icecream(icecream::Seat),
    Native(native::Seat),
}

impl Seat {
    /// The executor's address, for display and to know it again.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Icecream(seat) => seat.host(),
            Self::Native(seat) => seat.host(),
        }
    }

    /// The executor's address, unless the scheduler made it up.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Icecream(seat) => seat.ip(),
            Self::Native(seat) => seat.ip(),
        }
    }

    /// How the text went, once the executor has answered, and if it was all that it was sent.
    pub(crate) fn sent(&self) -> Option<Sent> {
        match self {
            Self::Icecream(seat) => seat.sent(),
            Self::Native(seat) => seat.sent(),
        }
    }

    pub(crate) fn job_id(&self) -> u32 {
        match self {
            Self::Icecream(seat) => seat.job_id(),
            Self::Native(seat) => seat.job_id(),
        }
    }

    pub(crate) fn toolchain(&self) -> &Toolchain {
        match self {
            Self::Icecream(seat) => seat.toolchain(),
            Self::Native(seat) => seat.toolchain(),
        }
    }

    /// Sends the job and waits for the remote compiler's verdict. With status 0 its outputs follow:
    /// [`Seat::receive`].
    pub(crate) async fn compile(
        &mut self,
        work: &Work,
        text: &mut Text,
        targets: &Targets,
        chronicle: &mut Chronicle,
        toolbox: &Toolbox,
    ) -> Result<Verdict, Failure> {
        match self {
            Self::Icecream(seat) => seat.compile(work, text, chronicle, toolbox).await,
            Self::Native(seat) => seat.compile(work, text, targets, chronicle, toolbox).await,
        }
    }

    /// The outputs, all on this host and under no right name yet.
    pub(crate) async fn receive(
        &mut self,
        targets: &Targets,
        has_dwo: bool,
        chronicle: &mut Chronicle,
    ) -> Result<Writer, Failure> {
        match self {
            Self::Icecream(seat) => {
                chronicle.enter(job::Phase::Receive);
                seat.receive(targets, has_dwo).await
            }
            Self::Native(seat) => Ok(seat.receive(targets)),
        }
    }

    /// The result is in place.
    pub(crate) async fn succeeded(self) {
        match self {
            Self::Icecream(seat) => seat.succeeded().await,
            // The scheduler knows since the result came.
            Self::Native(_) => {}
        }
    }
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
    pub(crate) has_object: bool,
    pub(crate) split_dwarf: bool,
    /// Instead of a text.
    pub(crate) files: Option<Files>,
}

/// The files that a job reads, for executors that take files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) listing: Listing,
    pub(crate) catalogue: Arc<Mutex<Catalogue>>,
    /// Instead of those of [`Work`].
    pub(crate) arguments: Vec<Vec<u8>>,
    /// The working directory by the name that the compiler would give it.
    pub(crate) directory: PathBuf,
    /// What the compiler says there is what it would say here.
    pub(crate) speaks_alike: bool,
    /// `NAME=value`.
    pub(crate) environment: Vec<Vec<u8>>,
    /// What tells a compiler how to speak to the user's terminal, if it is to speak to one.
    pub(crate) terminal: Option<Vec<Vec<u8>>>,
    /// Rules for make are wanted.
    pub(crate) dependencies: bool,
    /// No object is wanted, or something beside it.
    pub(crate) other_outputs: bool,
}

/// What stands in files that were not sent: where it turns up, one of them was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker([u8; 32]);

impl Marker {
    pub(crate) const LENGTH: usize = 32;

    pub(crate) fn of(bytes: [u8; 16]) -> Self {
        let mut text = [0; Self::LENGTH];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        Self(text)
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, &self.0).is_some()
    }
}

/// What the remote compiler said and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) has_dwo: bool,
    pub(crate) has_dependencies: bool,
    /// It spoke to a terminal.
    pub(crate) at_terminal: bool,
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
