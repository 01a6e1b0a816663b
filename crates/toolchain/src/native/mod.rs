//! The agent's packed toolchains: made once, however many compiles and processes ask at the same
//! time, and made anew when any file of the compiler changed.
//!
//! icecream's cache watches only the drivers (flaw F9), never rebuilds after a change (F1), forgets
//! failures (F25) and evicts without deleting (F30); its daemon's account must be able to read the
//! compiler (F41, F55), while this one runs with the user's own rights.

mod failure;
mod record;
mod shelf;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::collect::collect;
use crate::compiler::{Compiler, Family};
use crate::compression::Compression;
use crate::identify::identify;
use crate::pack::{Archive, pack_as};
use crate::stamp::Watch;
pub use failure::NativeError;
use record::{Key, Record};
use shelf::Shelf;

/// How long a failure is remembered, unless one of the files changes before.
const FAILURE_LASTS: Duration = Duration::from_secs(60);

/// Archives of one user: several compilers in two compressions each. icecream allows 256 MiB per host,
/// which two clangs exceed.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

/// A toolchain as the agent needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    pub archive: Archive,
    pub family: Family,
    /// What the compiler compiles for, as `-dumpmachine` says.
    pub target: String,
    /// A script around the compiler changes options: compiles through it must not travel.
    pub alters_options: bool,
    /// Whether the archive holds the C and the C++ compiler.
    pub has_c: bool,
    pub has_cxx: bool,
}

/// Packed toolchains in one directory. Shared by reference between threads.
#[derive(Debug)]
pub struct NativeCache {
    shelf: Shelf,
    known: Mutex<HashMap<Key, Arc<Mutex<Slot>>>>,
}

/// What this process knows about one request.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Unknown,
    Made {
        native: Native,
        watch: Watch,
    },
    Failed {
        error: NativeError,
        watch: Watch,
        at: Instant,
    },
}

impl NativeCache {
    /// Uses `dir`, made at the first need, for at most [`DEFAULT_LIMIT`] bytes of archives.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::with_limit(dir, DEFAULT_LIMIT)
    }

    pub fn with_limit(dir: impl Into<PathBuf>, limit: u64) -> Self {
        Self {
            shelf: Shelf::new(dir.into(), limit),
            known: Mutex::default(),
        }
    }

    /// The archive of the compiler at `compiler` with `extra` files. Costs one stat per file of the
    /// toolchain when nothing changed; blocks while it is being packed, here or in another process.
    pub fn get(
        &self,
        compiler: &Path,
        extra: &[PathBuf],
        compression: Compression,
    ) -> Result<Native, NativeError> {
        let key = Key::of(compiler, extra, compression);
        let slot = Arc::clone(
            self.known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key.clone())
                .or_default(),
        );
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Made { native, watch } if watch.holds() && native.archive.path.is_file() => {
                self.shelf.touch(&native.archive.path);
                return Ok(native.clone());
            }
            Slot::Failed { error, watch, at } if at.elapsed() < FAILURE_LASTS && watch.holds() => {
                return Err(error.clone());
            }
            _ => {}
        }
        match self.load_or_make(&key, compiler, extra) {
            Ok(Record { native, watch }) => {
                *slot = Slot::Made {
                    native: native.clone(),
                    watch,
                };
                Ok(native)
            }
            Err((error, watch)) => {
                *slot = Slot::Failed {
                    error: error.clone(),
                    watch,
                    at: Instant::now(),
                };
                Err(error)
            }
        }
    }

    fn load_or_make(
        &self,
        key: &Key,
        compiler: &Path,
        extra: &[PathBuf],
    ) -> Result<Record, (NativeError, Watch)> {
        // A change of the compiler itself ends the memory of any failure.
        let mut watch = Watch::default();
        watch.add(compiler);
        let _lock = self
            .shelf
            .lock(key)
            .map_err(|error| (error, watch.clone()))?;
        if let Some(record) = self.shelf.load(key).filter(|record| record.watch.holds()) {
            return Ok(record);
        }
        let probed = Compiler::probe(compiler)
            .map_err(|error| (NativeError::probe(compiler, &error), watch.clone()))?;
        let set =
            collect(&probed, extra).map_err(|error| (NativeError::collect(&error), error.watch))?;
        let failed = |error: NativeError| (error, set.watch.clone());
        let name = identify(&set).map_err(|error| failed(NativeError::pack(compiler, &error)))?;
        let path = self.shelf.archive(&name, key.compression());
        let archive = match std::fs::metadata(&path) {
            // The same files as before under other times, or of another path of this compiler.
            Ok(meta) if meta.is_file() && set.watch.holds() => Archive {
                path,
                name,
                bytes: meta.len(),
            },
            _ => pack_as(&set, name, key.compression(), self.shelf.dir())
                .map_err(|error| failed(NativeError::pack(compiler, &error)))?,
        };
        let native = Native {
            archive,
            family: probed.family,
            target: probed.target,
            alters_options: probed.alters_options,
            has_c: set.members.contains_key(Path::new("usr/bin/cc1"))
                || probed.family == Family::Clang,
            has_cxx: set.members.contains_key(Path::new("usr/bin/cc1plus"))
                || probed.family == Family::Clang,
        };
        let record = Record {
            native,
            watch: set.watch,
        };
        self.shelf
            .store(key, &record)
            .map_err(|error| (error, record.watch.clone()))?;
        self.shelf.evict(&record.native.archive.path);
        Ok(record)
    }
}

#[cfg(test)]
mod tests;
