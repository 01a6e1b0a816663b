//! The executor's installed toolchains: trees of a [`Store`], under the names by which peers call
//! them. Two names of the same content are one tree, and two toolchains share the files they share.
//!
//! Unlike icecream, which empties its base directory at every start (flaws F33, F39), this keeps what
//! was installed; the store sees to the limit, and to what a killed daemon or a failed disk left.

mod compare;
mod install;
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use job::{EnvironmentName, Platform};
use store::{Lookup, Options, Store, TreeLease};

pub use compare::identity_of;
pub use install::{InstallError, Installing};
pub use store::{Found, OpenError};

use crate::manifest::Identity;
use crate::unpack::Limits;
use names::Names;

/// Platform and name: what peers call a toolchain by.
type Key = (Platform, EnvironmentName);

/// The toolchains of this executor. Clones share them.
#[derive(Debug, Clone)]
pub struct Installed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    state: Mutex<State>,
    /// Whoever writes the names to the disk holds this; never taken by those who may not wait.
    saving: Mutex<()>,
}

#[derive(Debug)]
struct State {
    names: Names,
    installing: BTreeSet<Key>,
}

/// Whether a toolchain can be used.
#[derive(Debug)]
pub enum Presence {
    Ready(Lease),
    /// It was written before this machine started, and must be read once: [`Installed::lease`] does.
    Unverified,
    Missing,
}

/// The right to use a toolchain's files. Nobody may change them: other toolchains have the same.
#[derive(Debug)]
pub struct Lease {
    /// The toolchain's root directory.
    pub root: PathBuf,
    /// What it is, whatever it is called.
    pub identity: Identity,
    _tree: TreeLease,
}

impl Lease {
    fn of(tree: TreeLease) -> Self {
        Self {
            root: tree.root().to_path_buf(),
            identity: Identity(tree.id()),
            _tree: tree,
        }
    }
}

impl Installed {
    /// Opens a store at `base` for `limit` bytes of disk, and the toolchains in it.
    pub fn open(base: &Path, limit: u64) -> Result<(Self, Found), OpenError> {
        let (store, found) = Store::open(base, Options::new(limit))?;
        Ok((Self::new(store), found))
    }

    /// The toolchains in `store`.
    pub fn new(store: Store) -> Self {
        let names = Names::load(store.root(), |id| store.contains_tree(&id.0));
        let state = State {
            names,
            installing: BTreeSet::new(),
        };
        let shared = Shared {
            store,
            state: Mutex::new(state),
            saving: Mutex::new(()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// All usable toolchains, sorted.
    pub fn list(&self) -> Vec<(Platform, EnvironmentName)> {
        let mut keys: Vec<Key> = self
            .state()
            .names
            .iter()
            .filter(|(_, id)| self.shared.store.contains_tree(&id.0))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }

    /// Bytes on the disk, of toolchains and of what will be part of some.
    pub fn bytes(&self) -> u64 {
        self.shared.store.usage().used
    }

    pub fn contains(&self, platform: &Platform, name: &EnvironmentName) -> bool {
        self.identity(&(platform.clone(), name.clone())).is_some()
    }

    /// Starts to install. The caller streams the archive into the result; until
    /// [`Installing::commit`] nothing is visible, and dropping it leaves nothing behind.
    pub fn begin_install(
        &self,
        platform: Platform,
        name: EnvironmentName,
    ) -> Result<Installing, InstallError> {
        let key = (platform, name);
        if self.identity(&key).is_some() {
            return Err(InstallError::Present(key.1.to_string()));
        }
        if !self.state().installing.insert(key.clone()) {
            return Err(InstallError::Busy(key.1.to_string()));
        }
        let limits = Limits {
            bytes: self.shared.store.usage().limit,
            ..Limits::default()
        };
        Ok(Installing::new(self.clone(), key, limits))
    }

    /// Keeps a toolchain from being dropped, if that can be had at once.
    pub fn lookup(&self, platform: &Platform, name: &EnvironmentName) -> Presence {
        let Some(id) = self.identity(&(platform.clone(), name.clone())) else {
            return Presence::Missing;
        };
        match self.shared.store.lease_tree(&id.0) {
            Lookup::Ready(tree) => Presence::Ready(Lease::of(tree)),
            Lookup::Unverified => Presence::Unverified,
            Lookup::Missing => Presence::Missing,
        }
    }

    /// Keeps a toolchain from being dropped while the result lives; `None` when it is not there, or
    /// turned out to be damaged. May have to read all of it.
    pub fn lease(&self, platform: &Platform, name: &EnvironmentName) -> Option<Lease> {
        let id = self.identity(&(platform.clone(), name.clone()))?;
        match self.shared.store.verify_tree(&id.0) {
            Ok(tree) => tree.map(Lease::of),
            // The disk will not have it; another try may.
            Err(_) => None,
        }
    }

    /// Drops a toolchain that does not work: at once for newcomers, under all its names; from the disk
    /// when its last user is done. Its files are read again before another one is made of them. Says
    /// whether there was one.
    pub fn remove(&self, platform: &Platform, name: &EnvironmentName) -> bool {
        let Some(id) = self.identity(&(platform.clone(), name.clone())) else {
            return false;
        };
        self.state().names.forget(&id);
        let was_there = self.shared.store.distrust_tree(&id.0);
        self.save();
        was_there
    }

    /// What a name means, if that is here.
    fn identity(&self, key: &Key) -> Option<Identity> {
        let id = self.state().names.get(key)?;
        self.shared.store.contains_tree(&id.0).then_some(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is complete before anything can panic.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the names to the disk. Names that are lost cost a transfer, nothing else.
    fn save(&self) {
        let _one_by_one = self
            .shared
            .saving
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = self.state().names.text();
        let _unsaved = names::write(self.shared.store.root(), &text);
    }
}

#[cfg(test)]
mod tests;
