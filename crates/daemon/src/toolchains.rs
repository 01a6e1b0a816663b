//! Toolchains that other hosts sent: the store's blocking work on threads of its own, and several
//! clients that send the same one at the same time.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use icecream::Environment;
use job::Digest;
use membership::MemberId;
use store::{Options, Store, StoreError, Usage};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use toolchain::{
    Identity, InstallError, Installed, Lease, Limits, Manifest, OpenError, Presence, identity_of,
};

use crate::config::Config;
use crate::executor::Toolchain;
use crate::proved::Proved;
use crate::shop::Entry;

/// Pieces of an archive between the connection and the thread that unpacks.
const PIECES: usize = 8;
/// How long it is remembered why a toolchain was not installed, and for how many.
const REFUSED: Duration = Duration::from_secs(600);
const MOST_REFUSED: usize = 64;

pub(crate) struct Toolchains {
    installed: Installed,
    /// What is being received; each closes when that is over.
    arriving: Arc<Mutex<HashMap<Entry, watch::Receiver<()>>>>,
    refused: Arc<Mutex<HashMap<Entry, Refusal>>>,
    /// They are called by their content, as among members; else as their senders like.
    by_content: bool,
    /// Told when the list is another one, by those who are no clients of the desk.
    pub(crate) changed: Notify,
    pub(crate) proved: Arc<Proved>,
}

/// Why a toolchain was not installed when it was sent last.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(crate) text: String,
    /// It would be refused again: it makes no sense, or is too large for this host.
    pub(crate) is_final: bool,
    at: Instant,
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
    /// Of the files that are here, whatever they were called when they came.
    pub(crate) fn identity(&self) -> Identity {
        self.lease.identity
    }

    pub(crate) fn toolchain(&self) -> Toolchain {
        Toolchain {
            root: self.lease.root.clone(),
            identity: Some(self.lease.identity),
        }
    }
}

impl Toolchains {
    /// Reads which toolchains the store has.
    pub(crate) async fn open(store: Store, by_content: bool) -> Self {
        let (installed, proved) = run_blocking(move || {
            let proved = Proved::load(store.root());
            (Installed::new(store), Arc::new(proved))
        })
        .await;
        tracing::debug!("{} toolchains are installed", installed.list().len());
        Self {
            installed,
            arriving: Arc::default(),
            refused: Arc::default(),
            by_content,
            changed: Notify::new(),
            proved,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.installed.store()
    }

    /// A member has sent all of a toolchain, or has proved to have it.
    pub(crate) async fn has_shown(&self, member: MemberId, identity: Digest) {
        let proved = Arc::clone(&self.proved);
        run_blocking(move || proved.add(member, identity)).await;
    }

    /// Reads an archive only to see what it is: the toolchain is here already.
    pub(crate) fn compare(&self, entry: &Entry) -> Arriving {
        let (name, bytes) = (entry.name.to_string(), self.usage().limit);
        let limits = Limits {
            bytes,
            ..Limits::default()
        };
        Arriving::start(move |reader| identity_of(reader, &name, limits))
    }

    /// Makes a toolchain of files that came one by one.
    pub(crate) async fn assemble(
        &self,
        entry: &Entry,
        manifest: Manifest,
    ) -> Result<(), InstallError> {
        let (installed, to) = (self.installed.clone(), entry.clone());
        let made = run_blocking(move || installed.assemble(to.platform, to.name, &manifest)).await;
        note(&self.refused, entry, made.as_ref().err());
        made.map(drop)
    }

    /// What the scheduler is told.
    pub(crate) fn environments(&self) -> Vec<Environment> {
        let environment = |(platform, name): (job::Platform, job::EnvironmentName)| Environment {
            platform: platform.as_str().to_owned(),
            name: name.as_str().to_owned(),
        };
        self.installed.list().into_iter().map(environment).collect()
    }

    pub(crate) fn usage(&self) -> Usage {
        self.installed.store().usage()
    }

    /// Why nothing new should begin here: the disk is full.
    pub(crate) fn room(&self) -> Result<(), StoreError> {
        self.installed.store().room()
    }

    /// Keeps a toolchain for use; None when it is not here. Takes a moment at the first use after this
    /// machine was started: what a failure of power left is read before it is believed.
    pub(crate) async fn enter(&self, entry: &Entry) -> Option<InUse> {
        let lease = match self.installed.lookup(&entry.platform, &entry.name) {
            Presence::Ready(lease) => lease,
            Presence::Missing => return None,
            Presence::Unverified => {
                let (installed, entry) = (self.installed.clone(), entry.clone());
                run_blocking(move || installed.lease(&entry.platform, &entry.name)).await?
            }
        };
        Some(InUse {
            entry: entry.clone(),
            lease,
        })
    }

    /// Why a toolchain that was sent not long ago is not here.
    pub(crate) fn refusal(&self, entry: &Entry) -> Option<Refusal> {
        let refused = lock(&self.refused);
        let refusal = refused.get(entry)?;
        (refusal.at.elapsed() < REFUSED).then(|| refusal.clone())
    }

    /// Drops a toolchain that turned out to be broken.
    pub(crate) async fn remove(&self, broken: InUse) {
        let installed = self.installed.clone();
        run_blocking(move || {
            installed.remove(&broken.entry.platform, &broken.entry.name);
            drop(broken);
        })
        .await;
    }

    /// Drops a toolchain that does not fit this host, and remembers why.
    pub(crate) async fn refuse(&self, unfit: InUse, why: String) {
        let refusal = Refusal {
            text: why,
            is_final: true,
            at: Instant::now(),
        };
        remember(&self.refused, unfit.entry.clone(), refusal);
        self.remove(unfit).await;
    }

    /// A client is about to send a toolchain.
    pub(crate) fn arrive(&self, entry: &Entry) -> Ticket {
        let mut arriving = lock(&self.arriving);
        if let Some(other) = arriving.get(entry) {
            return Ticket::Taken(Other(other.clone()));
        }
        if let Err(full) = self.room() {
            let error = InstallError::Store(entry.name.to_string(), full);
            note(&self.refused, entry, Some(&error));
            return Ticket::Refused(error);
        }
        let installing = match self
            .installed
            .begin_install(entry.platform.clone(), entry.name.clone())
        {
            Ok(installing) if self.by_content => installing.by_content(),
            Ok(installing) => installing,
            Err(InstallError::Present(_)) => return Ticket::Present,
            Err(error) => return Ticket::Refused(error),
        };
        let (over, others) = watch::channel(());
        arriving.insert(entry.clone(), others);
        let place = Place {
            entry: entry.clone(),
            arriving: Arc::clone(&self.arriving),
            refused: Arc::clone(&self.refused),
            _over: over,
        };
        let mut installing = installing;
        Ticket::Yours(Arriving::start(move |reader| {
            let outcome = installing.unpack(reader).and_then(|_| installing.commit());
            note(&place.refused, &place.entry, outcome.as_ref().err());
            // Those who wait look again after this.
            drop(place);
            outcome
        }))
    }
}

/// A toolchain on its way from a connection to the disk. Dropping it removes what has arrived.
pub(crate) struct Arriving {
    pieces: mpsc::Sender<Piece>,
    done: oneshot::Receiver<Result<Identity, InstallError>>,
}

enum Piece {
    Data(Vec<u8>),
    /// All has arrived. Without it the transfer broke off.
    End,
}

impl Arriving {
    fn start(work: impl FnOnce(Reader) -> Result<Identity, InstallError> + Send + 'static) -> Self {
        let (pieces, inbox) = mpsc::channel(PIECES);
        let (result, done) = oneshot::channel();
        spawn_blocking(move || {
            let reader = Reader {
                inbox,
                piece: Vec::new(),
                at: 0,
                ended: false,
            };
            let outcome = work(reader);
            let _client_is_gone = result.send(outcome);
        });
        Self { pieces, done }
    }

