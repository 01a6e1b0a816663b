//! The directory: what stands where, whose it is, and that only one process uses it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use job::Digest;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::base::{Base, open_directory, unusable};
use crate::entry::Key;
use crate::error::OpenError;

/// Below the directory that the daemon's owner names: icecream's own files may lie in that one.
const DIRECTORY: &str = "floe";
const MARKER: &str = "FLOE-STORE";
const FORMAT: &str = "floe store ";
const VERSION: u32 = 1;
const LOCK: &str = "lock";
/// Between two looks at the lock.
const STEP: Duration = Duration::from_millis(10);

/// Its own parts that count: each is a directory whose size grows with what is in it.
const PARTS: [&str; 7] = [
    "objects",
    "trees",
    "records",
    "doubt",
    "doubt/objects",
    "doubt/records",
    "tmp",
];

#[derive(Debug)]
pub(crate) struct Place {
    root: PathBuf,
    next: AtomicU64,
    /// Held for as long as this lives: two processes would remove each other's things.
    _lock: File,
}

impl Place {
    /// Takes possession. Changes nothing unless the directory is floe's or empty, and free.
    pub(crate) fn take(base: &Path, patience: Duration) -> Result<Self, OpenError> {
        // Whoever may rename it could put another in its place.
        let base = Base::open(base, rustix::process::geteuid().as_raw())?;
        let root = base.path().join(DIRECTORY);
        let failed = |error| unusable(&root, error);
        match make(&root, 0o755) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        let meta = fs::symlink_metadata(&root).map_err(failed)?;
        let exposed = |why| OpenError::Exposed {
            path: root.clone(),
            why,
        };
        if meta.is_symlink() {
            return Err(exposed("is a symbolic link"));
        }
        if !meta.is_dir() {
            return Err(OpenError::NotOurs { path: root });
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(exposed("belongs to another user than the daemon's"));
        }
        if meta.mode() & 0o022 != 0 {
            return Err(exposed("may be written by other users"));
        }
        mark(&root)?;
        let lock = lock(&root, patience)?;
        let place = Self {
            root,
            next: AtomicU64::new(0),
            _lock: lock,
        };
        for part in PARTS.iter().chain(&["scratch"]) {
            place
                .make_part(part)
                .map_err(|error| unusable(&place.root, error))?;
        }
        Ok(place)
    }

    /// Makes one of its directories unless it is there.
    pub(crate) fn make_part(&self, part: &str) -> io::Result<()> {
        // Trees are for jobs, which may run as somebody else; the rest is not.
        let mode = if part == "trees" { 0o755 } else { 0o700 };
        match make(&self.root.join(part), mode) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn part(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn object(&self, key: &Key, trusted: bool) -> PathBuf {
        self.part(if trusted { "objects" } else { "doubt/objects" })
            .join(key.file_name())
    }

    pub(crate) fn tree(&self, id: &Digest) -> PathBuf {
        self.part("trees").join(id.to_string())
    }

    pub(crate) fn record(&self, id: &Digest, trusted: bool) -> PathBuf {
        self.part(if trusted { "records" } else { "doubt/records" })
            .join(id.to_string())
    }

    /// A path for something that is on its way in or out.
    pub(crate) fn temporary(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.part("tmp").join(number.to_string())
    }

    /// Bytes of the store's own directories.
    pub(crate) fn overhead(&self) -> u64 {
        let parts = PARTS.iter().map(|part| self.root.join(part));
        let files = [MARKER, LOCK, "boot"].map(|name| self.root.join(name));
        parts
            .chain(files)
            .chain([self.root.clone()])
            .filter_map(|path| path.symlink_metadata().ok())
            .map(|meta| blocks(&meta))
            .sum()
    }
}

/// What a file takes on the disk. Some file systems count only when they write: then its length.
pub(crate) fn blocks(meta: &fs::Metadata) -> u64 {
    let length = if meta.is_file() { meta.len() } else { 0 };
    meta.blocks().saturating_mul(512).max(length)
}

/// Room for a file of `length` bytes: whole blocks, and one for what a file system keeps about it.
pub(crate) fn estimate(length: u64) -> u64 {
    const BLOCK: u64 = 4096;
    length
        .div_ceil(BLOCK)
        .saturating_mul(BLOCK)
        .saturating_add(length / 512)
        .saturating_add(BLOCK)
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)
}

/// Finds the marker, or sets it in an empty directory.
fn mark(root: &Path) -> Result<(), OpenError> {
    let path = root.join(MARKER);
    let failed = |error| unusable(&path, error);
    let not_ours = || OpenError::NotOurs {
        path: root.to_path_buf(),
    };
    match File::open(&path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(1000).read_to_string(&mut text).map_err(failed)?;
            if text.is_empty() {
                // Its writer was killed between two instructions.
                return fs::write(&path, marker_text()).map_err(failed);
            }
            let version = text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix(FORMAT));
            match version.and_then(|version| version.parse().ok()) {
                None => Err(not_ours()),
                Some(version) if version > VERSION => Err(OpenError::Newer {
                    path: root.to_path_buf(),
                    version,
                }),
                Some(_) => Ok(()),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(root).map_err(failed)?.next().is_none();
            if !is_empty && !path.exists() {
                return Err(not_ours());
            }
            let made = File::options().write(true).create_new(true).open(&path);
            match made.and_then(|mut file| file.write_all(marker_text().as_bytes())) {
                // Another daemon starts at the same moment; the lock decides.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made.map_err(failed),
            }
        }
        Err(error) => Err(failed(error)),
    }
}

fn marker_text() -> String {
    format!(
        "{FORMAT}{VERSION}\nA floe daemon keeps toolchains here and removes what it no longer needs.\n"
    )
}

/// The lock; the number of its holder is in a file for the next one who comes.
fn lock(root: &Path, patience: Duration) -> Result<File, OpenError> {
    let failed = |error| unusable(root, error);
    // Of the directory itself: a file in it could be deleted, and made and locked anew by another.
    let directory = open_directory(root).map_err(failed)?;
    let path = root.join(LOCK);
    if !locked(&directory, patience).map_err(|error| failed(error.into()))? {
        let holder = fs::read_to_string(&path).ok();
        return Err(OpenError::InUse {
            path: root.to_path_buf(),
            pid: holder.and_then(|text| text.trim().parse().ok()),
        });
    }
    // For a message only, so a full disk is no reason to stop.
    let _unsaid = fs::write(&path, format!("{}\n", std::process::id()));
    Ok(directory)
}

/// `flock` waits for ever or not at all.
fn locked(file: &File, patience: Duration) -> Result<bool, Errno> {
    let patience_ends = Instant::now() + patience;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if Instant::now() < patience_ends => thread::sleep(STEP),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
