//! One thing at one place.

use job::Digest;

use super::ids::{Ids, put_varint};
use super::path::EntryPath;

/// An agent's number for an entry. It is never used again on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u32);

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: EntryPath,
    pub what: What,
    /// Earlier jobs relied on it that nothing is there: what was set up before it came must not get it.
    pub is_fresh: bool,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Directory,
    File(Body),
    /// The same file as another entry of a lower number, by a hard link.
    Same(EntryId),
    /// A symbolic link and what it says.
    Link(Box<[u8]>),
    /// A file that was not sent, since nothing should read it.
    Unsent,
}

/// A file's body, whose bytes follow the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub modified: Modified,
    pub executable: bool,
}

/// When a file was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Modified {
    /// Since 1970; before that negative.
    pub seconds: i64,
    /// Below 10^9.
    pub nanoseconds: u32,
}

impl Entry {
    /// What stands for the entry in a job's digest: all that decides what a compiler sees. `same` is the key
    /// of the entry that a [`What::Same`] names.
    pub fn key(&self, same: Option<&Digest>) -> Digest {
        let mut bytes = Vec::with_capacity(self.path.as_bytes().len() + 64);
        put_varint(&mut bytes, self.path.as_bytes().len() as u64);
        bytes.extend_from_slice(self.path.as_bytes());
        bytes.push(self.what.number());
        match &self.what {
            What::Directory | What::Unsent => {}
            What::File(body) => {
                bytes.extend_from_slice(body.digest.as_bytes());
                put_varint(&mut bytes, body.size);
                bytes.extend_from_slice(&body.modified.seconds.to_le_bytes());
                bytes.extend_from_slice(&body.modified.nanoseconds.to_le_bytes());
                bytes.push(u8::from(body.executable));
            }
            What::Same(_) => {
                bytes
                    .extend_from_slice(same.map_or(&[0; Digest::LENGTH][..], |key| key.as_bytes()));
            }
            What::Link(target) => bytes.extend_from_slice(target),
        }
        Digest::from_bytes(*blake3::hash(&bytes).as_bytes())
    }
}

impl What {
    pub(super) fn number(&self) -> u8 {
        match self {
            Self::Directory => 1,
            Self::File(_) => 2,
            Self::Same(_) => 3,
            Self::Link(_) => 4,
            Self::Unsent => 5,
        }
    }
}

/// The digest of a job's entries; `None` if one of them is not known.
pub fn digest(ids: &Ids, mut key: impl FnMut(EntryId) -> Option<Digest>) -> Option<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut number = Vec::with_capacity(5);
    for id in ids.iter() {
        number.clear();
        put_varint(&mut number, u64::from(id.0));
        hasher.update(&number);
        hasher.update(key(id)?.as_bytes());
    }
    Some(Digest::from_bytes(*hasher.finalize().as_bytes()))
}
