//! A directory that is its owner's alone, and files that are either as before or as after.
//!
//! A file is replaced by writing a new one beside it, flushing that, renaming it and flushing the
//! directory (rename(2): whoever opens the name sees one of the two). A process killed in between
//! leaves a file with `.new` behind its name, which the next writer removes. Writers hold a lock
//! (flock(2)), which the kernel releases with the process; readers need none.

#[cfg(test)]
pub(crate) mod kill;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for another one, whose change takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const LOCK: &str = "lock";
const LONGEST_LINE: u64 = 4096;

/// What is wrong with the files: this host's to repair, and nothing that a peer did.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("{what} {path} failed: {error}", path = path.display())]
    Failed {
        what: &'static str,
        path: PathBuf,
        /// Not its source, which would be said twice.
        error: io::Error,
    },
    #[error("{path} can be opened by others (mode {mode:o}); secrets in it may be known: make it yours alone (chmod go= {path}) or start anew", path = path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{path} belongs to user {owner}, and this process runs as user {user}", path = path.display())]
    NotOurs {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    #[error("{path} is no ordinary {wanted}", path = path.display())]
    Odd { path: PathBuf, wanted: &'static str },
    #[error("{path} is larger than {cap} bytes", path = path.display())]
    TooLarge { path: PathBuf, cap: u64 },
    /// A repetition helps.
    #[error("another process writes in {path} and does not end; try again", path = path.display())]
    Busy { path: PathBuf },
}

/// Called before everything that a killed process would leave undone.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use kill::step;

#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// The right to write in a directory, as long as it is kept.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Directory {
    /// Makes the directory, and those above it, where they are missing.
    pub(crate) fn create(path: &Path) -> Result<Self, DiskError> {
        let made = step().and_then(|()| {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(path)
        });
        made.map_err(failed("creating", path))?;
        Self::open(path)
    }

    /// Opens a directory that is the caller's alone.
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let found = fs::metadata(path).map_err(failed("opening", path))?;
        if !found.is_dir() {
            let (path, wanted) = (path.to_owned(), "directory");
            return Err(DiskError::Odd { path, wanted });
        }
        ours_alone(path, &found)?;
        let path = path.to_owned();
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory and what is in it another account's; the directory last, so that this can
    /// be repeated.
    pub(crate) fn give_to(&self, user: u32, group: u32) -> Result<(), DiskError> {
        let _lock = self.lock()?;
        let give = |path: &Path| {
            let given = std::os::unix::fs::lchown(path, Some(user), Some(group));
            given.map_err(failed("giving away", path))
        };
        for name in self.names()? {
            give(&self.path.join(name))?;
        }
        give(&self.path)
    }

    pub(crate) fn lock(&self) -> Result<Lock, DiskError> {
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed("opening", &path))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                    // A lock of a file is waited for without end or not at all.
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    let path = self.path.clone();
                    return Err(DiskError::Busy { path });
                }
                Err(TryLockError::Error(source)) => return Err(failed("locking", &path)(source)),
            }
        }
    }

    /// Shows others that this process is at work here, as long as the lock is kept. Several may be.
    pub(crate) fn occupy(&self, name: &str) -> Result<Lock, DiskError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed("opening", &path))?;
        // Nobody holds it for itself for longer than the question below takes.
        file.lock_shared().map_err(failed("locking", &path))?;
        Ok(Lock { _file: file })
    }

    /// Whether any process is.
    pub(crate) fn is_occupied(&self, name: &str) -> Result<bool, DiskError> {
        let path = self.path.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("opening", &path)(error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
        }
    }

    /// Opens a file of at most `cap` bytes that is the caller's alone; none if there is none.
    pub(crate) fn open_file(&self, name: &str, cap: u64) -> Result<Option<File>, DiskError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        // O_NOFOLLOW and O_NONBLOCK: neither a link to elsewhere nor a pipe is what we wrote.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("opening", &path)(error)),
        };
        let found = file.metadata().map_err(failed("opening", &path))?;
        if !found.is_file() {
            let wanted = "file";
            return Err(DiskError::Odd { path, wanted });
        }
        ours_alone(&path, &found)?;
        if found.len() > cap {
            return Err(DiskError::TooLarge { path, cap });
        }
        Ok(Some(file))
    }

    pub(crate) fn read(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let file = self.open_file(name, cap)?;
        file.map(|file| self.read_from(&file, name, cap))
            .transpose()
    }

    pub(crate) fn read_from(
        &self,
        file: &File,
        name: &str,
        cap: u64,
    ) -> Result<Vec<u8>, DiskError> {
        let mut bytes = Vec::new();
        let path = self.path.join(name);
        let read = file.take(cap + 1).read_to_end(&mut bytes);
        read.map_err(failed("reading", &path))?;
        if bytes.len() as u64 > cap {
            return Err(DiskError::TooLarge { path, cap });
        }
        Ok(bytes)
    }

    /// Whether `file` is what the name stands for now. A file that is open keeps its number, so no
    /// other can have it.
    pub(crate) fn is_current(&self, file: &File, name: &str) -> bool {
        let named = fs::symlink_metadata(self.path.join(name));
        let (Ok(named), Ok(held)) = (named, file.metadata()) else {
            return false;
        };
        (named.dev(), named.ino()) == (held.dev(), held.ino())
    }

    /// Replaces a file, or makes it; it is the caller's alone from its first byte on.
    pub(crate) fn replace(&self, _lock: &Lock, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.new"));
        let written = self.replaced(&path, &new, bytes);
        if written.is_err() {
            // A disk that is full must not stay full of this; when even that fails, the next writer
            // tries again.
            let _left = step().and_then(|()| fs::remove_file(&new));
        }
        written.map_err(failed("writing", &path))
    }

    fn replaced(&self, path: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
        step()?;
        match fs::remove_file(new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        step()?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(new)?;
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        step()?;
        file.write_all(first)?;
        step()?;
        file.write_all(rest)?;
        step()?;
        file.sync_all()?;
        step()?;
        fs::rename(new, path)?;
        self.flush()
    }

    pub(crate) fn remove(&self, _lock: &Lock, name: &str) -> Result<(), DiskError> {
        let path = self.path.join(name);
        let removed = step().and_then(|()| match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.flush(),
        });
        removed.map_err(failed("removing", &path))
    }

    /// Appends whole lines to a file; when it is larger than `cap`, it becomes `NAME.1`, that becomes
    /// `NAME.2`, and so on up to `kept`.
    pub(crate) fn append(
        &self,
        _lock: &Lock,
        name: &str,
        text: &str,
        (cap, kept): (u64, u32),
    ) -> Result<(), DiskError> {
        let path = self.path.join(name);
        let appended = self.appended(&path, name, text, (cap, kept));
        appended.map_err(failed("writing", &path))
    }

    fn appended(
        &self,
        path: &Path,
        name: &str,
        text: &str,
        (cap, kept): (u64, u32),
    ) -> io::Result<()> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.len() > cap) {
            let numbered = |number: u32| match number {
                0 => path.to_owned(),
                number => self.path.join(format!("{name}.{number}")),
            };
            for number in (0..kept).rev() {
                step()?;
                match fs::rename(numbered(number), numbered(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        cut_torn_line(&file)?;
        let (first, rest) = text.as_bytes().split_at(text.len() / 2);
        step()?;
        file.write_all(first)?;
        step()?;
        file.write_all(rest)?;
        step()?;
        file.sync_data()
    }

    pub(crate) fn names(&self) -> Result<Vec<String>, DiskError> {
        let entries = fs::read_dir(&self.path).map_err(failed("reading", &self.path))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("reading", &self.path))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }

    fn flush(&self) -> io::Result<()> {
        step()?;
        File::open(&self.path)?.sync_all()
    }
}

/// Removes what a killed process wrote half.
fn cut_torn_line(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = vec![0; LONGEST_LINE.min(length) as usize];
    let start = length - end.len() as u64;
    file.read_exact_at(&mut end, start)?;
    match end.iter().rposition(|&byte| byte == b'\n') {
        Some(last) if last + 1 == end.len() => Ok(()),
        Some(last) => file.set_len(start + last as u64 + 1),
        None if length <= LONGEST_LINE => file.set_len(0),
        // It is no file of lines; that is no reason to lose it.
        None => Ok(()),
    }
}

fn ours_alone(path: &Path, found: &fs::Metadata) -> Result<(), DiskError> {
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    let path = path.to_owned();
    // Root sees everything anyway, and may look after another account's files.
    if owner != user && user != 0 {
        return Err(DiskError::NotOurs { path, owner, user });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(DiskError::Open { path, mode });
    }
    Ok(())
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |error| DiskError::Failed { what, path, error }
}
