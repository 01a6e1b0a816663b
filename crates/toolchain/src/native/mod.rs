//! The agent's packed toolchains: made once, however many compiles and processes ask at the same
//! time, and made anew when any file of the compiler changed.
//!
//! icecream's cache watches only the drivers (flaw F9), never rebuilds after a change (F1), forgets
//! failures (F25) and evicts without deleting (F30); its daemon's account must be able to read the
//! compiler (F41, F55), while this one runs with the user's own rights.

mod contents;
mod failure;
mod prove;
mod record;
mod shelf;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::collect::collect;
use crate::compiler::{Compiler, Family};
use crate::compression::Compression;
use crate::fileset::FileSet;
use crate::pack::{Archive, pack_as};
use crate::proof::{Proven, Sandbox};
use crate::stamp::Watch;
pub use contents::Contents;
pub use failure::NativeError;
use record::{Key, Record};
pub use record::{Proof, Request};
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
    pub contents: Arc<Contents>,
    pub family: Family,
    /// What the compiler compiles for, as `-dumpmachine` says.
    pub target: String,
    /// A script around the compiler changes options: what it makes of a command line has to be
    /// learned from [`crate::unwrap`].
    pub alters_options: bool,
    /// The programs that do the work, for C and C++, all links resolved.
    pub drivers: Vec<PathBuf>,
    /// Whether the archive holds the C and the C++ compiler.
    pub has_c: bool,
    pub has_cxx: bool,
    /// Whether it was tried. Nobody waits for that, except where the compiler could not be watched or
    /// was found faulty before.
    pub proof: Proof,
}

/// Packed toolchains in one directory. Shared by reference between threads.
pub struct NativeCache {
    shelf: Shelf,
    sandbox: Option<Arc<Sandbox>>,
    known: Mutex<HashMap<Key, Arc<Mutex<Slot>>>>,
}

/// What this process knows about one request.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Unknown,
    Made {
        record: Record,
        /// What a proof needs, if it was made here and is not tried yet.
        gathered: Option<Box<Gathered>>,
        at: Instant,
    },
    Failed {
        error: NativeError,
        watch: Watch,
        at: Instant,
    },
}

/// A compiler and its files.
#[derive(Debug)]
struct Gathered {
    compiler: Compiler,
    set: FileSet,
}

impl std::fmt::Debug for NativeCache {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NativeCache")
            .field("shelf", &self.shelf)
            .finish_non_exhaustive()
    }
}

