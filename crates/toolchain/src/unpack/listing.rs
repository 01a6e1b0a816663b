//! What an archive holds, as a list: the files' bytes go to whoever keeps them by content, and no path
//! of the archive's ever reaches a file system.

use std::collections::BTreeMap;
use std::io::Read;

use job::Digest;

use super::name::Name;
use super::{Sink, Why};
use crate::manifest::{Entry, Kind, LinkTarget, Manifest, ManifestError, MemberPath};

/// Stores a file of exactly this size, from this body, to be executed or not.
pub(crate) trait Keep {
    fn keep(&mut self, size: u64, executable: bool, body: &mut dyn Read) -> Result<Digest, Why>;
}

/// The members so far.
pub(crate) struct Listing<K> {
    keep: K,
    members: BTreeMap<Name, Kind>,
}

impl<K: Keep> Listing<K> {
    pub(crate) fn new(keep: K) -> Self {
        Self {
            keep,
            members: BTreeMap::new(),
        }
    }

    /// The manifest, and whoever kept the files.
    pub(crate) fn finish(self) -> (Result<Manifest, ManifestError>, K) {
        let entries = self.members.into_iter().map(|(name, kind)| {
            let path = MemberPath::parse(&name.bytes())?;
            Ok(Entry { path, kind })
        });
        let entries = entries.collect::<Result<Vec<_>, ManifestError>>();
        (entries.and_then(Manifest::new), self.keep)
    }

    /// Makes sure that a name is free, and that what is above it are directories.
    fn place(&mut self, name: &Name) -> Result<(), Why> {
        let (parents, _) = name.split().ok_or(Why::Refused("its name is empty"))?;
        for length in 1..=parents.len() {
            let parent = Name::of(&parents[..length]);
            if *self.members.entry(parent).or_insert(Kind::Directory) != Kind::Directory {
                return Err(Why::Refused(
                    "a link or a file stands where it needs a directory",
                ));
            }
        }
        if self.members.contains_key(name) {
            return Err(Why::Refused("its name occurs twice"));
        }
        Ok(())
    }
}

impl<K: Keep> Sink for Listing<K> {
    fn file(
        &mut self,
        name: &Name,
        size: u64,
        executable: bool,
        mut body: impl Read,
    ) -> Result<(), Why> {
        self.place(name)?;
        let digest = self.keep.keep(size, executable, &mut body)?;
        let kind = Kind::File {
            executable,
            size,
            digest,
        };
        self.members.insert(name.clone(), kind);
        Ok(())
    }

    fn directory(&mut self, name: &Name) -> Result<(), Why> {
        if name.split().is_none() {
            return Ok(());
        }
        match self.members.get(name) {
            Some(Kind::Directory) => Ok(()),
            Some(_) => Err(Why::Refused(
                "a link or a file stands where it needs a directory",
            )),
            None => {
                self.place(name)?;
                self.members.insert(name.clone(), Kind::Directory);
                Ok(())
            }
        }
    }

    fn symlink(&mut self, name: &Name, target: &[u8]) -> Result<(), Why> {
        self.place(name)?;
        const BAD: Why = Why::Refused("it links out of the toolchain");
        let path = MemberPath::parse(&name.bytes()).map_err(|_| BAD)?;
        let target = LinkTarget::parse(&path, target).map_err(|_| BAD)?;
        self.members.insert(name.clone(), Kind::Symlink { target });
        Ok(())
    }

    fn hard_link(&mut self, name: &Name, target: &Name) -> Result<(), Why> {
        let Some(kind @ Kind::File { .. }) = self.members.get(target).cloned() else {
            return Err(Why::Refused(
                "it is a link to something that is no file of this archive",
            ));
        };
        self.place(name)?;
        self.members.insert(name.clone(), kind);
        Ok(())
    }
}
