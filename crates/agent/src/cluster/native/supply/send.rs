//! One file on its way to one executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use job::Digest;
use membership::MemberId;
use tokio::time::timeout;
use toolchain::Contents;
use transport::bulk::{SendError, pack};
use transport::{Link, LinkError};
use wire::message::Blob;
use wire::name::Size;

use super::swarm::Index;
use super::{Supply, papers};

/// How long an executor may take nothing of a file before it is given up.
const TAKEN: Duration = Duration::from_secs(60);
/// When others need not wait for it any more.
const STALLED: Duration = Duration::from_secs(20);
/// Comparing and keeping a file.
const KEPT: Duration = Duration::from_secs(60);

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) contents: Arc<Contents>,
    pub(super) manifest: Digest,
    pub(super) file: Digest,
    pub(super) size: u64,
    pub(super) offset: u64,
}

/// Why a file is not there.
#[derive(Debug)]
pub(super) enum Unsent {
    /// It cannot be read here, or has changed: nobody can get it.
    Source(String),
    Refused(String),
}

impl From<LinkError> for Unsent {
    fn from(error: LinkError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Parcel {
    /// Until the executor has compared it; `stalls` is called if it takes nothing for a while.
    pub(super) async fn send(self, link: &Link, stalls: impl Fn()) -> Result<(), Unsent> {
        let went = AtomicU64::new(0);
        let watch = async {
            let mut before = 0;
            loop {
                tokio::time::sleep(STALLED).await;
                let now = went.load(Ordering::Relaxed);
                if now == before {
                    stalls();
                    return std::future::pending::<()>().await;
                }
                before = now;
            }
        };
        let sending = self.work(link, &went);
        tokio::select! {
            sent = sending => sent,
            () = watch => Ok(()),
        }
    }

    async fn work(self, link: &Link, went: &AtomicU64) -> Result<(), Unsent> {
        let (contents, file, offset) = (self.contents, self.file, self.offset);
        let opened = pack(move || papers::open(&contents, file, offset), true);
        let packed = opened
            .await
            .map_err(|error| Unsent::Source(error.to_string()))?;
        let number = |bytes| Size::new(bytes).unwrap_or(Size::MOST);
        let blob = Blob {
            manifest: self.manifest,
            file,
            offset: number(offset),
            size: number(self.size),
            packing: packed.packing,
        };
        let mut exchange = link.open(blob).await?;
        let told = |bytes| {
            went.fetch_add(bytes, Ordering::Relaxed);
        };
        match packed.send(&mut exchange, TAKEN, told).await {
            Ok(()) => {}
            Err(SendError::Source(error)) => return Err(Unsent::Source(error.to_string())),
            Err(SendError::Link(error)) => return Err(error.into()),
            Err(slow @ SendError::Slow(_)) => return Err(Unsent::Refused(slow.to_string())),
        }
        exchange.finish().await?;
        match timeout(KEPT, exchange.next()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(Unsent::Refused("something came back".to_owned())),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Unsent::Refused(format!("it was not kept within {KEPT:?}"))),
        }
    }
}

/// A file that others wait for as long as it moves.
pub(super) struct OnItsWay {
    supply: Arc<Supply>,
    executor: MemberId,
    index: Index,
    way: AtomicU8,
}

const MOVES: u8 = 0;
const STANDS: u8 = 1;
const OVER: u8 = 2;

impl OnItsWay {
    pub(super) fn new(supply: Arc<Supply>, executor: MemberId, index: Index) -> Self {
        Self {
            supply,
            executor,
            index,
            way: AtomicU8::new(MOVES),
        }
    }

    pub(super) fn stalls(&self) {
        if self.way.swap(STANDS, Ordering::Relaxed) == MOVES {
            self.supply.swarm().stalls(self.index);
            self.supply.changed.send_replace(());
        }
    }

    /// Who asks is to tell the swarm.
    pub(super) fn ends(&self) -> bool {
        self.way.swap(OVER, Ordering::Relaxed) == MOVES
    }
}

/// Given up on the way.
impl Drop for OnItsWay {
    fn drop(&mut self) {
        let way = self.way.load(Ordering::Relaxed);
        if way != OVER {
            let mut swarm = self.supply.swarm();
            swarm.sent(self.executor, self.index, way == MOVES, false);
        }
    }
}
