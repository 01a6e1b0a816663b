//! What a former process left: read into the books, and what it left unfinished removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use job::Digest;

use crate::boot;
use crate::clear::{clear, empty};
use crate::entry::{Key, Kind, Listing};
use crate::error::{OpenError, is_full};
use crate::ledger::{Item, Ledger};
use crate::place::{Place, blocks};
use crate::verify::read_record;

/// How a store is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes on disk, blocks and all, that are never exceeded.
    pub limit: u64,
    /// Free disk space that is left to others.
    pub headroom: u64,
    /// A tree that was used within this time is not dropped for another: icecream's 200 seconds, in
    /// which a client that has just sent a toolchain sends its first job.
    pub grace: Duration,
    /// How long to wait for another process to give the directory up: one that is ending, or a
    /// child that somebody started and that still holds what its parent does.
    pub patience: Duration,
}

impl Options {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            headroom: 32 << 20,
            grace: Duration::from_secs(200),
            patience: Duration::from_secs(3),
        }
    }
}

/// What was found when a store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Things among the store's that have no name of its making: left alone.
    pub foreign: Vec<PathBuf>,
    /// Trees and files that were unfinished or incomplete: removed.
    pub swept: Vec<PathBuf>,
    /// Files and trees of an earlier boot of the machine, to be verified before their next use.
    pub doubtful: usize,
}

pub(crate) fn open(place: &Place, options: Options) -> Result<(Ledger, Found), OpenError> {
    let failed = |source| OpenError::Unusable {
        path: place.root().to_path_buf(),
        source,
    };
    let mut found = Found::default();
    // Jobs may have left anything in their scratch, and nobody may be able to remove some of it.
    let _stays = empty(&place.part("scratch"));
    empty(&place.part("tmp")).map_err(failed)?;
    doubt_earlier_boots(place).map_err(failed)?;
    let mut ledger = Ledger::new(options.limit, options.grace);
    let mut order: Vec<(SystemTime, Item, u64, Option<Listing>, bool)> = Vec::new();
    for trusted in [true, false] {
        for (key, meta) in objects(place, trusted, &mut found).map_err(failed)? {
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            order.push((used, Item::Object(key), blocks(&meta), None, trusted));
        }
    }
    for (id, record) in records(place, &mut found).map_err(failed)? {
        let bytes = own_bytes(place, &id, &record);
        order.push((
            record.used,
            Item::Tree(id),
            bytes,
            Some(record.listing),
            record.trusted,
        ));
    }
    // Objects first, for trees count on them; then each in the order of its last use.
    order.sort_by_key(|(used, item, ..)| (matches!(item, Item::Tree(_)), *used));
    for (_, item, bytes, listing, trusted) in order {
        match (item, listing) {
            (Item::Tree(id), Some(listing)) => {
                let keys: Vec<Key> = listing.keys().into_iter().collect();
                if keys.iter().any(|key| ledger.object(key).is_none()) {
                    sweep_tree(place, &id, &mut found).map_err(failed)?;
                    continue;
                }
                let is_known = |key| ledger.object(key).is_some_and(|object| object.trusted);
                let trusted = trusted && keys.iter().all(is_known);
                found.doubtful += usize::from(!trusted);
                ledger.add_tree(id, bytes, keys, trusted);
            }
            (Item::Object(key), _) => {
                found.doubtful += usize::from(!trusted);
                ledger.add_object(key, bytes, trusted);
            }
            (Item::Tree(_), None) => {}
        }
    }
    sweep_lone_trees(place, &ledger, &mut found).map_err(failed)?;
    ledger.set_overhead(place.overhead());
    Ok((ledger, found))
}

/// Moves everything to the place of doubt if the machine was started anew since it was written. Killed
/// on the way, this is done again: the boot is noted last.
fn doubt_earlier_boots(place: &Place) -> io::Result<()> {
    let note = place.part("boot");
    let current = boot::current();
    if current.is_some() && fs::read_to_string(&note).ok() == current {
        return Ok(());
    }
    for part in ["objects", "records"] {
        let (known, doubted) = (place.part(part), place.part("doubt").join(part));
        // At once if nothing is in doubt already, which is the rule.
        if fs::rename(&known, &doubted).is_ok() {
            place.make_part(part)?;
            continue;
        }
        for path in sorted(&known)? {
            if let Some(name) = path.file_name() {
                fs::rename(&path, doubted.join(name))?;
            }
        }
    }
    let temporary = place.temporary();
    let noted = fs::write(&temporary, current.unwrap_or_default())
        .and_then(|()| fs::rename(&temporary, &note));
    match noted {
        // Then the next start doubts once more.
        Err(error) if is_full(&error) => Ok(()),
        noted => noted,
    }
}

