//! The names in directories, so that a name that is not there costs no look at the disk. They are believed as long
//! as the directory's stamp stays, where a stamp says that much.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::SystemTime;

use includes::DirectoryId;
use rustix::fs::statfs;
use toolchain::Stamp;

/// File systems of this host, whose directories have a new stamp when they change.
const LOCAL: &[i64] = &[
    0xef53,      // ext2, ext3, ext4
    0x9123_683e, // btrfs
    0x5846_5342, // xfs
    0x0102_1994, // tmpfs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // zfs
    0xf2f5_2010, // f2fs
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<DirectoryId, Known>,
    /// What holds for the source that is read now.
    now: HashMap<DirectoryId, Now>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    names: HashSet<Box<[u8]>>,
    /// One file may have several names, or somebody else changes it.
    is_odd: bool,
}

#[derive(Clone, Copy, Debug)]
enum Now {
    Absent,
    Known,
    /// Each name has to be looked at.
    Unknown,
}

impl Names {
    /// For the next source.
    pub(super) fn begin(&mut self) {
        self.now.clear();
    }

    pub(super) fn size(&self) -> usize {
        self.known.values().map(|known| known.names.len()).sum()
    }

    /// Whether something of this name may be in the directory at `path`.
    pub(super) fn may_have(&mut self, directory: DirectoryId, path: &Path, name: &[u8]) -> bool {
        let now = match self.now.get(&directory) {
            Some(now) => *now,
            None => {
                let now = self.look(directory, path);
                self.now.insert(directory, now);
                now
            }
        };
        match (now, self.known.get(&directory)) {
            (Now::Absent, _) => false,
            (Now::Known, Some(known)) => match name {
                b"" | b"." | b".." => true,
                _ => known.names.contains(name),
            },
            _ => true,
        }
    }

    fn look(&mut self, directory: DirectoryId, path: &Path) -> Now {
        let began = SystemTime::now();
        let stamp = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Stamp::of(&meta),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Now::Absent,
            _ => return Now::Unknown,
        };
        if stamp.is_racy(began) {
            return Now::Unknown;
        }
        if self
            .known
            .get(&directory)
            .is_none_or(|known| known.stamp != stamp)
        {
            let Some((names, is_odd)) = read(path) else {
                return Now::Unknown;
            };
            if Stamp::at(path) != Some(stamp) {
                return Now::Unknown;
            }
            let known = Known {
                stamp,
                names,
                is_odd,
            };
            self.known.insert(directory, known);
        }
        match self.known.get(&directory) {
            Some(known) if !known.is_odd => Now::Known,
            _ => Now::Unknown,
        }
    }
}

fn read(path: &Path) -> Option<(HashSet<Box<[u8]>>, bool)> {
    let mut names = HashSet::new();
    for entry in fs::read_dir(path).ok()? {
        names.insert(entry.ok()?.file_name().into_vec().into_boxed_slice());
    }
    let is_local = statfs(path).is_ok_and(|found| LOCAL.contains(&found.f_type));
    let is_odd = !is_local || ignores_case(path, &names);
    Some((names, is_odd))
}

/// Whether a name is found in letters of the other case as well.
fn ignores_case(path: &Path, names: &HashSet<Box<[u8]>>) -> bool {
    let flipped = |name: &[u8]| -> Vec<u8> {
        let flip = |byte: &u8| match byte.is_ascii_lowercase() {
            true => byte.to_ascii_uppercase(),
            false => byte.to_ascii_lowercase(),
        };
        name.iter().map(flip).collect()
    };
    let mut others = names.iter().map(|name| flipped(name));
    let other = others.find(|other| !names.contains(&other[..]));
    other.is_some_and(|other| {
        let other: &OsStr = OsStr::from_bytes(&other);
        path.join(OsString::from(other)).symlink_metadata().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_may_still_change_are_not_believed() {
        let home = tempfile::tempdir().unwrap();
        let mut names = Names::default();
        let mut asks = |at: &Path, name: &str| {
            names.begin();
            names.may_have(
                DirectoryId(u32::from(at == Path::new("/bin"))),
                at,
                name.as_bytes(),
            )
        };
        // It was made just now.
        assert!(asks(home.path(), "none.h"));
        assert!(!asks(&home.path().join("none"), "none.h"));
        assert!(asks(Path::new("/bin"), "sh"));
        assert!(asks(Path::new("/bin"), ".."));
        // Old, and on a file system of this host.
        let is_local = statfs("/bin").is_ok_and(|found| LOCAL.contains(&found.f_type));
        assert_eq!(asks(Path::new("/bin"), "no-such-program"), !is_local);
    }
}
