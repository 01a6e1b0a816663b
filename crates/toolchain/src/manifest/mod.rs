//! What a toolchain is: the sorted list of its members, by content. No times, no owners, no rights
//! but "may be executed": two hosts with the same compiler write the same bytes, and the digest of
//! these bytes is the toolchain's identity.

mod codec;
mod path;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::fmt;

use job::{Digest, EnvironmentName};

pub use codec::ManifestError;
pub use path::{BadPath, LinkTarget, MemberPath};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    Directory,
    File {
        executable: bool,
        size: u64,
        digest: Digest,
    },
    Symlink {
        target: LinkTarget,
    },
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    pub path: MemberPath,
    pub kind: Kind,
}

/// The digest of a manifest's canonical bytes: the name of a toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub Digest);

impl Identity {
    /// The name in icecream's protocol: half the digest, in the shape of icecream's own names.
    pub fn environment_name(&self) -> Result<EnvironmentName, job::InvalidName> {
        EnvironmentName::parse(&self.0.to_string()[..32])
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Sorted members. Every directory above a member is a member too, so members made in this order
/// never lack their parent, and none stands below a file or a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

impl Manifest {
    /// More members than any compiler has: the largest measured (an LLVM with all its headers) has
    /// some thousands.
    pub const MOST_ENTRIES: usize = 1 << 17;
    /// Longest canonical encoding, for whoever reads one from a peer.
    pub const MOST_BYTES: usize = 32 << 20;

    /// Sorts `entries` and adds the directories above them.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self, ManifestError> {
        let mut sorted: BTreeMap<MemberPath, Kind> = BTreeMap::new();
        for Entry { path, kind } in entries {
            for parent in path.ancestors() {
                let there = sorted.entry(parent.clone()).or_insert(Kind::Directory);
                if *there != Kind::Directory {
                    return Err(ManifestError::BelowFile { path });
                }
            }
            match sorted.entry(path) {
                Place::Vacant(place) => {
                    place.insert(kind);
                }
                Place::Occupied(place) if *place.get() == kind => {}
                Place::Occupied(place) => {
                    return Err(ManifestError::Twice {
                        path: place.key().clone(),
                    });
                }
            }
            if sorted.len() > Self::MOST_ENTRIES {
                return Err(ManifestError::TooLarge);
            }
        }
        let entries = sorted
            .into_iter()
            .map(|(path, kind)| Entry { path, kind })
            .collect();
        Ok(Self { entries })
    }

    /// In order: parents before what they hold.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Path, rights, size and digest of each file.
    pub fn files(&self) -> impl Iterator<Item = (&MemberPath, bool, u64, Digest)> {
        self.entries.iter().filter_map(|entry| match entry.kind {
            Kind::File {
                executable,
                size,
                digest,
            } => Some((&entry.path, executable, size, digest)),
            Kind::Directory | Kind::Symlink { .. } => None,
        })
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files()
            .fold(0, |sum, (_, _, size, _)| sum.saturating_add(size))
    }

    /// The canonical bytes: equal manifests have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&self.entries)
    }

    /// Reads what [`Self::encode`] wrote; anything else, even of the same meaning, is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        codec::decode(bytes)
    }

    pub fn identity(&self) -> Identity {
        Identity(Digest::from_bytes(*blake3::hash(&self.encode()).as_bytes()))
    }
}
