//! What a tree consists of, checked as text before anything is made.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use job::Digest;

use crate::error::StoreError;

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Relative to the root of the tree.
    pub path: PathBuf,
    pub kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sticky: like `/tmp`, anybody may write and only the owner delete.
    Directory { sticky: bool },
    File {
        digest: Digest,
        executable: bool,
        size: u64,
    },
    /// The target is text, and nothing here ever follows it.
    Symlink { target: PathBuf },
}

/// How a file is kept: an inode has one set of rights, so the same bytes may be kept twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) digest: Digest,
    pub(crate) executable: bool,
}

impl Key {
    pub(crate) fn file_name(&self) -> String {
        let mark = if self.executable { "x" } else { "" };
        format!("{}{mark}", self.digest)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (hex, executable) = match name.strip_suffix('x') {
            Some(hex) => (hex, true),
            None => (name, false),
        };
        let digest = Digest::parse(hex).ok()?;
        Some(Self { digest, executable })
    }

    pub(crate) fn mode(&self) -> u32 {
        if self.executable { 0o555 } else { 0o444 }
    }
}

/// More than any compiler has.
const MOST: usize = 1 << 18;
/// The kernel's limits.
const LONGEST: usize = 4095;
const LONGEST_COMPONENT: usize = 255;

/// Entries in an order in which they can be made: parents first, nothing twice, nothing below a file
/// or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing(Vec<Entry>);

impl Listing {
    pub(crate) fn new(mut entries: Vec<Entry>) -> Result<Self, StoreError> {
        if entries.len() > MOST {
            return Err(StoreError::Entry {
                path: format!("({} entries)", entries.len()),
                why: "are too many",
            });
        }
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        let mut directories: BTreeSet<&Path> = BTreeSet::new();
        let mut last = None;
        for Entry { path, kind } in &entries {
            let refused = |why| StoreError::Entry {
                path: format!("{path:?}"),
                why,
            };
            check(path).map_err(refused)?;
            if last == Some(path) {
                return Err(refused("stands there twice"));
            }
            last = Some(path);
            let parent = path.parent().unwrap_or(Path::new(""));
            if parent != Path::new("") && !directories.contains(parent) {
                return Err(refused("stands in no directory of the list"));
            }
            match kind {
                Kind::Directory { .. } => {
                    directories.insert(path);
                }
                Kind::File { .. } => {}
                Kind::Symlink { target } => {
                    let target = target.as_os_str().as_bytes();
                    if target.is_empty() || target.len() > LONGEST || target.contains(&0) {
                        return Err(refused("is a link to nothing, or to too long a path"));
                    }
                }
            }
        }
        Ok(Self(entries))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.0
    }

    /// What its files are kept as, each once.
    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        self.0.iter().filter_map(Entry::key).collect()
    }
}

impl Entry {
    pub(crate) fn key(&self) -> Option<Key> {
        match self.kind {
            Kind::File {
                digest, executable, ..
            } => Some(Key { digest, executable }),
            Kind::Directory { .. } | Kind::Symlink { .. } => None,
        }
    }
}

fn check(path: &Path) -> Result<(), &'static str> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.len() > LONGEST || bytes.contains(&0) {
        return Err("is empty, too long or contains a NUL");
    }
    let mut length = 0;
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err("does not stay below the root");
        };
        if name.len() > LONGEST_COMPONENT {
            return Err("has too long a component");
        }
        length += name.len() + 1;
    }
    // `components` overlooks doubled slashes, dots, and a slash at the end.
    if length != bytes.len() + 1 {
        return Err("is not in its shortest form");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind) -> Entry {
        Entry {
            path: path.into(),
            kind,
        }
    }

    const DIRECTORY: Kind = Kind::Directory { sticky: false };

    fn link() -> Kind {
        Kind::Symlink { target: "/".into() }
    }

    #[test]
    fn nothing_leads_out_and_everything_has_its_place() {
        let good = vec![
            entry("a.b", DIRECTORY),
            entry("a/b", link()),
            entry("a", DIRECTORY),
        ];
        let listing = Listing::new(good).unwrap();
        assert_eq!(listing.entries()[0].path, Path::new("a"));
        for bad in [
            vec![entry("", DIRECTORY)],
            vec![entry("/", DIRECTORY)],
            vec![entry("..", DIRECTORY)],
            vec![entry("a", DIRECTORY), entry("a/../b", link())],
            vec![entry("a", DIRECTORY), entry("a/./b", link())],
            vec![entry("a", DIRECTORY), entry("a//b", link())],
            vec![entry("a/", DIRECTORY)],
            vec![entry("./a", DIRECTORY)],
            vec![entry("a", DIRECTORY), entry("a", link())],
            vec![entry("a/b", link())],
            vec![entry("a", link()), entry("a/b", link())],
            vec![entry(&"x".repeat(256), DIRECTORY)],
            vec![entry("a", Kind::Symlink { target: "".into() })],
        ] {
            assert!(Listing::new(bad.clone()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_in_the_store_tells_digest_and_rights() {
        let digest = Digest::from_bytes([7; 32]);
        for executable in [false, true] {
            let key = Key { digest, executable };
            assert_eq!(Key::parse(&key.file_name()), Some(key));
        }
        assert_eq!(Key::parse("README"), None);
    }
}