impl NativeCache {
    /// Uses `dir`, made at the first need, for at most [`DEFAULT_LIMIT`] bytes of archives.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::with_limit(dir, DEFAULT_LIMIT)
    }

    pub fn with_limit(dir: impl Into<PathBuf>, limit: u64) -> Self {
        Self {
            shelf: Shelf::new(dir.into(), limit),
            sandbox: None,
            known: Mutex::default(),
        }
    }

    /// Toolchains are tried in it.
    #[must_use]
    pub fn with_sandbox(self, sandbox: Arc<Sandbox>) -> Self {
        Self {
            sandbox: Some(sandbox),
            ..self
        }
    }

    /// The archive of the compiler at `compiler` with `extra` files.
    pub fn get(
        &self,
        compiler: &Path,
        extra: &[PathBuf],
        compression: Compression,
    ) -> Result<Native, NativeError> {
        let options = &[];
        self.find(
            &Request {
                search: None,
                compiler,
                options,
                extra,
            },
            compression,
        )
    }

    /// The archive of a compiler. Costs one stat per file of the toolchain when nothing changed;
    /// blocks while it is being packed, here or in another process.
    pub fn find(
        &self,
        request: &Request<'_>,
        compression: Compression,
    ) -> Result<Native, NativeError> {
        let key = Key::of(request);
        let slot = self.slot(&key);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match &mut *slot {
            Slot::Failed { error, watch, at } => {
                if at.elapsed() < FAILURE_LASTS && watch.holds() {
                    return Err(error.clone());
                }
                None
            }
            // Something may have been installed that nobody knew to watch for.
            Slot::Made { record, at, .. }
                if record.is_faulty() && at.elapsed() >= FAILURE_LASTS =>
            {
                None
            }
            Slot::Made { record, .. } => record.watch.holds().then(|| {
                self.shelved(record, compression).unwrap_or_else(|| {
                    let failed = |error| (error, record.watch.clone());
                    let _lock = self.shelf.lock(&key).map_err(failed)?;
                    self.pack(request, record, compression)
                })
            }),
            Slot::Unknown => None,
        };
        let made = made.unwrap_or_else(|| {
            let (record, gathered, native) = self.load_or_make(&key, request, compression)?;
            *slot = Slot::Made {
                record,
                gathered,
                at: Instant::now(),
            };
            Ok(native)
        });
        made.map_err(|(error, watch)| {
            let at = Instant::now();
            *slot = Slot::Failed {
                error: error.clone(),
                watch,
                at,
            };
            error
        })
    }

    fn slot(&self, key: &Key) -> Arc<Mutex<Slot>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key.clone()).or_default())
    }

    /// The archive if it is there.
    fn shelved(&self, record: &Record, compression: Compression) -> Option<Made<Native>> {
        let name = record.name().ok()?;
        let path = self.shelf.archive(&name, compression);
        let bytes = std::fs::metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)?
            .len();
        self.shelf.touch(&path);
        Some(Ok(record.native(Archive { path, name, bytes })))
    }

    /// The archive, made if need be.
    fn pack(
        &self,
        request: &Request<'_>,
        record: &Record,
        compression: Compression,
    ) -> Made<Native> {
        // Of another path of this compiler, or of the time before a change that was undone.
        if let Some(native) = self.shelved(record, compression) {
            return native;
        }
        let failed = |error: NativeError| (error, record.watch.clone());
        let set = record
            .contents
            .file_set(request.compiler, record.watch.clone());
        let name = record.name().map_err(failed)?;
        let archive = pack_as(&set, name, compression, self.shelf.dir())
            .map_err(|error| failed(NativeError::pack(request.compiler, &error)))?;
        self.shelf.evict(&archive.path);
        Ok(record.native(archive))
    }

    fn load_or_make(
        &self,
        key: &Key,
        request: &Request<'_>,
        compression: Compression,
    ) -> Made<(Record, Option<Box<Gathered>>, Native)> {
        // A change of the compiler itself ends the memory of any failure.
        let mut watch = Watch::default();
        watch.add(request.compiler);
        let _lock = self
            .shelf
            .lock(key)
            .map_err(|error| (error, watch.clone()))?;
        let mut faulty = None;
        if let Some(mut record) = self.shelf.load(key)
            && record.watch.holds()
        {
            if !record.is_faulty() {
                let native = self.pack(request, &record, compression)?;
                return Ok((record, None, native));
            }
            faulty = Some(record);
        }
        let (mut record, gathered) = make(request, watch)?;
        let mut gathered = Some(Box::new(gathered));
        let must_prove = |one: &mut Box<Gathered>| faulty.is_some() || !one.set.is_observed;
        if let (Some(sandbox), Some(gathered)) = (&self.sandbox, gathered.take_if(must_prove)) {
            record = self.tried(record, *gathered, &**sandbox);
        }
        // Whoever could not look has not found it whole.
        if let (Proof::Impossible(_), Some(faulty)) = (&record.proof, faulty) {
            record = faulty;
        }
        let native = self.pack(request, &record, compression)?;
        self.shelf
            .store(key, &record)
            .map_err(|error| (error, record.watch.clone()))?;
        Ok((record, gathered, native))
    }
}

/// What was made, or why not and which files decide that.
type Made<T> = Result<T, (NativeError, Watch)>;

/// Asks the compiler, collects its files and reads them all.
fn make(request: &Request<'_>, watch: Watch) -> Made<(Record, Gathered)> {
    let compiler = request.compiler;
    let probed = Compiler::probe_in(compiler, request.search)
        .map(|probed| probed.with_options(request.options))
        .map_err(|error| (NativeError::probe(compiler, &error), watch))?;
    let set = collect(&probed, request.extra)
        .map_err(|error| (NativeError::collect(&error), error.watch))?;
    let has =
        |name: &str| probed.family == Family::Clang || set.members.contains_key(Path::new(name));
    let contents = Contents::of(&set)
        .map_err(|error| (NativeError::pack(compiler, &error), set.watch.clone()))?;
    let record = Record {
        contents: Arc::new(contents),
        family: probed.family,
        alters_options: probed.alters_options,
        drivers: [&probed.c, &probed.cxx]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        has_c: has("usr/bin/cc1"),
        has_cxx: has("usr/bin/cc1plus"),
        target: probed.target.clone(),
        proof: Proof::Pending,
        watch: set.watch.clone(),
    };
    let compiler = probed;
    Ok((record, Gathered { compiler, set }))
}

impl Record {
    fn is_faulty(&self) -> bool {
        matches!(self.proof, Proof::Faulty(_))
    }

    fn name(&self) -> Result<job::EnvironmentName, NativeError> {
        let name = self.contents.manifest().identity().environment_name();
        name.map_err(|error| NativeError::Toolchain(error.to_string()))
    }

    fn native(&self, archive: Archive) -> Native {
        Native {
            archive,
            contents: Arc::clone(&self.contents),
            family: self.family,
            target: self.target.clone(),
            alters_options: self.alters_options,
            drivers: self.drivers.clone(),
            has_c: self.has_c,
            has_cxx: self.has_cxx,
            proof: self.proof.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
