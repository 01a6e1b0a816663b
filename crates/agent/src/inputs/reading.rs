//! Reading a whole file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use job::Digest;
use toolchain::Stamp;
use wire::view::{Body, Modified};

/// A longer header is not read; its job is text.
const MAX_HEADER: u64 = 256 << 20;

/// A file, read.
pub(super) struct Reading {
    pub(super) stamp: Stamp,
    /// Device and inode.
    pub(super) inode: (u64, u64),
    pub(super) body: Body,
    pub(super) bytes: Vec<u8>,
}

/// A whole file, from one descriptor, that did not change meanwhile.
pub(super) fn read(path: &Path) -> Option<Reading> {
    let mut open = File::open(path).ok()?;
    let meta = open.metadata().ok()?;
    if !meta.is_file() || meta.len() > MAX_HEADER {
        return None;
    }
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).ok()?;
    let after = open.metadata().ok()?;
    let stamp = Stamp::of(&meta);
    if stamp != Stamp::of(&after) || bytes.len() as u64 != meta.len() {
        return None;
    }
    let body = Body {
        digest: Digest::from_bytes(*blake3::hash(&bytes).as_bytes()),
        size: meta.len(),
        modified: Modified {
            seconds: meta.mtime(),
            nanoseconds: u32::try_from(meta.mtime_nsec()).ok()?,
        },
        executable: meta.mode() & 0o111 != 0,
    };
    Some(Reading {
        stamp,
        inode: (meta.dev(), meta.ino()),
        body,
        bytes,
    })
}
