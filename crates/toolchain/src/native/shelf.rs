//! The cache's directory: archives, one record and one lock per request, within a limit.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use job::EnvironmentName;
use rustix::fs::{FlockOperation, flock};

use super::failure::NativeError;
use super::record::{Key, Record};
use crate::compression::Compression;
use crate::pack::{TEMPORARY, file_name};

/// Packing takes a second or two; another process that needs longer than this is stuck.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Nothing that was used so recently is dropped: it may be on its way to an executor.
const RECENT: Duration = Duration::from_secs(200);
const TOUCH: Duration = Duration::from_secs(60);

/// A temporary file this old belongs to a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    limit: u64,
}

impl Shelf {
    pub(super) fn new(dir: PathBuf, limit: u64) -> Self {
        Self { dir, limit }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn archive(&self, name: &EnvironmentName, compression: Compression) -> PathBuf {
        self.dir.join(file_name(name, compression))
    }

    /// The right to make the archive for `key`: one process, one thread.
    pub(super) fn lock(&self, key: &Key) -> Result<File, NativeError> {
        let failed = |error: io::Error| self.unusable(&error);
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        let path = self.dir.join(format!("{}.lock", key.as_str()));
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(LOCK_POLL);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let why = io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another process holds its lock for minutes",
                    );
                    return Err(failed(why));
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }

    pub(super) fn load(&self, key: &Key) -> Option<Record> {
        let bytes = std::fs::read(self.record(key)).ok()?;
        Record::decode(&bytes)
    }

    pub(super) fn store(&self, key: &Key, record: &Record) -> Result<(), NativeError> {
        let path = self.record(key);
        let temporary = self.dir.join(format!(
            "{TEMPORARY}{}-{}",
            std::process::id(),
            key.as_str()
        ));
        let written = std::fs::write(&temporary, record.encode())
            .and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&temporary);
            self.unusable(&error)
        })
    }

    fn record(&self, key: &Key) -> PathBuf {
        self.dir.join(format!("{}.record", key.as_str()))
    }

    /// Notes the use of an archive, for the order of eviction.
    pub(super) fn touch(&self, archive: &Path) {
        let is_fresh = std::fs::metadata(archive)
            .and_then(|meta| meta.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age < TOUCH));
        if !is_fresh && let Ok(file) = File::options().append(true).open(archive) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Deletes the archives that were not used for longest until the rest fits; never `newest`,
    /// nothing in recent use. Records of deleted archives are found useless when they are read.
    pub(super) fn evict(&self, newest: &Path) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else {
            return;
        };
        let now = SystemTime::now();
        let mut total = 0_u64;
        let mut idle = Vec::new();
        for entry in entries.flatten() {
            let (Ok(meta), name) = (entry.metadata(), entry.file_name()) else {
                continue;
            };
            let Ok(used) = meta.modified() else { continue };
            let age = now.duration_since(used).unwrap_or_default();
            let name = name.to_string_lossy();
            if name.starts_with(TEMPORARY) && age > ABANDONED {
                let _ = std::fs::remove_file(entry.path());
            }
            if !Compression::ALL
                .iter()
                .any(|kind| name.ends_with(kind.suffix()))
            {
                continue;
            }
            total = total.saturating_add(meta.len());
            if entry.path() != newest && age > RECENT {
                idle.push((used, meta.len(), entry.path()));
            }
        }
        idle.sort();
        for (_, bytes, path) in idle {
            if total <= self.limit {
                return;
            }
            if std::fs::remove_file(path).is_ok() {
                total = total.saturating_sub(bytes);
            }
        }
    }

    fn unusable(&self, error: &io::Error) -> NativeError {
        NativeError::Cache {
            dir: self.dir.clone(),
            why: error.to_string(),
        }
    }
}
