//! Trees: directories and links made anew, files by hard link from the store.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use job::Digest;
use rustix::io::Errno;

use crate::clear::clear;
use crate::entry::{Entry, Key, Kind, Listing};
use crate::error::StoreError;
use crate::incoming::{Draft, Temporary, publish};
use crate::lease::{ObjectLease, TreeLease};
use crate::ledger::Item;
use crate::place::{blocks, estimate};
use crate::record;
use crate::room::Reservation;
use crate::store::{Changing, Inner};

/// Longest link that a file system keeps without a block of its own (ext4's is the shortest).
const SHORT_LINK: usize = 59;
/// What a name takes in its directory besides its own length, generously.
const PER_NAME: u64 = 32;

impl Inner {
    pub(crate) fn build(
        self: &Arc<Self>,
        id: Digest,
        entries: Vec<Entry>,
    ) -> Result<TreeLease, StoreError> {
        let listing = Listing::new(entries)?;
        let changing = self.changing();
        if let Some(lease) = self.existing(&changing, &id)? {
            return Ok(lease);
        }
        let files = self.gather(&changing, &listing)?;
        let record = record::encode(&listing);
        let mut reservation = Reservation::none(self);
        reservation.extend(&changing, room(&listing, record.len()))?;
        let draft = Directory(self.place.temporary());
        let mut copied = 0;
        self.fill(&draft.0, &listing, |bytes| {
            copied += bytes;
            reservation.extend(&changing, bytes)
        })?;
        let written = Temporary(self.place.temporary());
        let failed = |path: &Path, error| self.noted(StoreError::disk(path, error));
        fs::write(&written.0, &record).map_err(|error| failed(&written.0, error))?;
        let measured = own_bytes(&draft.0, &listing).map_err(|error| failed(&draft.0, error))?
            + blocks(
                &written
                    .0
                    .symlink_metadata()
                    .map_err(|error| failed(&written.0, error))?,
            );
        let bytes = measured + copied;
        reservation.cover(&changing, bytes)?;
        // The record first: a tree without one is swept, and so is a record without a tree.
        let (known, place) = (self.place.record(&id, true), self.place.tree(&id));
        written
            .name(&known)
            .map_err(|error| failed(&known, error))?;
        if let Err(error) = fs::rename(&draft.0, &place) {
            self.remove_record(&id);
            return Err(failed(&place, error));
        }
        let keys = files.iter().map(|(key, _)| *key).collect();
        reservation.spend(|ledger| {
            ledger.add_tree(id, bytes, keys, true);
            ledger.hold(Item::Tree(id), std::time::Instant::now());
        });
        self.settle(&changing);
        Ok(TreeLease::new(self, id))
    }

    /// The tree that is there already, if it is whole.
    fn existing(
        self: &Arc<Self>,
        changing: &Changing<'_>,
        id: &Digest,
    ) -> Result<Option<TreeLease>, StoreError> {
        let (doomed, trusted) = match self.ledger().tree(id) {
            None => return Ok(None),
            Some(tree) => (tree.doomed, tree.trusted),
        };
        if doomed {
            if self.ledger().is_held(Item::Tree(*id)) {
                return Err(StoreError::Busy);
            }
            self.remove(changing, Item::Tree(*id));
            return Ok(None);
        }
        if !trusted && !self.verify_tree(changing, id)? {
            return match self.ledger().tree(id) {
                None => Ok(None),
                Some(_) => Err(StoreError::Busy),
            };
        }
        self.ledger()
            .hold(Item::Tree(*id), std::time::Instant::now());
        Ok(Some(TreeLease::new(self, *id)))
    }

    /// Keeps all files that the tree needs.
    fn gather(
        self: &Arc<Self>,
        changing: &Changing<'_>,
        listing: &Listing,
    ) -> Result<Vec<(Key, ObjectLease)>, StoreError> {
        let (mut files, mut missing) = (Vec::new(), Vec::new());
        for key in listing.keys() {
            if self.usable(changing, &key) || self.make_variant(changing, &key)? {
                files.push((key, self.hold_object(key)));
            } else {
                missing.push(key.digest);
            }
        }
        if missing.is_empty() {
            Ok(files)
        } else {
            // The same bytes may be wanted with both kinds of rights.
            missing.dedup();
            Err(StoreError::Missing(missing))
        }
    }

    /// Makes a file of the store's from the one with the same bytes and other rights.
    fn make_variant(
        self: &Arc<Self>,
        changing: &Changing<'_>,
        key: &Key,
    ) -> Result<bool, StoreError> {
        let other = Key {
            executable: !key.executable,
            ..*key
        };
        if !self.usable(changing, &other) {
            return Ok(false);
        }
        let _kept = self.hold_object(other);
        let from = self.place.object(&other, true);
        let path = self.place.temporary();
        let failed = |error| self.noted(StoreError::disk(&path, error));
        let mut reservation = Reservation::none(self);
        let length = from.symlink_metadata().map_err(failed)?.len();
        reservation.extend(changing, estimate(length))?;
        let draft = Draft {
            temporary: Temporary(path.clone()),
            reservation,
        };
        copy(&from, &path).map_err(failed)?;
        publish(changing, self, draft, *key)?;
        Ok(true)
    }

