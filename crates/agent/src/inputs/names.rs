//! The names in directories, so that a name that is not there costs no look at the disk. They are believed as long
//! as the directory's stamp stays, where a stamp says that much; else they are read anew for each source.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use includes::DirectoryId;
use rustix::fs::{Mode, OFlags, RawDir, open, statfs};
use toolchain::Stamp;

use super::looks::{Look, Looks};

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

/// See the module. A directory that objects are written into is read for most of its sources: of its names
/// only their hashes are kept. Two that share one can only have a look at the disk be taken in vain.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<DirectoryId, Known>,
    /// What holds for the source that is read now.
    now: HashMap<DirectoryId, State>,
    /// What each directory's last look found.
    last: HashMap<DirectoryId, (Look, State)>,
    looks: Looks,
    /// All names that were ever asked for.
    asked: Hashes,
    hasher: RandomState,
}

type Hashes = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// Of what is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    is_racy: bool,
    names: Hashes,
    /// One file may have several names, or somebody else changes it.
    is_odd: bool,
    /// No name was there yet that could be written in letters of the other case.
    is_untried: bool,
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
    pub(super) fn begin(&mut self, looks: Looks) {
        self.now.clear();
        self.looks = looks;
    }

    pub(super) fn size(&self) -> usize {
        let names = self.known.values().map(|known| known.names.len());
        names.sum::<usize>() + self.asked.len()
    }

    /// Whether something of this name may be in the directory at `path`.
    pub(super) fn may_have(&mut self, directory: DirectoryId, path: &Path, name: &[u8]) -> bool {
        let name = self.hasher.hash_one(name);
        self.asked.insert(name);
        match self.state(directory, path) {
            State::Absent => false,
            State::Unknown => true,
            State::Known(_) => {
                let known = self.known.get(&directory);
                known.is_none_or(|known| known.names.contains(&name))
            }
        }
    }

    /// What holds of a directory for the source that is read now.
    pub(super) fn state(&mut self, directory: DirectoryId, path: &Path) -> State {
        if let Some(state) = self.now.get(&directory) {
            return *state;
        }
        let last = self.last.get(&directory);
        let last = last.filter(|(look, _)| self.looks.may_use(*look));
        let state = match last {
            Some((_, state)) => *state,
            None => {
                let state = self.look(directory, path);
                self.last.insert(directory, (self.looks.look(), state));
                state
            }
        };
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
        let Some(Reading {
            names,
            is_odd,
            is_untried,
        }) = read(
            path,
            before.is_none_or(|known| known.is_untried),
            &self.hasher,
        )
        else {
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
            is_untried,
            version,
        };
        self.known.insert(directory, known);
        match is_odd {
            true => State::Unknown,
            false => State::Known(version),
        }
    }
}

/// What is in a directory; see [`Known`].
struct Reading {
    names: Hashes,
    is_odd: bool,
    is_untried: bool,
}

fn read(path: &Path, is_new: bool, hasher: &RandomState) -> Option<Reading> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(path, flags, Mode::empty()).ok()?;
    let mut room = [MaybeUninit::uninit(); 16 << 10];
    let mut entries = RawDir::new(directory, &mut room);
    let mut names = Hashes::default();
    // One that is not written like its own other case.
    let mut letters = None;
    while let Some(entry) = entries.next() {
        let entry = entry.ok()?;
        let name = entry.file_name().to_bytes();
        if is_new && letters.is_none() && name.iter().any(u8::is_ascii_alphabetic) {
            letters = Some(name.to_vec());
        }
        names.insert(hasher.hash_one(name));
    }
    let ignores_case = |name: &Vec<u8>| ignores_case(path, name, &names, hasher);
    let is_odd = is_new && (!is_local(path) || letters.as_ref().is_some_and(ignores_case));
    let is_untried = is_new && letters.is_none();
    Some(Reading {
        names,
        is_odd,
        is_untried,
    })
}

fn is_local(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| LOCAL.contains(&found.f_type))
}

/// Whether a name is found in letters of the other case as well.
fn ignores_case(path: &Path, name: &[u8], names: &Hashes, hasher: &RandomState) -> bool {
    let flip = |byte: &u8| match byte.is_ascii_lowercase() {
        true => byte.to_ascii_uppercase(),
        false => byte.to_ascii_lowercase(),
    };
    let other: Vec<u8> = name.iter().map(flip).collect();
    !names.contains(&hasher.hash_one(&other[..]))
        && path
            .join(OsStr::from_bytes(&other))
            .symlink_metadata()
            .is_ok()
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
            names.begin(Looks::default());
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
        names.begin(Looks::default());
        assert!(!names.may_have(DirectoryId(1), &none, b"x.h"));
        assert_eq!(names.state(DirectoryId(1), &none), State::Absent);
    }
}
