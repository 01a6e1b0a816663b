//! The right to use something, which ends when it is dropped. Whoever holds one bounds the time.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use job::Digest;

use crate::entry::Key;
use crate::ledger::Item;
use crate::store::Inner;

/// Keeps a file in the store.
#[derive(Debug)]
pub struct ObjectLease {
    inner: Arc<Inner>,
    key: Key,
}

impl ObjectLease {
    /// The caller has counted it.
    pub(crate) fn new(inner: &Arc<Inner>, key: Key) -> Self {
        Self {
            inner: Arc::clone(inner),
            key,
        }
    }

    pub fn digest(&self) -> Digest {
        self.key.digest
    }

    pub(crate) fn item(&self) -> Item {
        Item::Object(self.key)
    }

    pub fn path(&self) -> PathBuf {
        self.inner.place.object(&self.key, true)
    }

    pub fn open(&self) -> io::Result<File> {
        File::open(self.path())
    }
}

impl Drop for ObjectLease {
    fn drop(&mut self) {
        let mut ledger = self.inner.ledger();
        ledger.let_go(Item::Object(self.key), Instant::now());
    }
}

/// Keeps a tree in the store.
#[derive(Debug)]
pub struct TreeLease {
    inner: Arc<Inner>,
    id: Digest,
    root: PathBuf,
}

impl TreeLease {
    /// The caller has counted it.
    pub(crate) fn new(inner: &Arc<Inner>, id: Digest) -> Self {
        Self {
            root: inner.place.tree(&id),
            inner: Arc::clone(inner),
            id,
        }
    }

    pub fn id(&self) -> Digest {
        self.id
    }

    /// The tree's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for TreeLease {
    fn drop(&mut self) {
        let mut ledger = self.inner.ledger();
        ledger.let_go(Item::Tree(self.id), Instant::now());
    }
}
