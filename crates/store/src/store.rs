//! The store as its owner sees it, and who may change what.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use job::Digest;

use crate::entry::{Entry, Key, Listing};
use crate::error::{OpenError, StoreError};
use crate::incoming::Incoming;
use crate::lease::{ObjectLease, TreeLease};
use crate::ledger::{Item, Ledger};
use crate::open::{Found, Options, open};
use crate::place::Place;

/// The order of use must survive a restart, not each use.
const TOUCH: Duration = Duration::from_secs(60);
/// How long a full disk is remembered.
const FULL: Duration = Duration::from_secs(10);

/// Files and trees by content. Clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) place: Place,
    /// Free disk space that is left to others.
    pub(crate) headroom: u64,
    /// Whoever makes something visible or removes something holds this. Files are written without it.
    changes: Mutex<()>,
    /// Never held during a call that may wait. Taken after `changes` if both are needed.
    ledger: Mutex<Ledger>,
    full: Mutex<Option<Instant>>,
}

/// Short: every lease shows it.
impl fmt::Debug for Inner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Store").field(&self.place.root()).finish()
    }
}

/// The right to change what is visible on disk.
pub(crate) type Changing<'a> = MutexGuard<'a, ()>;

/// What is known of a tree.
#[derive(Debug)]
pub enum Lookup {
    Ready(TreeLease),
    /// It must be verified first, by [`Store::verify_tree`].
    Unverified,
    Missing,
}

/// Bytes and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub limit: u64,
    /// On disk.
    pub used: u64,
    /// About to be written.
    pub reserved: u64,
    pub objects: usize,
    pub trees: usize,
}

impl Store {
    /// Takes possession of `<base>/floe`, made if it is not there, and of nothing else below `base`.
    pub fn open(base: &Path, options: Options) -> Result<(Self, Found), OpenError> {
        let place = Place::take(base, options.patience)?;
        let (ledger, found) = open(&place, options)?;
        let inner = Inner {
            place,
            headroom: options.headroom,
            changes: Mutex::default(),
            ledger: Mutex::new(ledger),
            full: Mutex::default(),
        };
        inner.fit(&inner.changing());
        let inner = Arc::new(inner);
        Ok((Self { inner }, found))
    }

    /// The store's directory. What its owner keeps there under names of its own is left alone.
    pub fn root(&self) -> &Path {
        self.inner.place.root()
    }

    /// Where jobs have their files. Empty when the store is opened, and not counted.
    pub fn scratch(&self) -> PathBuf {
        self.inner.place.part("scratch")
    }

    pub fn usage(&self) -> Usage {
        let ledger = self.inner.ledger();
        Usage {
            limit: ledger.limit(),
            used: ledger.used(),
            reserved: ledger.reserved(),
            objects: ledger.objects().count(),
            trees: ledger.trees().count(),
        }
    }

    /// Why nothing more should be written now, if so: the disk, or this user's share of it, was found
    /// full a moment ago.
    pub fn room(&self) -> Result<(), StoreError> {
        let recent = *lock(&self.inner.full);
        if recent.is_some_and(|at| at.elapsed() < FULL) {
            return Err(StoreError::DiskFull {
                path: self.root().to_path_buf(),
                needed: self.inner.headroom,
            });
        }
        Ok(())
    }

    /// Starts to store a file of exactly `size` bytes.
    pub fn begin(&self, size: u64) -> Result<Incoming, StoreError> {
        Incoming::begin(&self.inner, size)
    }

    /// Stores `bytes`.
    pub fn put(&self, bytes: &[u8], executable: bool) -> Result<ObjectLease, StoreError> {
        let mut incoming = self.begin(bytes.len() as u64)?;
        incoming.write(bytes)?;
        incoming.commit(executable)
    }

    /// Keeps a file from being dropped. None when it is not here, or has to be sent again.
    pub fn lease(&self, digest: Digest, executable: bool) -> Option<ObjectLease> {
        let key = Key { digest, executable };
        let changing = self.inner.changing();
        self.inner
            .usable(&changing, &key)
            .then(|| self.hold_object(key))
    }

