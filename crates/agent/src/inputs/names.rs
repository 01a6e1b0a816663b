//! The names in directories, so that a name that is not there costs no look at the disk. They are believed as long
//! as the directory's stamp stays, where a stamp says that much; else they are read anew for each source.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
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

/// A directory with more names is not read for each source while it changes.
const MOST_READ_OFTEN: usize = 5000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<DirectoryId, Known>,
    /// What holds for the source that is read now.
    now: HashMap<DirectoryId, State>,
    /// All names that were ever asked for.
    asked: HashSet<Box<[u8]>>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    is_racy: bool,
    names: HashSet<Box<[u8]>>,
    /// One file may have several names, or somebody else changes it.
    is_odd: bool,
    /// How often names came or went that were asked for.
    version: u32,
}

/// What is known of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    /// Its names, in this version of those that matter.
    Known(u32),
    /// Each name has to be looked at.
    Unknown,
}

impl Names {
    /// For the next source.
    pub(super) fn begin(&mut self) {
        self.now.clear();
    }

    pub(super) fn size(&self) -> usize {
        let names = self.known.values().map(|known| known.names.len());
        names.sum::<usize>() + self.asked.len()
    }

    /// Whether something of this name may be in the directory at `path`.
    pub(super) fn may_have(&mut self, directory: DirectoryId, path: &Path, name: &[u8]) -> bool {
        if !self.asked.contains(name) {
            self.asked.insert(name.into());
        }
        match self.state(directory, path) {
            State::Absent => false,
            State::Unknown => true,
            State::Known(_) => {
                let known = self.known.get(&directory);
                known.is_none_or(|known| known.names.contains(name))
            }
        }
    }

    /// What holds of a directory for the source that is read now.
    pub(super) fn state(&mut self, directory: DirectoryId, path: &Path) -> State {
        if let Some(state) = self.now.get(&directory) {
            return *state;
        }
        let state = self.look(directory, path);
        self.now.insert(directory, state);
        state
    }

    /// All directories that were asked for since [`Names::begin`].
    pub(super) fn states(&self) -> impl Iterator<Item = (DirectoryId, State)> {
        self.now
            .iter()
            .map(|(directory, state)| (*directory, *state))
    }

    fn look(&mut self, directory: DirectoryId, path: &Path) -> State {
        let began = SystemTime::now();
        let stamp = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Stamp::of(&meta),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return State::Absent,
            _ => return State::Unknown,
        };
        let is_racy = stamp.is_racy(began);
        let before = self.known.get(&directory);
        match before {
            Some(known) if known.is_odd => return State::Unknown,
            Some(known) if known.stamp == stamp && !known.is_racy => {
                return State::Known(known.version);
            }
            Some(known) if is_racy && known.names.len() > MOST_READ_OFTEN => {
                return State::Unknown;
            }
            _ => {}
        }
        let Some((names, is_odd)) = read(path, before.is_none()) else {
            return State::Unknown;
        };
        let version = before.map_or(0, |known| {
            let changed = known.names.symmetric_difference(&names);
            let matters = changed.into_iter().any(|name| self.asked.contains(name));
            known.version + u32::from(matters || known.stamp.is_of_another(&stamp))
        });
        let known = Known {
            stamp,
            is_racy,
            names,
            is_odd,
            version,
        };
        self.known.insert(directory, known);
        match is_odd {
            true => State::Unknown,
            false => State::Known(version),
        }
    }
}

fn read(path: &Path, is_new: bool) -> Option<(HashSet<Box<[u8]>>, bool)> {
    let mut names = HashSet::new();
    for entry in fs::read_dir(path).ok()? {
        names.insert(entry.ok()?.file_name().into_vec().into_boxed_slice());
    }
    let is_odd = is_new && (!is_local(path) || ignores_case(path, &names));
    Some((names, is_odd))
}

fn is_local(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| LOCAL.contains(&found.f_type))
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
        let other = path.join(OsString::from_vec(other));
        other.symlink_metadata().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_and_go_are_noticed_and_count_if_they_matter() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path();
        let here = DirectoryId(0);
        let mut names = Names::default();
        let mut asks = |name: &str| {
            names.begin();
            let has = names.may_have(here, at, name.as_bytes());
            (has, names.state(here, at))
        };
        if !is_local(at) {
            assert_eq!(asks("x.h"), (true, State::Unknown));
            return;
        }
        assert_eq!(asks("x.h"), (false, State::Known(0)));
        fs::write(at.join("x.o"), "").unwrap();
        assert_eq!(asks("x.h"), (false, State::Known(0)));
        fs::write(at.join("x.h"), "").unwrap();
        assert_eq!(asks("x.h"), (true, State::Known(1)));
        fs::remove_file(at.join("x.h")).unwrap();
        assert_eq!(asks("x.h"), (false, State::Known(2)));
        let none = at.join("none");
        names.begin();
        assert!(!names.may_have(DirectoryId(1), &none, b"x.h"));
        assert_eq!(names.state(DirectoryId(1), &none), State::Absent);
    }
}
