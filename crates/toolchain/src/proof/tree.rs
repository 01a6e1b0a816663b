//! A toolchain's files in a directory of their own, as an executor has them.
//!
//! Copies: a hard link would change the change time by which upgrades are noticed, and most
//! compilers are not ours to link to.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::fileset::{Member, Source};
use crate::unpack::add_mount_points;

/// How these directories are called; the number of the process that uses it follows.
const PREFIX: &str = ".proving-";

/// A proof takes seconds. One whose directory is this old was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Goes away with its owner.
pub(super) struct Tree {
    root: PathBuf,
    written: BTreeMap<PathBuf, Member>,
}

impl Tree {
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        std::fs::create_dir_all(place)?;
        let place = place.canonicalize()?;
        sweep(&place);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = place.join(format!("{PREFIX}{}-{number}", std::process::id()));
        // Never somebody else's: the name can be guessed.
        std::fs::DirBuilder::new().mode(0o755).create(&root)?;
        let tree = Self {
            root,
            written: BTreeMap::new(),
        };
        std::fs::set_permissions(&tree.root, Permissions::from_mode(0o755))?;
        add_mount_points(&tree.root).map_err(io::Error::other)?;
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes what is not there yet.
    pub(super) fn write(&mut self, members: &BTreeMap<PathBuf, Member>) -> io::Result<()> {
        for (name, member) in members {
            if self.written.get(name) == Some(member) {
                continue;
            }
            let path = self.root.join(name);
            let dir = path.parent().unwrap_or(&self.root);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(dir)?;
            match &member.source {
                Source::File(source) => std::fs::copy(source, &path).map(drop)?,
                Source::Text(text) => std::fs::write(&path, text)?,
            }
            let mode = if member.executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
            self.written.insert(name.clone(), member.clone());
        }
        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// Removes what processes that were killed left. Judged by age: other hosts and containers, whose
/// processes are not seen here, may share the place.
fn sweep(place: &Path) {
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let is_old = || {
            let made = entry.metadata().and_then(|meta| meta.modified());
            made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > ABANDONED))
        };
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
            && is_old()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_old_trees_of_others_go() {
        let place = tempfile::tempdir().unwrap();
        // No process of this host has such a number.
        let tree = |number: u32| place.path().join(format!("{PREFIX}{number}-0"));
        let (live, old) = (tree(u32::MAX), tree(u32::MAX - 1));
        for tree in [&live, &old] {
            std::fs::create_dir(tree).unwrap();
        }
        let then = SystemTime::now() - ABANDONED - Duration::from_secs(60);
        let directory = std::fs::File::open(&old).unwrap();
        directory.set_modified(then).unwrap();
        Tree::new(place.path()).unwrap();
        assert!(live.exists() && !old.exists());
    }
}
