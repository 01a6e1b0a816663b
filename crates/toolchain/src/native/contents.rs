//! A toolchain's members, and where the bytes of each are on this host: enough to make its archive in
//! another compression, or to send single files, without asking the compiler again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::Digest;

use crate::fileset::{FileSet, Member, Source};
use crate::identify::identify;
use crate::manifest::Manifest;
use crate::pack::PackError;
use crate::stamp::Watch;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    manifest: Manifest,
    /// One for each file of the manifest, in its order.
    sources: Vec<Source>,
}

impl Contents {
    pub(super) fn of(set: &FileSet) -> Result<Self, PackError> {
        let manifest = identify(set)?;
        let sources = manifest
            .files()
            .filter_map(|(path, ..)| set.members.get(path.as_path()))
            .map(|member| member.source.clone())
            .collect();
        Ok(Self { manifest, sources })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where a file's bytes are. Whoever reads them checks the digest: the file may have changed.
    pub fn source(&self, digest: Digest) -> Option<&Source> {
        let mut files = self.manifest.files().zip(&self.sources);
        files
            .find(|((.., found), _)| *found == digest)
            .map(|(_, source)| source)
    }

    /// A file's bytes, as they are now. Whoever reads them checks the digest: the file may have changed.
    pub fn open(&self, digest: Digest) -> io::Result<Box<dyn Read + Send>> {
        match self.source(digest) {
            Some(Source::File(path)) => Ok(Box::new(File::open(path)?)),
            Some(Source::Text(text)) => Ok(Box::new(io::Cursor::new(text.clone()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file_set(&self, compiler: &Path, watch: Watch) -> FileSet {
        let members: BTreeMap<PathBuf, Member> = self
            .manifest
            .files()
            .zip(&self.sources)
            .map(|((path, executable, size, _), source)| {
                let source = source.clone();
                (
                    path.as_path().to_path_buf(),
                    Member {
                        source,
                        executable,
                        size,
                    },
                )
            })
            .collect();
        FileSet {
            compiler: compiler.to_path_buf(),
            members,
            watch,
            cached: BTreeMap::new(),
            is_observed: true,
        }
    }

    /// The manifest behind its length, then each source: `f` and a path, or `t` and a text, behind
    /// their lengths. Lengths have four bytes, little-endian.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut block = |letter: Option<u8>, bytes: &[u8]| {
            out.extend(letter);
            // Manifests are capped, paths and texts are smaller than they.
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        block(None, &self.manifest.encode());
        for source in &self.sources {
            match source {
                Source::File(path) => block(Some(b'f'), path.as_os_str().as_bytes()),
                Source::Text(text) => block(Some(b't'), text),
            }
        }
    }

    /// Takes what [`Self::encode`] wrote from the start of `bytes`.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let manifest = Manifest::decode(block(bytes)?).ok()?;
        let mut sources = Vec::new();
        for _ in manifest.files() {
            let (letter, rest) = bytes.split_first()?;
            *bytes = rest;
            let block = block(bytes)?;
            sources.push(match letter {
                b'f' => Source::File(PathBuf::from(OsStr::from_bytes(block))),
                b't' => Source::Text(block.to_vec()),
                _ => return None,
            });
        }
        Some(Self { manifest, sources })
    }
}

fn block<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (block, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(block)
}
