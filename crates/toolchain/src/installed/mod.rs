//! The executor's unpacked toolchains, in icecream's layout:
//! `<base>/target=<platform>/<name>/`, within a limit, least recently used dropped first.
//!
//! Unlike icecream, which empties its base directory at every start (flaws F33, F39), this keeps what
//! it installed and touches nothing else: a toolchain is ours if `target=<platform>/.floe/<name>`
//! says so. Half-installed and half-removed trees have names that no toolchain can have.

mod disk;
mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use job::{EnvironmentName, Platform};
use rustix::fs::{FlockOperation, flock};

pub use install::{InstallError, Installing};

use crate::unpack::Limits;

/// Platform and name: what peers call a toolchain by.
type Key = (Platform, EnvironmentName);

/// A marker is touched at most this often: the order of use must survive a restart, not each use.
const TOUCH: Duration = Duration::from_secs(60);

/// Even a small cache accepts one toolchain of this size: icecream's does, too.
const SMALLEST_ROOM: u64 = 1 << 30;

/// The toolchains of this executor. Clones share them.
#[derive(Debug, Clone)]
pub struct Installed {
    store: Arc<Store>,
}

#[derive(Debug)]
struct Store {
    base: PathBuf,
    limit: u64,
    state: Mutex<State>,
    /// Held as long as the store is: two daemons would remove each other's toolchains.
    _lock: File,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Key, Entry>,
    installing: BTreeSet<Key>,
    /// Counts uses and scratch names.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
    touched: Option<Instant>,
    leases: u32,
    /// Removed while in use: gone for everybody, deleted when the last lease ends.
    doomed: bool,
}

/// Why a base directory cannot be used. Nothing was changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "toolchain directory {path} cannot be used: {source}; check its rights, or choose another with -b"
    )]
    Unusable { path: PathBuf, source: io::Error },
    #[error("toolchain directory {path} is used by another daemon; choose another with -b")]
    InUse { path: PathBuf },
}

/// What was found when a store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Directories among the toolchains that floe did not make: left alone and not used.
    pub foreign: Vec<PathBuf>,
    /// Leftovers of an interrupted installation or removal, or damaged toolchains: removed.
    pub swept: Vec<PathBuf>,
}

impl Installed {
    /// Opens or creates the store at `base`, which may hold `limit` bytes of unpacked files.
    pub fn open(base: &Path, limit: u64) -> Result<(Self, Found), OpenError> {
        let unusable = |source| OpenError::Unusable {
            path: base.to_path_buf(),
            source,
        };
        std::fs::create_dir_all(base).map_err(unusable)?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(base.join(".floe-lock"))
            .map_err(unusable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse {
                    path: base.to_path_buf(),
                });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        let mut found = Found::default();
        let mut state = State::default();
        let mut known = disk::scan(base, &mut found).map_err(unusable)?;
        known.sort_by_key(|(_, marker)| marker.used);
        for (key, marker) in known {
            state.clock += 1;
            let entry = Entry {
                bytes: marker.bytes,
                used: state.clock,
                touched: None,
                leases: 0,
                doomed: false,
            };
            state.entries.insert(key, entry);
        }
        let store = Store {
            base: base.to_path_buf(),
            limit,
            state: Mutex::new(state),
            _lock: lock,
        };
        let opened = Self {
            store: Arc::new(store),
        };
        opened.evict(None);
        Ok((opened, found))
    }

    /// All usable toolchains, sorted.
    pub fn list(&self) -> Vec<(Platform, EnvironmentName)> {
        let state = self.store.state();
        state
            .entries
            .iter()
            .filter(|(_, entry)| !entry.doomed)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Bytes of all toolchains together.
    pub fn bytes(&self) -> u64 {
        self.store
            .state()
            .entries
            .values()
            .map(|entry| entry.bytes)
            .sum()
    }

    pub fn contains(&self, platform: &Platform, name: &EnvironmentName) -> bool {
        let key = (platform.clone(), name.clone());
        self.store
            .state()
            .entries
            .get(&key)
            .is_some_and(|entry| !entry.doomed)
    }

    /// Starts to install. The caller streams the archive into the result; until
    /// [`Installing::commit`] nothing is visible, and dropping it removes everything.
    pub fn begin_install(
        &self,
        platform: Platform,
        name: EnvironmentName,
    ) -> Result<Installing, InstallError> {
        let limits = Limits {
            bytes: self.store.limit.max(SMALLEST_ROOM),
            ..Limits::default()
        };
        Installing::begin(self.clone(), (platform, name), limits)
    }

    /// Keeps a toolchain from being dropped while the result lives; `None` when it is not there.
    pub fn lease(&self, platform: &Platform, name: &EnvironmentName) -> Option<Lease> {
        let key = (platform.clone(), name.clone());
        let mut state = self.store.state();
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(&key).filter(|entry| !entry.doomed)?;
        entry.used = now;
        entry.leases += 1;
        let is_due = entry
            .touched
            .is_none_or(|touched| touched.elapsed() > TOUCH);
        if is_due {
            entry.touched = Some(Instant::now());
        }
        drop(state);
        if is_due {
            disk::touch(&self.store.base, &key);
        }
        Some(Lease {
            root: disk::tree(&self.store.base, &key),
            installed: self.clone(),
            key,
        })
    }

    /// Drops a toolchain, at once for newcomers, from the disk when its last user is done.
    /// Says whether there was one.
    pub fn remove(&self, platform: &Platform, name: &EnvironmentName) -> bool {
        let key = (platform.clone(), name.clone());
        let mut state = self.store.state();
        let Some(entry) = state.entries.get_mut(&key).filter(|entry| !entry.doomed) else {
            return false;
        };
        entry.doomed = true;
        if entry.leases == 0 {
            self.bury(state, &[key]);
        }
        true
    }

    /// Drops what was not used for longest until all fits the limit; never what is in use, never
    /// `newest`. Gives the names of what was dropped.
    fn evict(&self, newest: Option<&Key>) -> Vec<Key> {
        let state = self.store.state();
        let mut total: u64 = state.entries.values().map(|entry| entry.bytes).sum();
        let mut idle: Vec<(u64, Key, u64)> = state
            .entries
            .iter()
            .filter(|(key, entry)| entry.leases == 0 && Some(*key) != newest)
            .map(|(key, entry)| (entry.used, key.clone(), entry.bytes))
            .collect();
        idle.sort();
        let mut dropped = Vec::new();
        for (_, key, bytes) in idle {
            if total <= self.store.limit {
                break;
            }
            total -= bytes;
            dropped.push(key);
        }
        self.bury(state, &dropped);
        dropped
    }

    /// Takes toolchains away: out of sight under the lock, deleted without it.
    fn bury(&self, mut state: MutexGuard<'_, State>, keys: &[Key]) {
        let mut graves = Vec::new();
        for key in keys {
            state.entries.remove(key);
            state.clock += 1;
            graves.extend(disk::hide(&self.store.base, key, state.clock));
        }
        drop(state);
        for grave in graves {
            // What cannot be deleted now is swept at the next start.
            let _ = std::fs::remove_dir_all(grave);
        }
    }
}

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use a toolchain's files.
#[derive(Debug)]
pub struct Lease {
    /// The toolchain's root directory.
    pub root: PathBuf,
    installed: Installed,
    key: Key,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.installed.store.state();
        let Some(entry) = state.entries.get_mut(&self.key) else {
            return;
        };
        entry.leases -= 1;
        if entry.leases == 0 && entry.doomed {
            self.installed.bury(state, std::slice::from_ref(&self.key));
        }
    }
}

#[cfg(test)]
mod tests;
