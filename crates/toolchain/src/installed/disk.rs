//! The store's files: where each thing stands, and what is ours.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use job::{EnvironmentName, Platform};

use super::{Found, Key};
use crate::root::has_program;

/// Directories of ours that are no toolchain: no [`EnvironmentName`] starts with a dot.
const MARKERS: &str = ".floe";
const INSTALLING: &str = ".installing-";
const REMOVING: &str = ".removing-";

/// What is kept about an installed toolchain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker {
    pub(super) bytes: u64,
    pub(super) used: SystemTime,
}

fn platform_dir(base: &Path, platform: &Platform) -> PathBuf {
    base.join(format!("target={platform}"))
}

pub(super) fn tree(base: &Path, (platform, name): &Key) -> PathBuf {
    platform_dir(base, platform).join(name.as_str())
}

fn marker(base: &Path, (platform, name): &Key) -> PathBuf {
    platform_dir(base, platform)
        .join(MARKERS)
        .join(name.as_str())
}

/// Makes an empty directory to install into.
pub(super) fn scratch(base: &Path, (platform, name): &Key, number: u64) -> io::Result<PathBuf> {
    let path = platform_dir(base, platform).join(format!("{INSTALLING}{name}-{number}"));
    std::fs::create_dir_all(platform_dir(base, platform).join(MARKERS))?;
    std::fs::create_dir(&path)?;
    Ok(path)
}

/// Makes an unpacked tree visible. The marker comes first: a tree without one would be taken for
/// somebody else's, a marker without a tree is swept.
pub(super) fn publish(base: &Path, key: &Key, scratch: &Path, bytes: u64) -> io::Result<()> {
    let mut file = File::create(marker(base, key))?;
    writeln!(file, "{bytes}")?;
    file.sync_all()?;
    let done = std::fs::rename(scratch, tree(base, key));
    if done.is_err() {
        let _ = std::fs::remove_file(marker(base, key));
    }
    done
}

/// Takes a tree out of sight; gives the directory to delete.
pub(super) fn hide(base: &Path, key: &Key, number: u64) -> Option<PathBuf> {
    let grave = platform_dir(base, &key.0).join(format!("{REMOVING}{}-{number}", key.1));
    let hidden = std::fs::rename(tree(base, key), &grave);
    // Without its tree a marker means nothing; it goes at the latest at the next start.
    let _ = std::fs::remove_file(marker(base, key));
    hidden.is_ok().then_some(grave)
}

/// Remembers that a toolchain was used now. Only the order of eviction depends on it.
pub(super) fn touch(base: &Path, key: &Key) {
    if let Ok(file) = File::options().write(true).open(marker(base, key)) {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Reads what a former process left, and removes what it left unfinished.
pub(super) fn scan(base: &Path, found: &mut Found) -> io::Result<Vec<(Key, Marker)>> {
    let mut known = Vec::new();
    for dir in sorted(base)? {
        let Some(platform) = text(&dir)
            .strip_prefix("target=")
            .and_then(|name| Platform::parse(name).ok())
        else {
            continue;
        };
        if !is_directory(&dir) {
            continue;
        }
        let mut markers = BTreeMap::new();
        for file in sorted(&dir.join(MARKERS)).unwrap_or_default() {
            if let Ok(name) = EnvironmentName::parse(&text(&file)) {
                markers.insert(name, file);
            }
        }
        for path in sorted(&dir)? {
            let name = text(&path);
            if name.starts_with(INSTALLING) || name.starts_with(REMOVING) {
                std::fs::remove_dir_all(&path)?;
                found.swept.push(path);
                continue;
            }
            if name == MARKERS {
                continue;
            }
            let Some((name, file)) = EnvironmentName::parse(&name)
                .ok()
                .and_then(|name| markers.remove_entry(&name))
            else {
                found.foreign.push(path);
                continue;
            };
            match read(&file).filter(|marker| is_whole(&path, marker.bytes)) {
                Some(marker) => known.push(((platform.clone(), name), marker)),
                None => {
                    std::fs::remove_dir_all(&path)?;
                    std::fs::remove_file(&file)?;
                    found.swept.push(path);
                }
            }
        }
        for file in markers.into_values() {
            std::fs::remove_file(&file)?;
        }
    }
    Ok(known)
}

fn read(marker: &Path) -> Option<Marker> {
    let used = std::fs::metadata(marker).ok()?.modified().ok()?;
    let bytes = std::fs::read_to_string(marker).ok()?.trim().parse().ok()?;
    Some(Marker { bytes, used })
}

/// Whether a tree can be used: files of the size that was written, and an assembler, by which
/// icecream, too, tells a toolchain from a ruin. A power failure may leave files cut short.
fn is_whole(tree: &Path, bytes: u64) -> bool {
    has_program(tree, "usr/bin/as") && size(tree, 0).is_some_and(|size| size == bytes)
}

const DEEPEST: usize = 64;

/// Bytes of all regular files, each hard-linked one once; without `tmp`, where jobs may have written.
fn size(dir: &Path, depth: usize) -> Option<u64> {
    let mut seen = std::collections::HashSet::new();
    let mut pending = vec![(dir.to_path_buf(), depth)];
    let mut sum = 0_u64;
    while let Some((dir, depth)) = pending.pop() {
        for entry in std::fs::read_dir(&dir).ok()? {
            let entry = entry.ok()?;
            let meta = entry.metadata().ok()?;
            if meta.is_dir() {
                if depth > DEEPEST {
                    return None;
                }
                if depth > 0 || entry.file_name() != "tmp" {
                    pending.push((entry.path(), depth + 1));
                }
            } else if meta.is_file() && (meta.nlink() == 1 || seen.insert(meta.ino())) {
                sum = sum.checked_add(meta.len())?;
            }
        }
    }
    Some(sum)
}

/// Whether somebody else's directory stands where a toolchain would be installed.
pub(super) fn is_taken(base: &Path, key: &Key) -> bool {
    tree(base, key).symlink_metadata().is_ok()
}

fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

fn text(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
