//! A toolchain's name is its content: the same files have the same name on every host, with every
//! compression, whatever their times and owners.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::EnvironmentName;

use crate::fileset::{FileSet, Member, Source};
use crate::pack::PackError;
use crate::parallel::in_order;

/// The name of a file set: half a BLAKE3 digest in hexadecimal, in the shape of icecream's names.
pub(crate) fn identify(set: &FileSet) -> Result<EnvironmentName, PackError> {
    let members: Vec<(&PathBuf, &Member)> = set.members.iter().collect();
    let mut digests = Vec::with_capacity(members.len());
    in_order(
        members.len(),
        |index| digest(members[index].1),
        |digest| {
            digests.push(digest);
            Ok(())
        },
    )?;
    let mut all = blake3::Hasher::new();
    all.update(b"floe toolchain 1\n");
    for ((name, member), digest) in members.iter().zip(&digests) {
        all.update(name.as_os_str().as_bytes());
        all.update(if member.executable { b"\0x" } else { b"\0-" });
        all.update(digest.as_bytes());
    }
    let hex: String = all.finalize().to_hex().chars().take(32).collect();
    EnvironmentName::parse(&hex).map_err(|error| unreadable(&set.compiler, io::Error::other(error)))
}

fn digest(member: &Member) -> Result<blake3::Hash, PackError> {
    match &member.source {
        Source::Text(bytes) => Ok(blake3::hash(bytes)),
        Source::File(path) => hash_file(path).map_err(|error| unreadable(path, error)),
    }
}

fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
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
