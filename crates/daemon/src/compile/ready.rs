//! What a compile needs of this host before it waits for a slot.

use crate::executor::Executor;
use crate::shop::{Entry, Shop};
use crate::toolchains::InUse;

/// Why a compile cannot even wait for a slot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unready {
    #[error("this host takes no compiles from other hosts")]
    Closed,
    /// It was sent here and not taken, and would not be taken again.
    #[error("{0}")]
    Unusable(String),
    #[error("{0}")]
    Missing(String),
}

impl Shop {
    /// What a compile needs of this host.
    pub(crate) async fn ready(&self, entry: &Entry) -> Result<(Executor, InUse), Unready> {
        let executor = self.executor.clone().ok_or(Unready::Closed)?;
        if let Some(toolchain) = self.toolchains.enter(entry).await {
            return Ok((executor, toolchain));
        }
        Err(match self.toolchains.refusal(entry) {
            Some(refusal) if refusal.is_final => Unready::Unusable(refusal.text),
            Some(refusal) => Unready::Missing(refusal.text),
            None => Unready::missing(entry),
        })
    }
}

impl Unready {
    /// It is not here, and nothing more is to be said of it.
    pub(crate) fn missing(entry: &Entry) -> Self {
        Self::Missing(format!(
            "toolchain {entry} is not executable, installed environment removed?"
        ))
    }
}
