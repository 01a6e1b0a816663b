//! The files that a job left, opened without trusting it.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

/// A job's scratch directory after its end. Where it was in memory, this is all that holds it.
#[derive(Debug, Default)]
pub struct Files(Option<OwnedFd>);

impl Files {
    pub(crate) fn new(directory: Option<OwnedFd>) -> Self {
        Self(directory)
    }

    pub fn of_directory(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Some(openat(CWD, path, flags, Mode::empty())?)))
    }

    /// There is nothing: the job had its scratch directory on disk, or never began.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(OwnedFd::as_fd)
    }

    /// Opens a file that the job has written, and its length. `None` if there is no such regular
    /// file. The job may have made a link or a pipe of that name, hoping that we open it.
    pub fn open(&self, name: &Path) -> io::Result<Option<(File, u64)>> {
        let Some(directory) = &self.0 else {
            return Ok(None);
        };
        let name = CString::new(name.as_os_str().as_bytes())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let Ok(file) = openat2(directory, name.as_c_str(), flags, Mode::empty(), resolve) else {
            return Ok(None);
        };
        let file = File::from(file);
        let found = file.metadata()?;
        Ok(found.is_file().then_some((file, found.len())))
    }

    /// Whether there was so little room left that a failure may come from that.
    pub fn are_full(&self) -> bool {
        let Some(directory) = &self.0 else {
            return false;
        };
        // An O_PATH descriptor will do from Linux 3.12 on.
        rustix::fs::fstatvfs(directory).is_ok_and(|room| {
            let total = room.f_blocks.saturating_mul(room.f_frsize);
            let left = room.f_bavail.saturating_mul(room.f_frsize);
            room.f_favail == 0 || left < (total / 100).clamp(64 << 10, 10 << 20)
        })
    }
}
