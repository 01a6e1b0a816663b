//! Where a user's wrappers and agent meet, and where the job log is kept.
//!
//! The runtime directory is held by descriptor: its owner and mode are checked on the very
//! directory that is used afterwards, and the socket in it is reached through `/proc/self/fd`, so
//! that the 108 bytes of a socket address never matter.

use std::env;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::variable;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Why the runtime directory cannot be used. None of these heals by trying again.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(
        "{path}: cannot be made or opened ({source}); set {} to a directory of your own",
        variable::FLOE_RUNTIME_DIR
    )]
    Unusable { path: PathBuf, source: Errno },
    #[error(
        "{path}: belongs to user {owner}, not to you; set {} to a directory of your own",
        variable::FLOE_RUNTIME_DIR
    )]
    Foreign { path: PathBuf, owner: u32 },
    #[error(
        "{path}: other users may enter it (mode {mode:o}) and that cannot be changed; set {} to a directory of your own",
        variable::FLOE_RUNTIME_DIR
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("{name} is {value:?}, which is not an absolute path")]
    Relative { name: &'static str, value: OsString },
}

/// The checked directory of the agent's socket, lock and log.
#[derive(Debug)]
pub struct RuntimeDir {
    pub(crate) fd: OwnedFd,
    path: PathBuf,
}

impl RuntimeDir {
    /// Opens, and makes if need be, the directory that this process's environment names:
    /// `$FLOE_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/floe` where that is the user's, else
    /// `/tmp/floe-UID`.
    pub fn open() -> Result<Self, PlaceError> {
        if let Some(path) = absolute(variable::FLOE_RUNTIME_DIR)? {
            return Self::at(path);
        }
        let me = rustix::process::geteuid();
        if let Some(base) = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
            // After `su` the variable names another user's directory: that is no error.
            let mine = rustix::fs::stat(&base).is_ok_and(|stat| stat.st_uid == me.as_raw());
            if base.is_absolute() && mine {
                return Self::at(base.join("floe"));
            }
        }
        Self::at(PathBuf::from(format!("/tmp/floe-{}", me.as_raw())))
    }

    /// Opens, and makes if need be, the directory at `path`.
    pub fn at(path: PathBuf) -> Result<Self, PlaceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(CWD, &path, flags, Mode::empty());
        let opened = open().or_else(|error| {
            if error != Errno::NOENT {
                return Err(error);
            }
            match rustix::fs::mkdirat(CWD, &path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => open(),
                Err(error) => Err(error),
            }
        });
        let fd = match opened {
            Ok(fd) => fd,
            Err(source) => return Err(PlaceError::Unusable { path, source }),
        };
        Self::check(&fd, &path)?;
        Ok(Self { fd, path })
    }

    fn check(fd: &OwnedFd, path: &Path) -> Result<(), PlaceError> {
        let path = || path.to_owned();
        let stat = rustix::fs::fstat(fd).map_err(|source| PlaceError::Unusable {
            path: path(),
            source,
        })?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(PlaceError::Foreign {
                path: path(),
                owner: stat.st_uid,
            });
        }
        if stat.st_mode & 0o077 != 0 && rustix::fs::fchmod(fd, Mode::RWXU).is_err() {
            return Err(PlaceError::Open {
                path: path(),
                mode: stat.st_mode & 0o7777,
            });
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path to `name` in this directory, short enough for a socket address.
    pub(crate) fn short(&self, name: &str) -> PathBuf {
        let long = self.path.join(name);
        // Without /proc only the real path can be tried.
        if long.as_os_str().as_bytes().len() < 100 && !Path::new("/proc/self/fd").exists() {
            return long;
        }
        PathBuf::from(format!(
            "/proc/self/fd/{}/{name}",
            self.fd.as_fd().as_raw_fd()
        ))
    }
}

/// The directory of the job log: `$FLOE_STATE_DIR`, `$XDG_STATE_HOME/floe` or
/// `~/.local/state/floe`. `None` for a user without a home.
pub fn state_dir() -> Option<PathBuf> {
    let named = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    named(variable::FLOE_STATE_DIR)
        .or_else(|| named("XDG_STATE_HOME").map(|base| base.join("floe")))
        .or_else(|| named("HOME").map(|home| home.join(".local/state/floe")))
}

fn absolute(name: &'static str) -> Result<Option<PathBuf>, PlaceError> {
    match env::var_os(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) if Path::new(&value).is_absolute() => Ok(Some(value.into())),
        Some(value) => Err(PlaceError::Relative { name, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_new_directory_is_private_and_an_open_one_is_closed() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("floe");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        RuntimeDir::at(path.clone()).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        RuntimeDir::at(path.clone()).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_link_a_file_and_an_unmakeable_directory_are_refused() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("link");
        symlink(base.path(), &link).unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [
            link,
            file.clone(),
            file.join("below"),
            base.path().join("no/where"),
        ] {
            let refused = RuntimeDir::at(path.clone());
            assert!(
                matches!(refused, Err(PlaceError::Unusable { .. })),
                "{path:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("foreign");
        fs::create_dir(&path).unwrap();
        if std::os::unix::fs::chown(&path, Some(4242), None).is_err() {
            eprintln!("skipped: only root can give a directory away");
            return;
        }
        assert!(matches!(
            RuntimeDir::at(path),
            Err(PlaceError::Foreign { owner: 4242, .. })
        ));
    }
}