    /// Waits for room. When unpacking has failed already, the piece is thrown away.
    pub(crate) async fn push(&mut self, data: Vec<u8>) {
        let _failed = self.pieces.send(Piece::Data(data)).await;
    }

    /// Waits until the toolchain is installed, or is known not to be.
    pub(crate) async fn finish(self) -> Result<Identity, InstallError> {
        let _failed = self.pieces.send(Piece::End).await;
        drop(self.pieces);
        match self.done.await {
            Ok(outcome) => outcome,
            Err(_) => Err(InstallError::Busy(
                "(whose thread failed: an internal error)".to_owned(),
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
    refused: Arc<Mutex<HashMap<Entry, Refusal>>>,
    _over: watch::Sender<()>,
}

/// Remembers what became of a toolchain.
fn note(refused: &Mutex<HashMap<Entry, Refusal>>, entry: &Entry, error: Option<&InstallError>) {
    let Some(error) = error else {
        lock(refused).remove(entry);
        return;
    };
    let refusal = Refusal {
        text: error.to_string(),
        is_final: error.is_final(),
        at: Instant::now(),
    };
    remember(refused, entry.clone(), refusal);
}

fn remember(refused: &Mutex<HashMap<Entry, Refusal>>, entry: Entry, refusal: Refusal) {
    let mut refused = lock(refused);
    refused.remove(&entry);
    refused.retain(|_, refusal| refusal.at.elapsed() < REFUSED);
    if refused.len() < MOST_REFUSED {
        refused.insert(entry, refusal);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.arriving).remove(&self.entry);
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

/// Opens the store below the base directory, and logs what an earlier daemon left there.
pub(crate) async fn open_store(config: &Config) -> Result<Store, OpenError> {
    let (base, limit) = (config.base_dir.clone(), config.cache_limit_bytes);
    let (store, found) = run_blocking(move || Store::open(&base, Options::new(limit))).await?;
    for path in &found.foreign {
        tracing::warn!("{} is not floe's: it is left alone", path.display());
    }
    let Usage { limit, used, .. } = store.usage();
    let (place, swept) = (store.root().display(), found.swept.len());
    tracing::info!("{place} holds {used} bytes of {limit}");
    tracing::debug!(
        "{swept} leftovers removed, {} files and trees to be verified",
        found.doubtful
    );
    Ok(store)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` where waiting hurts nobody.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(value) => value,
        // The work is never cancelled, so it panicked: as if it had been called here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
