//! A file that a member sends.

use std::time::Duration;

use membership::Peer;
use transport::Exchange;
use wire::ResetCode;
use wire::message::Blob;

use super::Supply;
use super::assembly::{Assembly, Coming, NotWanted};
use super::landing::{Broken, Landing};

/// The longest silence within a file.
const QUIET: Duration = Duration::from_secs(30);

impl Supply {
    /// Takes a file of a toolchain that this member has offered.
    pub(super) async fn blob(&self, peer: &Peer, blob: Blob, mut exchange: Exchange) {
        let Some(assembly) = self.assembly(&(peer.member, blob.manifest)) else {
            return exchange.reset(ResetCode::OUT_OF_PLACE);
        };
        let Some(_room) = self.coming.take(peer.member).await else {
            return exchange.reset(ResetCode::BUSY);
        };
        let (offset, size) = (blob.offset.get(), blob.size.get());
        let mut coming = match assembly.bring(blob.file, offset, Some(size)) {
            Ok(coming) => coming,
            Err(NotWanted::There) => return exchange.reset(ResetCode::CANCELLED),
            Err(NotWanted::Foreign) => return exchange.reset(ResetCode::INVALID_FIELD),
        };
        let took = self
            .take(&mut coming, &mut exchange, blob.packing, QUIET)
            .await;
        let code = match self.conclude(&assembly, coming, took).await {
            Ok(()) => {
                // A member that has gone sends it no more in any case.
                let _gone = exchange.finish().await;
                return;
            }
            Err(broken) => {
                tracing::debug!(
                    "file {} of {}'s toolchain did not come: {broken}",
                    blob.file,
                    peer.name
                );
                match broken {
                    Broken::Silent(_) | Broken::Slow => ResetCode::TOO_SLOW,
                    Broken::Wrong(_) => ResetCode::INVALID_FIELD,
                    Broken::Store(_) => ResetCode::FAILED,
                    Broken::Link(_) => return,
                }
            }
        };
        exchange.reset(code);
    }

    /// Takes a file's bytes, wherever they come from.
    pub(super) async fn take(
        &self,
        coming: &mut Coming<'_>,
        exchange: &mut Exchange,
        packing: wire::message::Packing,
        quiet: Duration,
    ) -> Result<Landing, (Option<Landing>, Broken)> {
        let landing = match coming.part.take() {
            Some(part) => part,
            None => Landing::begin(self.store(), coming.file.size)
                .await
                .map_err(|broken| (None, broken))?,
        };
        landing
            .take(exchange, packing, quiet, |bytes| coming.came(bytes))
            .await
    }

    /// Makes it a file of the store if it is what it was said to be.
    pub(super) async fn conclude(
        &self,
        assembly: &Assembly,
        coming: Coming<'_>,
        took: Result<Landing, (Option<Landing>, Broken)>,
    ) -> Result<(), Broken> {
        let failed = |broken: Broken| {
            if let Broken::Store(error) = &broken {
                assembly.fail(error.to_string());
            }
            Err(broken)
        };
        match took {
            Ok(landing) => match landing.finish(coming.digest, coming.file.executable).await {
                Ok(landed) => {
                    let (store, secrets) = (self.store().clone(), self.secrets.clone());
                    let digest = coming.digest;
                    super::blocking(move || secrets.add(&store, digest, landed.secret)).await;
                    coming.landed(landed.lease);
                    Ok(())
                }
                Err(broken) => failed(broken),
            },
            Err((part, broken)) => {
                coming.broke(part);
                failed(broken)
            }
        }
    }
}
