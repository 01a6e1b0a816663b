//! What is said of a toolchain before its files: its manifest, and the proofs that this host has them.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use job::Digest;
use membership::MemberId;
use toolchain::Contents;
use toolchain::possession::{Fingerprints, Secret};

/// See the module. All files were read for it, and are what the manifest says.
#[derive(Debug)]
pub(super) struct Papers {
    pub(super) size: u64,
    /// As one zstd frame.
    pub(super) manifest: Vec<u8>,
    pub(super) proofs: Vec<u8>,
}

impl Papers {
    /// Reads every file. Blocks.
    pub(super) fn of(contents: &Contents, member: MemberId) -> io::Result<Self> {
        let mut known: HashMap<Digest, Secret> = HashMap::new();
        let mut proofs = Vec::new();
        for (path, _, _, digest) in contents.manifest().files() {
            let secret = match known.get(&digest) {
                Some(secret) => *secret,
                None => {
                    let prints = Fingerprints::of(contents.open(digest)?)?;
                    if prints.digest() != digest {
                        return Err(changed(path));
                    }
                    known.insert(digest, prints.secret());
                    prints.secret()
                }
            };
            proofs.extend_from_slice(secret.proof(member.as_bytes()).as_bytes());
        }
        let manifest = contents.manifest().encode();
        Ok(Self {
            size: manifest.len() as u64,
            manifest: zstd::bulk::compress(&manifest, 9)?,
            proofs,
        })
    }
}

fn changed(what: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{what} has just changed"))
}

/// A file from an offset on. Whether it is what the manifest says is known at its end.
pub(super) fn open(
    contents: &Arc<Contents>,
    file: Digest,
    offset: u64,
) -> io::Result<Box<dyn Read + Send>> {
    let mut checked = Checked {
        source: contents.open(file)?,
        prints: Fingerprints::default(),
        wanted: file,
    };
    // What is there already is read all the same: the whole is to be checked.
    let skipped = io::copy(&mut checked.by_ref().take(offset), &mut io::sink())?;
    match skipped == offset {
        true => Ok(Box::new(checked)),
        false => Err(changed(file)),
    }
}

struct Checked {
    source: Box<dyn Read + Send>,
    prints: Fingerprints,
    wanted: Digest,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.prints.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.prints.digest() != self.wanted {
            return Err(changed(self.wanted));
        }
        Ok(read)
    }
}