    /// Makes everything below `root`. Files that cannot be linked are copied, for which `more` is asked.
    fn fill(
        &self,
        root: &Path,
        listing: &Listing,
        mut more: impl FnMut(u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |path: &Path, error: io::Error| self.noted(StoreError::disk(path, error));
        directory(root, 0o755).map_err(|error| failed(root, error))?;
        for entry in listing.entries() {
            let path = root.join(&entry.path);
            let made = match (&entry.kind, entry.key()) {
                (Kind::Directory { sticky: true }, _) => directory(&path, 0o1777),
                (Kind::Directory { sticky: false }, _) => directory(&path, 0o755),
                (Kind::Symlink { target }, _) => symlink(target, &path),
                (Kind::File { size, .. }, Some(key)) => {
                    let object = self.place.object(&key, true);
                    match fs::hard_link(&object, &path) {
                        Err(error) if is_unlinkable(&error) => {
                            more(estimate(*size))?;
                            let rights = Permissions::from_mode(key.mode());
                            copy(&object, &path).and_then(|()| fs::set_permissions(&path, rights))
                        }
                        linked => linked,
                    }
                }
                (Kind::File { .. }, None) => Ok(()),
            };
            made.map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }
}

/// A tree that is being made; gone when dropped unless it was renamed.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // What remains goes when the store is opened.
        let _gone = clear(&self.0);
    }
}

/// Another file system, too many links, or a file system without links.
fn is_unlinkable(error: &io::Error) -> bool {
    let errors = [Errno::XDEV, Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP];
    error
        .raw_os_error()
        .is_some_and(|raw| errors.contains(&Errno::from_raw_os_error(raw)))
}

/// Shares the blocks where the file system can.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = File::options().write(true).create_new(true).open(to)?;
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        io::copy(&mut source, &mut target)?;
    }
    Ok(())
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // Whatever the process's umask says.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Room for what a tree has of its own.
fn room(listing: &Listing, record: usize) -> u64 {
    let mut directories: HashMap<&Path, u64> = HashMap::from([(Path::new(""), 0)]);
    let mut links = 0;
    for entry in listing.entries() {
        let parent = entry.path.parent().unwrap_or(Path::new(""));
        let name = entry.path.file_name().unwrap_or_default().len() as u64;
        *directories.entry(parent).or_default() += name + PER_NAME;
        match &entry.kind {
            Kind::Directory { .. } => {
                directories.entry(&entry.path).or_default();
            }
            Kind::Symlink { target } if target.as_os_str().len() > SHORT_LINK => {
                links += estimate(target.as_os_str().len() as u64);
            }
            Kind::Symlink { .. } | Kind::File { .. } => {}
        }
    }
    // An index makes a directory half as dense.
    let directories: u64 = directories.values().map(|bytes| estimate(bytes * 2)).sum();
    directories + links + estimate(record as u64)
}

/// What a tree takes on disk besides its files.
fn own_bytes(root: &Path, listing: &Listing) -> io::Result<u64> {
    let mut bytes = blocks(&root.symlink_metadata()?);
    for entry in listing.entries() {
        if !matches!(entry.kind, Kind::File { .. }) {
            bytes += blocks(&root.join(&entry.path).symlink_metadata()?);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::{Options, Store};

    #[test]
    fn what_cannot_be_linked_is_copied() {
        let (base, elsewhere) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir_in("/dev/shm"),
        );
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        let Some(elsewhere) = elsewhere
            .ok()
            .filter(|elsewhere| device(elsewhere.path()) != device(base.path()))
        else {
            println!("SKIPPED: there is no second file system");
            return;
        };
        let options = Options {
            headroom: 0,
            ..Options::new(1 << 20)
        };
        let (store, _) = Store::open(base.path(), options).unwrap();
        let file = store.put(b"content", true).unwrap();
        let listing = Listing::new(vec![Entry {
            path: "file".into(),
            kind: Kind::File {
                digest: file.digest(),
                executable: true,
                size: 7,
            },
        }])
        .unwrap();
        let (root, mut asked) = (elsewhere.path().join("tree"), 0);
        let more = |bytes| {
            asked += bytes;
            Ok(())
        };
        store.inner.fill(&root, &listing, more).unwrap();
        assert_eq!(fs::read(root.join("file")).unwrap(), b"content");
        assert_eq!(
            fs::metadata(root.join("file")).unwrap().mode() & 0o7777,
            0o555
        );
        assert!(asked >= 4096);
        assert!(store.inner.matches(&root, &listing));
        fs::set_permissions(root.join("file"), Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("file"), "CONTENT").unwrap();
        fs::set_permissions(root.join("file"), Permissions::from_mode(0o555)).unwrap();
        assert!(!store.inner.matches(&root, &listing));
    }
}
