//! What can go wrong at the authority.

use std::path::PathBuf;

use crate::disk::DiskError;
use crate::join::Refusal;
use crate::key::NoEntropy;
use crate::mint::MintError;
use crate::time;
use crate::tls::TlsError;

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// This host's fault; the message says what to do.
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{path} holds the authority of a cluster already; use another --directory for a second cluster", path = path.display())]
    Exists { path: PathBuf },
    #[error("there is no cluster's authority in {path}; `floe cluster create` makes one, on one host of a cluster", path = path.display())]
    Missing { path: PathBuf },
    #[error("{path} cannot be used: {why}; restore the directory from a copy, or create a new cluster", path = path.display())]
    Damaged { path: PathBuf, why: String },
    /// The asker's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("there is no member {0}; `floe cluster members` lists them")]
    NoSuchMember(String),
    #[error("{0} was revoked already; `floe cluster members` lists it")]
    RevokedBefore(String),
    #[error("several members are called {0}; use the id, as `floe cluster members` lists it")]
    Ambiguous(String),
    #[error("the last rotation's overlap lasts until {end}; wait for that, or use --overlap 0, after which every host has to join again", end = time::stamp(*.until))]
    Overlapping { until: u64 },
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// This program's fault, or the kernel's.
    #[error("{0}")]
    Failed(String),
}

impl From<NoEntropy> for AuthorityError {
    fn from(error: NoEntropy) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<MintError> for AuthorityError {
    fn from(error: MintError) -> Self {
        Self::Failed(error.to_string())
    }
}
