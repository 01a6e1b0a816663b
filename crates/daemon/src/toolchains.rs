//! Toolchains that other hosts sent: the store's blocking work on threads of its own, and several
//! clients that send the same one at the same time.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icecream::Environment;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use toolchain::{InstallError, Installed, Installing, Lease, OpenError};

use crate::config::Config;
use crate::shop::Entry;

/// Pieces of an archive between the connection and the thread that unpacks.
const PIECES: usize = 8;
/// How long a daemon that is ending may still hold the directory.
const PREDECESSOR: Duration = Duration::from_secs(3);

pub(crate) struct Toolchains {
    store: Installed,
    /// What is being received; each closes when that is over.
    arriving: Arc<Mutex<HashMap<Entry, watch::Receiver<()>>>>,
}

/// What a client that sends a toolchain is to do.
pub(crate) enum Ticket {
    Yours(Arriving),
    /// Somebody else is sending it.
    Taken(Other),
    /// It is here already.
    Present,
    Refused(InstallError),
}

/// A toolchain that is in use, and stays while it is.
pub(crate) struct InUse {
    entry: Entry,
    lease: Lease,
}

impl InUse {
    pub(crate) fn root(&self) -> &Path {
        &self.lease.root
    }
}

impl Toolchains {
    /// Opens the store, and logs what an earlier daemon left there.
    pub(crate) async fn open(config: &Config) -> Result<Self, OpenError> {
        let began = tokio::time::Instant::now();
        let store = loop {
            let (base, limit) = (config.base_dir.clone(), config.cache_limit_bytes);
            let opened = run_blocking(move || Installed::open(&base, limit)).await;
            match opened {
                Err(OpenError::InUse { .. }) if began.elapsed() < PREDECESSOR => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                opened => break opened?,
            }
        };
        let (store, found) = store;
        tracing::debug!("toolchains: {} installed, {found:?}", store.list().len());
        Ok(Self {
            store,
            arriving: Arc::default(),
        })
    }

    /// What the scheduler is told.
    pub(crate) fn environments(&self) -> Vec<Environment> {
        let environment = |(platform, name): (job::Platform, job::EnvironmentName)| Environment {
            platform: platform.as_str().to_owned(),
            name: name.as_str().to_owned(),
        };
        self.store.list().into_iter().map(environment).collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// Keeps a toolchain for use; None when it is not here.
    pub(crate) fn enter(&self, entry: &Entry) -> Option<InUse> {
        let lease = self.store.lease(&entry.platform, &entry.name)?;
        Some(InUse {
            entry: entry.clone(),
            lease,
        })
    }

    /// Drops a toolchain that turned out to be broken.
    pub(crate) async fn remove(&self, broken: InUse) {
        let store = self.store.clone();
        run_blocking(move || {
            store.remove(&broken.entry.platform, &broken.entry.name);
            drop(broken);
        })
        .await;
    }

    /// A client is about to send a toolchain.
    pub(crate) fn arrive(&self, entry: &Entry) -> Ticket {
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = arriving.get(entry) {
            return Ticket::Taken(Other(other.clone()));
        }
        let installing = match self
            .store
            .begin_install(entry.platform.clone(), entry.name.clone())
        {
            Ok(installing) => installing,
            Err(InstallError::Present(_)) => return Ticket::Present,
            Err(error) => return Ticket::Refused(error),
        };
        let (over, others) = watch::channel(());
        arriving.insert(entry.clone(), others);
        let place = Place {
            entry: entry.clone(),
            arriving: Arc::clone(&self.arriving),
            _over: over,
        };
        Ticket::Yours(Arriving::start(installing, place))
    }
}

/// A toolchain on its way from a connection to the disk. Dropping it removes what has arrived.
pub(crate) struct Arriving {
    pieces: mpsc::Sender<Piece>,
    done: oneshot::Receiver<Result<(), InstallError>>,
}

enum Piece {
    Data(Vec<u8>),
    /// All has arrived. Without it the transfer broke off.
    End,
}

impl Arriving {
    fn start(mut installing: Installing, place: Place) -> Self {
        let (pieces, inbox) = mpsc::channel(PIECES);
        let (result, done) = oneshot::channel();
        spawn_blocking(move || {
            let reader = Reader {
                inbox,
                piece: Vec::new(),
                at: 0,
                ended: false,
            };
            let outcome = installing
                .unpack(reader)
                .and_then(|_| installing.commit())
                .map(drop);
            // Those who wait look again after this.
            drop(place);
            let _client_is_gone = result.send(outcome);
        });
        Self { pieces, done }
    }

    /// Waits for room. When unpacking has failed already, the piece is thrown away.
    pub(crate) async fn push(&mut self, data: Vec<u8>) {
        let _failed = self.pieces.send(Piece::Data(data)).await;
    }

    /// Waits until the toolchain is installed, or is known not to be.
    pub(crate) async fn finish(self) -> Result<(), InstallError> {
        let _failed = self.pieces.send(Piece::End).await;
        drop(self.pieces);
        match self.done.await {
            Ok(outcome) => outcome,
            Err(_) => Err(InstallError::Unusable(
                "(the thread that unpacked it failed)".to_owned(),
            )),
        }
    }
}

/// Another client's transfer of the same toolchain.
pub(crate) struct Other(watch::Receiver<()>);

impl Other {
    /// Waits until it is over, one way or the other.
    pub(crate) async fn ended(&self) {
        let mut over = self.0.clone();
        while over.changed().await.is_ok() {}
    }
}

/// An entry in the list of what is being received; goes with the transfer.
struct Place {
    entry: Entry,
    arriving: Arc<Mutex<HashMap<Entry, watch::Receiver<()>>>>,
    _over: watch::Sender<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.arriving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.entry);
    }
}

/// The pieces as one stream, for a thread that may wait.
struct Reader {
    inbox: mpsc::Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            match self.inbox.blocking_recv() {
                Some(Piece::Data(data)) => (self.piece, self.at) = (data, 0),
                Some(Piece::End) => self.ended = true,
                None => {
                    let why = "the transfer broke off";
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
                }
            }
        }
        let rest = &self.piece[self.at..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

/// Runs `work` where waiting hurts nobody.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(value) => value,
        // The work is never cancelled, so it panicked: as if it had been called here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
