//! A toolchain's name is its content: the same files have the same name on every host, with every
//! compression, whatever their times and owners.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::Digest;

use crate::fileset::{FileSet, Member, Source};
use crate::manifest::{Entry, Kind, Manifest, MemberPath};
use crate::pack::PackError;
use crate::parallel::in_order;

/// The list of a file set's members by content; its identity is the toolchain's.
pub fn identify(set: &FileSet) -> Result<Manifest, PackError> {
    let members: Vec<(&PathBuf, &Member)> = set.members.iter().collect();
    let mut entries = Vec::with_capacity(members.len());
    in_order(
        members.len(),
        |index| entry(members[index].0, members[index].1),
        |entry| {
            entries.push(entry);
            Ok(())
        },
    )?;
    Manifest::new(entries).map_err(|error| unreadable(&set.compiler, io::Error::other(error)))
}

fn entry(name: &Path, member: &Member) -> Result<Entry, PackError> {
    let path = MemberPath::parse(name.as_os_str().as_bytes())
        .map_err(|error| unreadable(name, io::Error::other(error)))?;
    let (size, digest) = match &member.source {
        Source::Text(bytes) => (bytes.len() as u64, digest(blake3::hash(bytes))),
        Source::File(file) => hash_file(file).map_err(|error| unreadable(file, error))?,
    };
    Ok(Entry {
        path,
        kind: Kind::File {
            executable: member.executable,
            size,
            digest,
        },
    })
}

fn digest(hash: blake3::Hash) -> Digest {
    Digest::from_bytes(*hash.as_bytes())
}

/// Size and digest of what is in a file.
pub(crate) fn hash_file(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hasher.count(), digest(hasher.finalize()))),
            n => hasher.update(&buffer[..n]),
        };
    }
}

pub(crate) fn unreadable(path: &Path, source: io::Error) -> PackError {
    PackError::Read {
        path: path.to_path_buf(),
        source,
    }
}
