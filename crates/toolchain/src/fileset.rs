//! The files of a toolchain: where each stands on the executor, and where its bytes come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::elf::Kind;
use crate::stamp::Watch;

/// Where a member's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine, all links resolved.
    File(PathBuf),
    /// Made up here.
    Text(Vec<u8>),
}

/// One file of a toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub source: Source,
    pub executable: bool,
    pub size: u64,
}

/// A compiler's complete set of files, by their relative names in the archive.
#[derive(Debug, Clone)]
pub struct FileSet {
    /// The compiler that was asked for, for messages.
    pub(crate) compiler: PathBuf,
    pub(crate) members: BTreeMap<PathBuf, Member>,
    pub(crate) watch: Watch,
    /// What the loader's cache in it says, and whether no other library of that name may replace it.
    /// Empty when it comes from a record: nothing is added to such a set.
    pub(crate) cached: Cached,
    /// The compiler was watched at work.
    pub(crate) is_observed: bool,
}

/// Libraries that are found by their names.
pub(crate) type Cached = BTreeMap<(Vec<u8>, Kind), (PathBuf, bool)>;

impl FileSet {
    /// Name and member, sorted by name.
    pub fn members(&self) -> impl Iterator<Item = (&Path, &Member)> {
        self.members
            .iter()
            .map(|(name, member)| (name.as_path(), member))
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.members.values().map(|member| member.size).sum()
    }
}
