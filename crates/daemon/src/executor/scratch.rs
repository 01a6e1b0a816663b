//! The directory that each job may write to: in memory, or, where jobs have no mounts of their own,
//! on disk, and then removed with everything in it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sandbox::{Files, Rung, Scratch};
use tokio::runtime::Handle;

#[derive(Debug)]
pub(super) struct Scratches {
    directory: PathBuf,
    next: AtomicU64,
}

impl Scratches {
    pub(super) fn new(base: &Path) -> io::Result<Self> {
        let directory = std::path::absolute(base)?.join("scratch");
        // Not by `remove_dir_all`: a hostile job could leave what that cannot remove.
        store::clear(&directory)?;
        make(&directory)?;
        Ok(Self {
            directory,
            next: AtomicU64::new(0),
        })
    }

    /// A file without a name, gone when it is closed.
    pub(super) fn file(&self) -> io::Result<File> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("spool-{number}"));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }

    /// A place for one job of the toolchain at `root`, with `directories` in it.
    pub(super) fn place(
        &self,
        rung: Rung,
        root: &Path,
        room: Room,
        directories: &[PathBuf],
    ) -> io::Result<Place> {
        if rung.has_mounts() {
            return Ok(Place {
                scratch: Scratch::Memory {
                    bytes: room.bytes,
                    files: room.files,
                    directories: directories.to_vec(),
                },
            });
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = match rung {
            // The toolchain is all that the job sees.
            Rung::Chroot => root
                .join("tmp")
                .join(format!("{}-{number}", std::process::id())),
            _ => self.directory.join(number.to_string()),
        };
        make(&path)?;
        let place = Place {
            scratch: Scratch::Directory(path),
        };
        place.furnish(directories)?;
        Ok(place)
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// What a scratch directory in memory may hold.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
}

/// One job's directory. If it is on disk it goes when this is dropped, which must be after the
/// job's last process.
#[derive(Debug)]
pub(super) struct Place {
    scratch: Scratch,
}

impl Place {
    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Makes directories, relative and parents first, in a place on disk.
    pub(super) fn furnish(&self, directories: &[PathBuf]) -> io::Result<()> {
        if let Scratch::Directory(path) = &self.scratch {
            for directory in directories {
                make(&path.join(directory))?;
            }
        }
        Ok(())
    }

    /// What the job left: `in_memory`, or on disk.
    pub(super) fn files(&self, in_memory: Files) -> io::Result<Files> {
        match &self.scratch {
            Scratch::Memory { .. } => Ok(in_memory),
            Scratch::Directory(path) => Files::of_directory(path),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Scratch::Directory(path) = &mut self.scratch else {
            return;
        };
        let path = std::mem::take(path);
        // A job may leave many files; nobody needs to wait for their end.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path))),
            Err(_) => remove(&path),
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = store::clear(path) {
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

    use rustix::fs::{CWD, FileType, Mode};

    use super::*;

    const ROOM: Room = Room { bytes: 1, files: 1 };

    fn on_disk(scratches: &Scratches, directories: &[PathBuf]) -> (Place, PathBuf) {
        let place = scratches
            .place(Rung::Installed, Path::new("/"), ROOM, directories)
            .unwrap();
        let Scratch::Directory(path) = place.scratch().clone() else {
            panic!("{place:?}");
        };
        (place, path)
    }

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
        let (one, path) = on_disk(&scratches, &["a".into(), "a/b".into()]);
        let (_two, other) = on_disk(&scratches, &[]);
        assert_ne!(path, other);
        fs::write(path.join("a/b/file"), "x").unwrap();
        drop(one);
        assert!(!path.exists());
    }

    #[test]
    fn jobs_with_mounts_need_no_disk() {
        let base = tempfile::tempdir().unwrap();
        let scratches = Scratches::new(base.path()).unwrap();
        let place = scratches
            .place(Rung::Namespaces, Path::new("/t"), ROOM, &["a".into()])
            .unwrap();
        assert!(matches!(place.scratch(), Scratch::Memory { .. }));
        assert_eq!(
            fs::read_dir(base.path().join("scratch")).unwrap().count(),
            0
        );
    }

    #[test]
    fn only_regular_files_of_the_job_are_opened() {
        let base = tempfile::tempdir().unwrap();
        let (place, path) = on_disk(&Scratches::new(base.path()).unwrap(), &["directory".into()]);
        let at = |name: &str| path.join(name);
        fs::write(at("good"), "four").unwrap();
        fs::write(at("directory/deep"), "").unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        symlink("/etc", at("away")).unwrap();
        symlink("good", at("inner")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let files = place.files(Files::default()).unwrap();
        let len = |name: &str| files.open(Path::new(name)).unwrap().map(|(_, len)| len);
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
