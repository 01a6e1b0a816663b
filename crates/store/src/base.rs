//! The directory that the daemon's owner names, and the way to it: nobody but root and the daemon's user
//! may have a hand in either, since what lies there becomes the compilers of others' jobs (path_resolution(7)).

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::{getegid, geteuid};

use crate::error::OpenError;

/// As many as the kernel follows on the way to one file.
const MOST_LINKS: usize = 40;
const STICKY: u32 = 0o1000;

/// The base directory, held open: what is done to it later is done to what was looked at.
#[derive(Debug)]
pub struct Base {
    directory: File,
    path: PathBuf,
    meta: Metadata,
}

impl Base {
    /// Makes it, and what is missing above, unless it is there. `account` is the daemon's user.
    pub fn open(path: &Path, account: u32) -> Result<Self, OpenError> {
        let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
        let trusted = Trusted::with(account);
        let path = trusted.walk(&path)?;
        let directory = open_directory(&path).map_err(|error| unusable(&path, error))?;
        let meta = directory
            .metadata()
            .map_err(|error| unusable(&path, error))?;
        if let Some(why) = trusted.objects(&meta, &[]) {
            return Err(OpenError::Exposed { path, why });
        }
        Ok(Self {
            directory,
            path,
            meta,
        })
    }

    /// Hands it to the daemon's account if there is nothing in it. A directory that everybody may write to is
    /// a place for many: it stays whose it is.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        let is_shared = self.meta.mode() & 0o022 != 0;
        if is_shared || self.meta.uid() == user || fs::read_dir(&self.path)?.next().is_some() {
            return Ok(());
        }
        std::os::unix::fs::fchown(&self.directory, Some(user), Some(group))
    }

    /// Its name without links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens a directory, not what a link of its name leads to.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Who may own and write what lies on the way.
struct Trusted {
    users: Vec<u32>,
    /// On the way only.
    groups: Vec<u32>,
}

impl Trusted {
    fn with(account: u32) -> Self {
        let mut users = vec![0, account, geteuid().as_raw()];
        let mut groups = vec![0, getegid().as_raw()];
        if let Some(foreign) = unmapped() {
            users.push(foreign);
            groups.push(foreign);
        }
        Self { users, groups }
    }

    /// Goes there from the root, and looks at each directory before anything in it is looked up: so nothing
    /// of what was seen can be changed by others behind this. Gives the path without links.
    fn walk(&self, path: &Path) -> Result<PathBuf, OpenError> {
        let mut at = PathBuf::from("/");
        let mut left: VecDeque<OsString> = names(path).collect();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            let failed = |error| unusable(&at.join(&name), error);
            if name == ".." {
                at.pop();
                continue;
            }
            let above = fs::symlink_metadata(&at).map_err(failed)?;
            if let Some(why) = self.objects(&above, &self.groups) {
                return Err(OpenError::Exposed { path: at, why });
            }
            let here = at.join(&name);
            let meta = found_or_made(&here).map_err(failed)?;
            if !meta.is_symlink() {
                at = here;
                continue;
            }
            let exposed = |why| OpenError::Exposed {
                path: here.clone(),
                why,
            };
            if left.is_empty() {
                return Err(exposed(
                    "is a symbolic link; name the directory that it leads to",
                ));
            }
            links += 1;
            if !self.users.contains(&meta.uid()) || links > MOST_LINKS {
                return Err(exposed("is a symbolic link of another user"));
            }
            let target = fs::read_link(&here).map_err(failed)?;
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for name in names(&target).rev() {
                left.push_front(name);
            }
        }
        Ok(at)
    }

    /// What is wrong with a directory. In a sticky one others can make what is not there, and no more.
    fn objects(&self, meta: &Metadata, groups: &[u32]) -> Option<&'static str> {
        if !self.users.contains(&meta.uid()) {
            return Some("belongs to another user than root or the daemon's");
        }
        let by_group = meta.mode() & 0o020 != 0 && !groups.contains(&meta.gid());
        let by_all = meta.mode() & 0o002 != 0;
        let may_write = (by_group || by_all) && meta.mode() & STICKY == 0;
        may_write.then_some("may be written by other users than root and the daemon's")
    }
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Making never follows a link, nor takes what somebody else has just made for its own.
fn found_or_made(path: &Path) -> io::Result<Metadata> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::symlink_metadata(path),
    }
}

/// As whose everything appears that belongs to nobody of this user namespace (user_namespaces(7)): the
/// host's root, most of all. None where all users are known.
fn unmapped() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    let all = ["0", "0", "4294967295"];
    if map.split_whitespace().eq(all) {
        return None;
    }
    let foreign = fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?;
    foreign.trim().parse().ok()
}

pub(crate) fn unusable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unusable {
        path: path.to_path_buf(),
        source,
    }
}
