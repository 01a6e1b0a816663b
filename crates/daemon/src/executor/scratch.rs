//! A directory for each job, which becomes its /tmp, and is removed with everything in it.

use std::ffi::CString;
use std::fs::{DirBuilder, File, remove_dir_all};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use tokio::runtime::Handle;

#[derive(Debug)]
pub(super) struct Scratches {
    directory: PathBuf,
    next: AtomicU64,
}

impl Scratches {
    pub(super) fn new(base: &Path) -> io::Result<Self> {
        let directory = std::path::absolute(base)?.join("scratch");
        if let Err(error) = remove_dir_all(&directory)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        make(&directory)?;
        Ok(Self {
            directory,
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn place(&self) -> io::Result<Place> {
        let path = self
            .directory
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        make(&path)?;
        Ok(Place { path })
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// One job's directory. Goes when dropped, which must be after the job's last process.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file that the job has written, and its length. `None` if there is no such regular
    /// file. The job may have made a link or a pipe of that name, hoping that we open it.
    pub(super) fn open(&self, name: &Path) -> io::Result<Option<(File, u64)>> {
        let name = CString::new(name.as_os_str().as_bytes())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let root = open(
            &self.path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let Ok(file) = openat2(&root, name.as_c_str(), flags, Mode::empty(), resolve) else {
            return Ok(None);
        };
        let file = File::from(file);
        let found = file.metadata()?;
        Ok(found.is_file().then_some((file, found.len())))
    }

    /// Whether the disk has so little room that a failure may come from that.
    pub(super) fn disk_is_full(&self) -> bool {
        rustix::fs::statvfs(&self.path)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < 10 << 20)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // A job may leave many files; nobody needs to wait for their end.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path))),
            Err(_) => remove(&path),
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = remove_dir_all(path) {
        tracing::warn!(
            "cannot remove the job directory {}: {error}; it goes when the daemon starts again",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType};

    use super::*;

    #[test]
    fn an_earlier_daemons_jobs_are_cleared_away() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("scratch/7/deep")).unwrap();
        fs::write(base.path().join("scratch/7/deep/file"), "x").unwrap();
        fs::write(base.path().join("other"), "x").unwrap();
        let scratches = Scratches::new(base.path()).unwrap();
        assert_eq!(
            fs::read_dir(base.path().join("scratch")).unwrap().count(),
            0
        );
        assert!(base.path().join("other").exists());
        let (one, two) = (scratches.place().unwrap(), scratches.place().unwrap());
        assert_ne!(one.path(), two.path());
        let path = one.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        drop(one);
        assert!(!path.exists());
    }

    #[test]
    fn only_regular_files_of_the_job_are_opened() {
        let base = tempfile::tempdir().unwrap();
        let place = Scratches::new(base.path()).unwrap().place().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("good"), "four").unwrap();
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("directory/deep"), "").unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        symlink("/etc", at("away")).unwrap();
        symlink("good", at("inner")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let len = |name: &str| place.open(Path::new(name)).unwrap().map(|(_, len)| len);
        assert_eq!((len("good"), len("directory/deep")), (Some(4), Some(0)));
        for name in [
            "link",
            "away/passwd",
            "inner",
            "pipe",
            "directory",
            "none",
            "../other",
        ] {
            assert_eq!(len(name), None, "{name}");
        }
    }
}
