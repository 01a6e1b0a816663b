//! What a toolchain's tree consists of, and what it costs to have it once more by hard links.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use job::Digest;

/// Something of a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Directory,
    File,
    Link(Arc<[u8]>),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tools {
    root: PathBuf,
    /// By absolute path inside, parents before children, the root left out.
    all: Vec<(Arc<[u8]>, Tool)>,
    /// Of files that members have too.
    digests: Mutex<HashMap<Arc<[u8]>, Digest>>,
}

impl Tools {
    /// Looks through an installed toolchain.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut tools = Self {
            root: root.to_path_buf(),
            ..Self::default()
        };
        let mut left = vec![(root.to_path_buf(), Vec::new())];
        while let Some((directory, inside)) = left.pop() {
            for found in fs::read_dir(&directory)? {
                let found = found?;
                let mut path: Vec<u8> = inside.clone();
                path.push(b'/');
                path.extend_from_slice(found.file_name().as_bytes());
                let kind = found.file_type()?;
                let tool = if kind.is_dir() {
                    left.push((found.path(), path.clone()));
                    Tool::Directory
                } else if kind.is_symlink() {
                    let target = fs::read_link(found.path())?;
                    Tool::Link(target.as_os_str().as_bytes().into())
                } else {
                    Tool::File
                };
                tools.all.push((path.into(), tool));
            }
        }
        Ok(tools)
    }

    pub(super) fn all(&self) -> &[(Arc<[u8]>, Tool)] {
        &self.all
    }

    /// Of a file, read once.
    pub(super) fn digest(&self, path: &Arc<[u8]>) -> io::Result<Digest> {
        let known = |tools: &Self| {
            let digests = tools.digests.lock().unwrap_or_else(PoisonError::into_inner);
            digests.get(path).copied()
        };
        if let Some(digest) = known(self) {
            return Ok(digest);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(fs::File::open(self.place(path))?)?;
        let digest = Digest::from_bytes(*hasher.finalize().as_bytes());
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(Arc::clone(path), digest);
        Ok(digest)
    }

    /// Where on this host something of the toolchain is.
    pub(super) fn place(&self, path: &[u8]) -> PathBuf {
        self.root
            .join(std::ffi::OsStr::from_bytes(path.get(1..).unwrap_or(b"")))
    }
}
