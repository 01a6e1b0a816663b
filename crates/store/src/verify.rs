//! Doubt: what an earlier boot of the machine wrote is read once before it is used.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use job::Digest;

use crate::entry::{Key, Kind, Listing};
use crate::error::StoreError;
use crate::ledger::Item;
use crate::record;
use crate::store::{Changing, Inner};

impl Inner {
    /// Whether a file is here and whole. A damaged one is removed, with the trees that hold it.
    pub(crate) fn usable(self: &Arc<Self>, changing: &Changing<'_>, key: &Key) -> bool {
        match self.ledger().object(key) {
            None => return false,
            Some(object) if object.trusted => return true,
            Some(_) => {}
        }
        let path = self.place.object(key, false);
        let is_whole = hash(&path).is_ok_and(|found| found == key.digest)
            && fs::set_permissions(&path, Permissions::from_mode(key.mode())).is_ok()
            && fs::rename(&path, self.place.object(key, true)).is_ok();
        if is_whole {
            self.ledger().set_trusted(Item::Object(*key), true);
            self.settle(changing);
        } else {
            self.discard(changing, key);
        }
        is_whole
    }

    /// Removes a damaged file and every tree that holds it.
    fn discard(&self, changing: &Changing<'_>, key: &Key) {
        let holders: Vec<Digest> = {
            let ledger = self.ledger();
            let holds = |keys: &[Key]| keys.contains(key);
            ledger
                .trees()
                .filter(|(_, tree)| holds(&tree.keys))
                .map(|(id, _)| *id)
                .collect()
        };
        for id in holders {
            if !self.abandon_tree(changing, &id) {
                self.ledger().detach(&id, key);
            }
        }
        self.remove(changing, Item::Object(*key));
    }

    /// Removes a tree, or makes it invisible while somebody holds it; says whether it is gone.
    pub(crate) fn abandon_tree(&self, changing: &Changing<'_>, id: &Digest) -> bool {
        let is_held = {
            let mut ledger = self.ledger();
            ledger.doom(id);
            ledger.is_held(Item::Tree(*id))
        };
        if is_held {
            let freed = self.remove_record(id);
            self.ledger().shrink(id, freed);
        } else {
            self.remove(changing, Item::Tree(*id));
        }
        !is_held
    }

    /// Reads a tree and all its files. A damaged one is removed.
    pub(crate) fn verify_tree(
        self: &Arc<Self>,
        changing: &Changing<'_>,
        id: &Digest,
    ) -> Result<bool, StoreError> {
        let listing = self.read_record(id);
        let is_whole = listing.is_some_and(|listing| {
            let keys = listing.keys();
            // Every one, so that all damaged files are found at once.
            let usable = keys.iter().filter(|key| self.usable(changing, key)).count();
            usable == keys.len() && self.matches(&self.place.tree(id), &listing)
        });
        // A damaged file took the tree with it.
        if !is_whole && self.ledger().tree(id).is_some_and(|tree| !tree.doomed) {
            self.abandon_tree(changing, id);
        }
        if is_whole {
            let (doubted, known) = (self.place.record(id, false), self.place.record(id, true));
            match fs::rename(&doubted, &known) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::disk(&doubted, error));
                }
                _ => self.ledger().set_trusted(Item::Tree(*id), true),
            }
        }
        Ok(is_whole)
    }

    pub(crate) fn distrust_tree(&self, changing: &Changing<'_>, id: &Digest) -> bool {
        let (keys, sharing) = {
            let ledger = self.ledger();
            let Some(tree) = ledger.tree(id).filter(|tree| !tree.doomed) else {
                return false;
            };
            let shares = |keys: &[Key]| keys.iter().any(|key| tree.keys.contains(key));
            let sharing: Vec<Digest> = ledger
                .trees()
                .filter(|(_, other)| shares(&other.keys))
                .map(|(id, _)| *id)
                .collect();
            (tree.keys.clone(), sharing)
        };
        for key in keys {
            let (known, doubted) = (
                self.place.object(&key, true),
                self.place.object(&key, false),
            );
            // One that is held is known by its path: it stays, and so does whoever relies on it.
            let is_held = self.ledger().is_held(Item::Object(key));
            if !is_held && fs::rename(known, doubted).is_ok() {
                self.ledger().set_trusted(Item::Object(key), false);
            }
        }
        for other in sharing {
            self.ledger().set_trusted(Item::Tree(other), false);
        }
        self.abandon_tree(changing, id);
        self.settle(changing);
        true
    }

    pub(crate) fn read_record(&self, id: &Digest) -> Option<Listing> {
        let path = [true, false]
            .map(|trusted| self.place.record(id, trusted))
            .into_iter()
            .find(|path| path.exists())?;
        read_record(&path)
    }

    /// Whether a directory holds exactly what a list says.
    pub(crate) fn matches(&self, root: &Path, listing: &Listing) -> bool {
        let mut children: HashMap<PathBuf, usize> = HashMap::from([(PathBuf::new(), 0)]);
        for entry in listing.entries() {
            let parent = entry.path.parent().unwrap_or(Path::new("")).to_path_buf();
            *children.entry(parent).or_default() += 1;
            let path = root.join(&entry.path);
            let Ok(meta) = path.symlink_metadata() else {
                return false;
            };
            let is_right = match &entry.kind {
                Kind::Directory { sticky } => {
                    children.entry(entry.path.clone()).or_default();
                    meta.is_dir() && (meta.mode() & 0o1000 != 0) == *sticky
                }
                Kind::Symlink { target } => fs::read_link(&path).is_ok_and(|to| to == *target),
                Kind::File { .. } => entry
                    .key()
                    .is_some_and(|key| meta.is_file() && self.is_object(&path, &meta, &key)),
            };
            if !is_right {
                return false;
            }
        }
        children.iter().all(|(directory, count)| {
            fs::read_dir(root.join(directory)).is_ok_and(|found| found.count() == *count)
        })
    }

    /// Whether a tree's file is the store's, or an equal copy.
    fn is_object(&self, path: &Path, meta: &fs::Metadata, key: &Key) -> bool {
        let same = self
            .place
            .object(key, true)
            .symlink_metadata()
            .is_ok_and(|object| (object.dev(), object.ino()) == (meta.dev(), meta.ino()));
        same || meta.mode() & 0o7777 == key.mode()
            && hash(path).is_ok_and(|found| found == key.digest)
    }
}

pub(crate) fn read_record(path: &Path) -> Option<Listing> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(record::LONGEST).read_to_end(&mut bytes).ok()?;
    record::decode(&bytes)
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest::from_bytes(*hasher.finalize().as_bytes())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}