/// The files on disk, by name.
fn objects(
    place: &Place,
    trusted: bool,
    found: &mut Found,
) -> io::Result<Vec<(Key, fs::Metadata)>> {
    let mut objects = Vec::new();
    let part = if trusted { "objects" } else { "doubt/objects" };
    for path in sorted(&place.part(part))? {
        let meta = path.symlink_metadata()?;
        match name(&path).and_then(Key::parse).filter(|_| meta.is_file()) {
            Some(key) if !trusted && place.object(&key, true).exists() => {
                // The same content was stored anew since.
                fs::remove_file(place.object(&key, false))?;
            }
            Some(key) => objects.push((key, meta)),
            None => found.foreign.push(path),
        }
    }
    Ok(objects)
}

struct Record {
    listing: Listing,
    bytes: u64,
    used: SystemTime,
    trusted: bool,
}

/// The records whose trees are there.
fn records(place: &Place, found: &mut Found) -> io::Result<BTreeMap<Digest, Record>> {
    let mut records = BTreeMap::new();
    for trusted in [false, true] {
        let part = if trusted { "records" } else { "doubt/records" };
        for path in sorted(&place.part(part))? {
            let Some(id) = name(&path).and_then(|name| Digest::parse(name).ok()) else {
                found.foreign.push(path);
                continue;
            };
            let meta = path.symlink_metadata()?;
            let listing = read_record(&path).filter(|_| place.tree(&id).is_dir());
            let Some(listing) = listing else {
                fs::remove_file(&path)?;
                continue;
            };
            clear_scratch(&place.tree(&id), &listing);
            let record = Record {
                listing,
                bytes: blocks(&meta),
                used: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                trusted,
            };
            if records.insert(id, record).is_some() {
                // Made anew since, and known to be whole.
                fs::remove_file(place.record(&id, false))?;
            }
        }
    }
    Ok(records)
}

/// Jobs that have no mounts of their own have their scratch in the tree, where anybody may write.
fn clear_scratch(root: &Path, listing: &Listing) {
    for entry in listing.entries() {
        if entry.kind == (Kind::Directory { sticky: true }) {
            let _stays = empty(&root.join(&entry.path));
        }
    }
}

/// What a tree takes besides its files; files that are no links of the store's count as its own.
fn own_bytes(place: &Place, id: &Digest, record: &Record) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let root = place.tree(id);
    let size = |path: &Path| match path.symlink_metadata() {
        Ok(meta) if meta.is_file() && meta.nlink() > 1 => 0,
        Ok(meta) => blocks(&meta),
        Err(_) => 0,
    };
    let entries = record.listing.entries().iter();
    record.bytes
        + size(&root)
        + entries
            .map(|entry| size(&root.join(&entry.path)))
            .sum::<u64>()
}

/// Removes trees that have no record: their maker was killed, or their removal was.
fn sweep_lone_trees(place: &Place, ledger: &Ledger, found: &mut Found) -> io::Result<()> {
    for path in sorted(&place.part("trees"))? {
        match name(&path).and_then(|name| Digest::parse(name).ok()) {
            None => found.foreign.push(path),
            Some(id) if ledger.tree(&id).is_some() => {}
            Some(id) => sweep_tree(place, &id, found)?,
        }
    }
    Ok(())
}

fn sweep_tree(place: &Place, id: &Digest, found: &mut Found) -> io::Result<()> {
    let (path, temporary) = (place.tree(id), place.temporary());
    for trusted in [true, false] {
        let _absent = fs::remove_file(place.record(id, trusted));
    }
    fs::rename(&path, &temporary)?;
    found.swept.push(path);
    clear(&temporary)
}

fn sorted(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
