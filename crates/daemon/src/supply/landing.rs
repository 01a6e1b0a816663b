//! A file on its way from a stream into the store. What was cut off can go on.

use std::time::Duration;

use job::Digest;
use store::{Incoming as Draft, ObjectLease, Store, StoreError};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use toolchain::possession::{Fingerprints, Secret};
use transport::bulk::{Unpacker, Wrong};
use transport::{Exchange, Incoming, LinkError};
use wire::message::Packing;

use super::shares::Rate;

/// Packed bytes that are unpacked and written at a time.
const TOGETHER: usize = 128 << 10;

/// What is there of a file.
#[derive(Debug)]
pub(super) struct Landing {
    draft: Draft,
    prints: Fingerprints,
    size: u64,
    came: u64,
}

/// A file that is there.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) lease: ObjectLease,
    pub(super) secret: Secret,
}

/// Why not all of it came.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    #[error("it came too slowly")]
    Slow,
    /// The sender's fault.
    #[error("{0}")]
    Wrong(String),
    /// This host's disk, mostly.
    #[error(transparent)]
    Store(StoreError),
}

impl Broken {
    /// The bytes that came may be taken for right so far.
    fn keeps(&self) -> bool {
        matches!(self, Self::Link(_) | Self::Silent(_) | Self::Slow)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Mismatch { .. } | StoreError::Length { .. } => {
                Self::Wrong(error.to_string())
            }
            error => Self::Store(error),
        }
    }
}

impl From<Wrong> for Broken {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong.to_string())
    }
}

impl Landing {
    pub(super) async fn begin(store: &Store, size: u64) -> Result<Self, Broken> {
        let store = store.clone();
        let draft = blocking(move || store.begin(size)).await?;
        Ok(Self {
            draft,
            prints: Fingerprints::default(),
            size,
            came: 0,
        })
    }

    /// How much of it is there.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// Takes the rest from a stream, to its end. What can go on later is given back.
    pub(super) async fn take(
        mut self,
        exchange: &mut Exchange,
        packing: Packing,
        quiet: Duration,
        mut told: impl FnMut(u64),
    ) -> Result<Self, (Option<Self>, Broken)> {
        let mut unpacker = match Unpacker::new(packing, self.size - self.came) {
            Ok(unpacker) => unpacker,
            Err(wrong) => return Err((None, wrong.into())),
        };
        let mut packed = Vec::new();
        let mut rate = Rate::default();
        loop {
            let began = Instant::now();
            let next = match timeout(quiet, exchange.next()).await {
                Ok(Ok(Some(Incoming::Data(bytes)))) => {
                    rate.add(began.elapsed(), bytes.len());
                    packed.extend_from_slice(&bytes);
                    if rate.is_enough() {
                        Ok(false)
                    } else {
                        Err(Broken::Slow)
                    }
                }
                Ok(Ok(Some(Incoming::Message(_)))) => {
                    Err(Broken::Wrong("a message came within a file".to_owned()))
                }
                Ok(Ok(None)) => Ok(true),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(Broken::Silent(quiet)),
            };
            let ended = matches!(next, Ok(true) | Err(_));
            if packed.len() >= TOGETHER || (ended && !packed.is_empty()) {
                let bytes = std::mem::take(&mut packed);
                let before = self.came;
                let fed = blocking(move || {
                    let fed = self.feed(&mut unpacker, &bytes);
                    (self, unpacker, fed)
                });
                let fed = fed.await;
                (self, unpacker) = (fed.0, fed.1);
                if let Err(broken) = fed.2 {
                    return Err((None, broken));
                }
                told(self.came - before);
            }
            match next {
                Ok(false) => {}
                Ok(true) => match unpacker.finish() {
                    Ok(()) => return Ok(self),
                    Err(wrong) => return Err((None, wrong.into())),
                },
                Err(broken) => return Err((broken.keeps().then_some(self), broken)),
            }
        }
    }

    fn feed(&mut self, unpacker: &mut Unpacker, packed: &[u8]) -> Result<(), Broken> {
        let (draft, prints, came) = (&mut self.draft, &mut self.prints, &mut self.came);
        let fed = unpacker.feed(packed, &mut |plain| {
            prints.update(plain);
            draft.write(plain)?;
            *came += plain.len() as u64;
            Ok::<(), StoreError>(())
        });
        Ok(fed??)
    }

    /// Compares it with its digest and makes it a file of the store.
    pub(super) async fn finish(self, file: Digest, executable: bool) -> Result<Landed, Broken> {
        blocking(move || {
            let secret = self.prints.secret();
            let lease = self.draft.commit_as(file, executable)?;
            Ok(Landed { lease, secret })
        })
        .await
    }
}

/// Runs `work` where waiting hurts nobody.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(value) => value,
        // The work is never cancelled, so it panicked: as if it had been called here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
