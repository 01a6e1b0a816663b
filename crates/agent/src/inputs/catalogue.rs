//! All that executors were ever told of this host's files, and what of it is still true.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use job::Digest;
use wire::view::{Batch, Body, Entry, EntryId, EntryPath, Ids, What, digest};

use super::reading;

/// More entries than one agent tells. Beyond that jobs travel as text until it starts again.
const MOST: usize = 2_000_000;

#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    known: Vec<Known>,
    /// What is at a place now.
    at: HashMap<EntryPath, EntryId>,
    /// What stands for files that are not sent. They may be sent as well, for another job.
    unsent: HashMap<EntryPath, EntryId>,
    /// Files by device and inode: who has the same is the same file.
    inodes: HashMap<(u64, u64), EntryId>,
    /// Where jobs relied on it that nothing is there.
    absent: HashSet<EntryPath>,
    /// What is not there any more, in the order in which that was noticed.
    gone: Vec<EntryId>,
}

#[derive(Debug)]
struct Known {
    entry: Entry,
    key: Digest,
    is_gone: bool,
}

/// Why an entry cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTold {
    #[error("{0} has changed meanwhile")]
    Changed(EntryPath),
    #[error("its path cannot be told: {0}")]
    Path(String),
    #[error("too many files were told")]
    Full,
}

impl Catalogue {
    pub(crate) fn directory(&mut self, path: &[u8]) -> Result<EntryId, NotTold> {
        self.put(place(path)?, What::Directory, None)
    }

    pub(crate) fn link(&mut self, path: &[u8], target: &[u8]) -> Result<EntryId, NotTold> {
        self.put(place(path)?, What::Link(target.into()), None)
    }

    /// A file as it was read.
    pub(crate) fn file(
        &mut self,
        path: &[u8],
        body: Body,
        inode: (u64, u64),
    ) -> Result<EntryId, NotTold> {
        let path = place(path)?;
        let first = self.inodes.get(&inode).copied();
        let first = first.filter(|first| {
            let known = &self.known[first.0 as usize];
            !known.is_gone && known.entry.what == What::File(body)
        });
        // A file that was renamed is not two files.
        let is_there = |first: &EntryId| {
            let known = &self.known[first.0 as usize].entry.path;
            *known == path || lies_at(known.as_bytes(), inode)
        };
        match first.filter(is_there) {
            Some(first) if self.known[first.0 as usize].entry.path == path => Ok(first),
            Some(first) => {
                let key = self.known[first.0 as usize].key;
                self.put(path, What::Same(first), Some(&key))
            }
            None => {
                let id = self.put(path, What::File(body), None)?;
                self.inodes.insert(inode, id);
                Ok(id)
            }
        }
    }

    /// A file that is there and that nothing should read.
    pub(crate) fn unsent(&mut self, path: &[u8]) -> Result<EntryId, NotTold> {
        let path = place(path)?;
        if let Some(id) = self.unsent.get(&path) {
            return Ok(*id);
        }
        let is_fresh = self.absent.remove(&path);
        let id = self.add(path.clone(), What::Unsent, is_fresh, None)?;
        self.unsent.insert(path, id);
        Ok(id)
    }

    /// Nothing is there.
    pub(crate) fn nothing(&mut self, path: &[u8]) -> Result<(), NotTold> {
        let path = place(path)?;
        for id in [self.at.remove(&path), self.unsent.remove(&path)] {
            self.lose(id);
        }
        self.absent.insert(path);
        Ok(())
    }

    fn put(
        &mut self,
        path: EntryPath,
        what: What,
        same: Option<&Digest>,
    ) -> Result<EntryId, NotTold> {
        if let Some(id) = self.at.get(&path)
            && self.known[id.0 as usize].entry.what == what
        {
            return Ok(*id);
        }
        let before = self.at.remove(&path);
        self.lose(before);
        if !matches!(what, What::File(_) | What::Same(_)) {
            let unsent = self.unsent.remove(&path);
            self.lose(unsent);
        }
        let is_fresh = self.absent.remove(&path);
        let id = self.add(path.clone(), what, is_fresh, same)?;
        self.at.insert(path, id);
        Ok(id)
    }

    fn add(
        &mut self,
        path: EntryPath,
        what: What,
        is_fresh: bool,
        same: Option<&Digest>,
    ) -> Result<EntryId, NotTold> {
        let number = u32::try_from(self.known.len()).map_err(|_| NotTold::Full)?;
        if self.known.len() >= MOST {
            return Err(NotTold::Full);
        }
        let entry = Entry {
            path,
            what,
            is_fresh,
        };
        let key = entry.key(same);
        self.known.push(Known {
            entry,
            key,
            is_gone: false,
        });
        Ok(EntryId(number))
    }

    fn lose(&mut self, id: Option<EntryId>) {
        let Some(id) = id else { return };
        let known = &mut self.known[id.0 as usize];
        if !std::mem::replace(&mut known.is_gone, true) {
            self.gone.push(id);
        }
    }

    /// Whether nothing of these was lost.
    pub(crate) fn is_current(&self, ids: &Ids) -> bool {
        let mut known = ids.iter().map(|id| self.known.get(id.0 as usize));
        known.all(|known| known.is_some_and(|known| !known.is_gone))
    }

    /// What stands for a job's entries.
    pub(crate) fn digest(&self, ids: &Ids) -> Option<Digest> {
        digest(ids, |id| Some(self.known.get(id.0 as usize)?.key))
    }

    /// The entry that an entry is the same file as.
    pub(crate) fn same_as(&self, id: EntryId) -> Option<EntryId> {
        match self.known.get(id.0 as usize)?.entry.what {
            What::Same(first) => Some(first),
            _ => None,
        }
    }

    /// What was lost since so many had been.
    pub(crate) fn gone_since(&self, count: usize) -> &[EntryId] {
        self.gone.get(count..).unwrap_or_default()
    }

    /// An entry, to be told.
    pub(crate) fn entry(&self, id: EntryId) -> Option<Entry> {
        Some(self.known.get(id.0 as usize)?.entry.clone())
    }
}

fn place(path: &[u8]) -> Result<EntryPath, NotTold> {
    EntryPath::new(path).map_err(|why| NotTold::Path(why.to_string()))
}

/// Adds an entry to a batch, with the bytes of its file, which must be what they were.
pub(crate) fn push(batch: &mut Batch, id: EntryId, entry: &Entry) -> Result<(), NotTold> {
    let What::File(body) = &entry.what else {
        batch.push(id, entry, &[]);
        return Ok(());
    };
    let changed = || NotTold::Changed(entry.path.clone());
    let path = Path::new(OsStr::from_bytes(entry.path.as_bytes()));
    let now = reading::read(path).ok_or_else(changed)?;
    // Its time may have been set since; the bytes are what was asked for all the same.
    if now.body.digest != body.digest {
        return Err(changed());
    }
    batch.push(id, entry, &now.bytes);
    Ok(())
}

/// Whether a file is at its place still, and not where a link leads now.
fn lies_at(path: &[u8], inode: (u64, u64)) -> bool {
    let place = Path::new(OsStr::from_bytes(path));
    self::inode(path) == Some(inode) && place.canonicalize().is_ok_and(|found| found == place)
}

/// Device and inode of a file that is there.
pub(crate) fn inode(path: &[u8]) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(Path::new(OsStr::from_bytes(path))).ok()?;
    Some((meta.dev(), meta.ino()))
}
