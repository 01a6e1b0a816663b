//! What the tests share: made-up trees, a look at the disk that trusts nothing, and dice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use job::Digest;
use store::{Entry, Found, Kind, Options, Store, StoreError, TreeLease};

pub(crate) fn options(limit: u64) -> Options {
    Options {
        limit,
        headroom: 0,
        grace: Duration::ZERO,
        // A child that another test is starting holds everything open until it executes its program.
        patience: Duration::from_secs(2),
    }
}

pub(crate) fn open(base: &Path, limit: u64) -> Store {
    open_found(base, limit).0
}

pub(crate) fn open_found(base: &Path, limit: u64) -> (Store, Found) {
    Store::open(base, options(limit)).unwrap()
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % sides
    }
}

/// The content of file `number`: some are empty, some large, each is different.
pub(crate) fn content(number: u64) -> Vec<u8> {
    let length = [0, 1, 500, 4096, 5000, 70_000, 300_000][number as usize % 7];
    let mut bytes = vec![number as u8; length];
    for (place, byte) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *place = byte;
    }
    bytes
}

/// Tree `number`: two to five files, one of them with both kinds of rights, links, and `/tmp`.
pub(crate) fn recipe(number: u64) -> (Digest, Vec<Entry>) {
    let mut entries = Vec::new();
    let mut add = |path: String, kind| {
        let path = PathBuf::from(path);
        entries.push(Entry { path, kind });
    };
    add("usr".into(), Kind::Directory { sticky: false });
    add("usr/bin".into(), Kind::Directory { sticky: false });
    add("tmp".into(), Kind::Directory { sticky: true });
    let long = "../".repeat(2) + &"far/".repeat(20);
    add(
        "usr/long".into(),
        Kind::Symlink {
            target: long.into(),
        },
    );
    for index in 0..2 + number % 4 {
        let bytes = content(number + index);
        let file = |executable| Kind::File {
            digest: digest(&bytes),
            executable,
            size: bytes.len() as u64,
        };
        add(format!("usr/bin/{index}"), file(true));
        if index == 0 {
            add(format!("usr/plain{number}"), file(false));
        }
    }
    (digest(format!("tree {number}").as_bytes()), entries)
}

/// Stores the files of tree `number`, as far as they are missing, and builds it.
pub(crate) fn build(store: &Store, number: u64) -> Result<TreeLease, StoreError> {
    let (id, entries) = recipe(number);
    let mut kept = Vec::new();
    for index in 0..2 + number % 4 {
        kept.push(store.put(&content(number + index), true)?);
    }
    store.build(id, entries)
}

/// Whether a directory is tree `number`, and nothing else.
pub(crate) fn is_whole(root: &Path, number: u64) -> Result<(), String> {
    let (_, entries) = recipe(number);
    let mut expected: BTreeSet<PathBuf> = entries.iter().map(|entry| entry.path.clone()).collect();
    for path in walk(root) {
        let relative = path.strip_prefix(root).unwrap();
        if !expected.remove(relative) {
            return Err(format!("{} does not belong there", path.display()));
        }
    }
    if !expected.is_empty() {
        return Err(format!("{expected:?} are not in {}", root.display()));
    }
    for Entry { path, kind } in entries {
        let path = root.join(path);
        let meta = path.symlink_metadata().unwrap();
        let mode = meta.mode() & 0o7777;
        let is_right = match kind {
            Kind::Directory { sticky } => {
                meta.is_dir() && mode == [0o755, 0o1777][usize::from(sticky)]
            }
            Kind::Symlink { target } => fs::read_link(&path).unwrap() == target,
            Kind::File {
                digest: wanted,
                executable,
                ..
            } => {
                mode == [0o444, 0o555][usize::from(executable)]
                    && digest(&fs::read(&path).unwrap()) == wanted
            }
        };
        if !is_right {
            return Err(format!("{} is wrong: {meta:?}", path.display()));
        }
    }
    Ok(())
}

/// Everything below a directory.
pub(crate) fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        // Somebody may be removing it at this moment.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

/// Bytes on the disk, each file once; without the jobs' scratch.
pub(crate) fn disk_usage(base: &Path) -> u64 {
    let root = base.join("floe");
    let scratch = root.join("scratch");
    let mut inodes = BTreeMap::new();
    for path in walk(&root).into_iter().chain([root.clone()]) {
        if !path.starts_with(&scratch)
            && let Ok(meta) = path.symlink_metadata()
        {
            inodes.insert(meta.ino(), meta.blocks() * 512);
        }
    }
    inodes.values().sum()
}

/// Looks at everything on the disk of a store that was just opened.
pub(crate) fn check(base: &Path, store: &Store, trees: u64) -> Result<(), String> {
    let root = base.join("floe");
    let names = |part: &str| -> BTreeSet<String> {
        fs::read_dir(root.join(part))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    for part in ["tmp", "scratch"] {
        if !names(part).is_empty() {
            return Err(format!("{part} holds {:?}", names(part)));
        }
    }
    for part in ["objects", "doubt/objects"] {
        for name in names(part) {
            let path = root.join(part).join(&name);
            let found = digest(&fs::read(&path).unwrap()).to_string();
            if found != name.trim_end_matches('x') {
                return Err(format!("{} has other content", path.display()));
            }
            let mode = path.metadata().unwrap().mode() & 0o7777;
            if mode != if name.ends_with('x') { 0o555 } else { 0o444 } {
                return Err(format!("{} has mode {mode:o}", path.display()));
            }
        }
    }
    let twice: Vec<_> = names("objects")
        .intersection(&names("doubt/objects"))
        .cloned()
        .collect();
    if !twice.is_empty() {
        return Err(format!("{twice:?} are there twice"));
    }
    let records: BTreeSet<_> = names("records")
        .union(&names("doubt/records"))
        .cloned()
        .collect();
    if names("trees") != records {
        return Err(format!("trees {:?}, records {records:?}", names("trees")));
    }
    let mut known = 0;
    for number in 0..trees {
        let path = root.join("trees").join(recipe(number).0.to_string());
        if path.exists() {
            known += 1;
            is_whole(&path, number)?;
        }
    }
    let usage = store.usage();
    if known != usage.trees || known != records.len() {
        return Err(format!("{known} trees on disk, {usage:?}"));
    }
    let used = disk_usage(base);
    if used != usage.used || used > usage.limit || usage.reserved != 0 {
        return Err(format!("{used} bytes on disk, {usage:?}"));
    }
    Ok(())
}