    /// Gives files up that are not wanted after all: those that nobody else needs go at once.
    pub fn discard(&self, files: Vec<ObjectLease>) {
        let items: Vec<Item> = files.iter().map(ObjectLease::item).collect();
        drop(files);
        let changing = self.inner.changing();
        for item in items {
            let is_idle = self.inner.ledger().is_idle(item);
            if is_idle {
                self.inner.remove(&changing, item);
            }
        }
    }

    /// What a tree consists of, in an order in which it could be made.
    pub fn entries(&self, tree: &TreeLease) -> Option<Vec<Entry>> {
        self.inner
            .read_record(&tree.id())
            .map(Listing::into_entries)
    }

    /// Those of `digests` that are not here in any form.
    pub fn missing(&self, digests: &[Digest]) -> Vec<Digest> {
        let ledger = self.inner.ledger();
        let is_here = |digest: Digest| {
            [false, true]
                .iter()
                .any(|&executable| ledger.object(&Key { digest, executable }).is_some())
        };
        let mut missing: Vec<_> = digests.iter().copied().filter(|d| !is_here(*d)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Makes the tree `id` of files that are here, and keeps it. One that is there already is taken.
    pub fn build(&self, id: Digest, entries: Vec<Entry>) -> Result<TreeLease, StoreError> {
        self.inner.build(id, entries)
    }

    /// Keeps a tree from being dropped.
    pub fn lease_tree(&self, id: &Digest) -> Lookup {
        let now = Instant::now();
        let mut ledger = self.inner.ledger();
        let is_due = match ledger.tree(id) {
            None => return Lookup::Missing,
            Some(tree) if tree.doomed => return Lookup::Missing,
            Some(tree) if !tree.trusted => return Lookup::Unverified,
            Some(tree) => tree
                .last()
                .is_none_or(|last| now.saturating_duration_since(last) > TOUCH),
        };
        ledger.hold(Item::Tree(*id), now);
        drop(ledger);
        let lease = TreeLease::new(&self.inner, *id);
        if is_due {
            self.inner.touch(id);
        }
        Lookup::Ready(lease)
    }

    pub fn contains_tree(&self, id: &Digest) -> bool {
        self.inner
            .ledger()
            .tree(id)
            .is_some_and(|tree| !tree.doomed)
    }

    /// Reads the whole tree if that was not done since the machine started. None when it is not here,
    /// or damaged: then it is removed.
    pub fn verify_tree(&self, id: &Digest) -> Result<Option<TreeLease>, StoreError> {
        let changing = self.inner.changing();
        Ok(match self.lease_tree(id) {
            Lookup::Ready(lease) => Some(lease),
            Lookup::Missing => None,
            Lookup::Unverified if self.inner.verify_tree(&changing, id)? => {
                match self.lease_tree(id) {
                    Lookup::Ready(lease) => Some(lease),
                    Lookup::Unverified | Lookup::Missing => None,
                }
            }
            Lookup::Unverified => None,
        })
    }

    /// Removes a tree that turned out to be unusable, at once for newcomers; its files are read again
    /// before they become part of another one. Says whether it was there.
    pub fn distrust_tree(&self, id: &Digest) -> bool {
        let changing = self.inner.changing();
        self.inner.distrust_tree(&changing, id)
    }

    pub(crate) fn hold_object(&self, key: Key) -> ObjectLease {
        self.inner.hold_object(key)
    }
}

impl Inner {
    pub(crate) fn changing(&self) -> Changing<'_> {
        lock(&self.changes)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(crate) fn hold_object(self: &Arc<Self>, key: Key) -> ObjectLease {
        self.ledger().hold(Item::Object(key), Instant::now());
        ObjectLease::new(self, key)
    }

    /// The store's directories may have grown.
    pub(crate) fn settle(&self, _changing: &Changing<'_>) {
        let overhead = self.place.overhead();
        self.ledger().set_overhead(overhead);
    }

    /// Remembers a full disk.
    pub(crate) fn noted(&self, error: StoreError) -> StoreError {
        if matches!(error, StoreError::DiskFull { .. }) {
            *lock(&self.full) = Some(Instant::now());
        }
        error
    }

    /// Notes the use of a tree for the next start.
    fn touch(&self, id: &Digest) {
        if let Ok(file) = File::options()
            .write(true)
            .open(self.place.record(id, true))
        {
            // Only the order of eviction depends on it.
            let _unknown = file.set_modified(SystemTime::now());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
