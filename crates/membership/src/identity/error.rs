//! What can go wrong with a member's files and an authority's answers.

use crate::disk::DiskError;
use crate::key::{NoEntropy, NoKey};
use crate::name::ClusterName;
use crate::tls::TlsError;
use crate::trust::Distrust;

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// This host's fault; the message says what to do.
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(
        "this host is no member of a cluster: `floe join LINE`, with a line that `floe cluster invite` printed, makes it one"
    )]
    Missing,
    #[error("{path} cannot be used: {why}; `floe join` again", path = path.display())]
    Damaged {
        path: std::path::PathBuf,
        why: String,
    },
    #[error(
        "this host is a member of the cluster {0} already; leave it first, or use another --directory"
    )]
    Member(ClusterName),
    /// The authority's fault, or of who claims to be it. Nothing was stored.
    #[error("the authority's answer is not usable: {0}")]
    Answer(&'static str),
    #[error("the authority's answer is not believed: {0}")]
    Distrust(#[from] Distrust),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// This program's fault, or the kernel's.
    #[error("{0}")]
    Failed(String),
}

impl From<NoEntropy> for IdentityError {
    fn from(error: NoEntropy) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<NoKey> for IdentityError {
    fn from(error: NoKey) -> Self {
        Self::Failed(error.to_string())
    }
}
