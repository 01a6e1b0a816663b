//! Why there is no archive, in a form that can be remembered and repeated.

use std::path::{Path, PathBuf};

use crate::collect::{Cause, CollectError};
use crate::compiler::ProbeError;
use crate::pack::PackError;

/// Why a compiler's toolchain cannot be had. The compile runs locally; the next attempt after a
/// minute, or after the compiler changed, tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NativeError {
    /// The compiler's fault: it is incomplete or unreadable.
    #[error("{0}; compile runs locally")]
    Toolchain(String),
    /// The cache directory's fault.
    #[error(
        "toolchain cache {dir} cannot be used: {why}; check rights and free space or set FLOE_CACHE_DIR; compile runs locally"
    )]
    Cache { dir: PathBuf, why: String },
}

impl NativeError {
    pub(crate) fn probe(compiler: &Path, error: &ProbeError) -> Self {
        Self::Toolchain(format!(
            "toolchain for {} cannot be packed: {error}",
            compiler.display()
        ))
    }

    pub(super) fn unpackable(compiler: &Path, cause: &Cause) -> Self {
        Self::Toolchain(format!(
            "toolchain for {} cannot be packed: {cause}",
            compiler.display()
        ))
    }

    pub(crate) fn collect(error: &CollectError) -> Self {
        Self::Toolchain(error.to_string())
    }

    pub(super) fn pack(compiler: &Path, error: &PackError) -> Self {
        match error {
            PackError::Write { path, source } => {
                let dir = path.parent().unwrap_or(path).to_path_buf();
                Self::Cache {
                    dir,
                    why: source.to_string(),
                }
            }
            PackError::Read { .. } | PackError::Changed { .. } => Self::Toolchain(format!(
                "toolchain for {} cannot be packed: {error}",
                compiler.display()
            )),
        }
    }
}
