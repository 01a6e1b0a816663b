//! Unpacks a toolchain archive that somebody else made, as if it were hostile: icecream trusts it
//! (flaw F36). Nothing is written outside the destination, nothing beyond the limits, no devices,
//! no links out, no set-user bits, and a member that is there already is never written through.
//!
//! Members of icecream's archives are relative (`usr/bin/gcc`), regular files only (measured, 1.4).

mod entries;
mod listing;
mod name;
mod tree;

use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::compression::Compression;
use entries::{Entries, Kind};
use name::Name;
use tree::Tree;

pub(crate) use listing::{Keep, Listing};

/// How much an archive may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Members of any kind.
    pub members: u64,
}

impl Default for Limits {
    /// Room for a cross compiler with its sysroot; gcc 12 has 22 members and 82 MB.
    fn default() -> Self {
        Self {
            bytes: 4 << 30,
            file: 2 << 30,
            members: 100_000,
        }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    pub bytes: u64,
    pub members: u64,
}

/// Why an archive was not unpacked, with the member at which it ended.
#[derive(Debug, thiserror::Error)]
#[error("toolchain archive {archive}{}: {why}", member.as_ref().map(|m| format!(", member {m}")).unwrap_or_default())]
pub struct UnpackError {
    pub archive: String,
    /// Printable, shortened.
    pub member: Option<String>,
    pub why: Why,
}

/// Whose fault it is: [`Why::Disk`] and [`Why::Store`] are this host's, everything else the sender's;
/// only the former may go away by itself.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    #[error("it cannot be read: {0}; the sender must send it again")]
    Damaged(#[source] io::Error),
    #[error("it is refused: {0}")]
    Refused(&'static str),
    #[error("it is refused: more than {limit} {what}; raise the limit if this toolchain is meant")]
    TooLarge { limit: u64, what: &'static str },
    #[error("it cannot be written: {0}; check rights and free space")]
    Disk(#[source] io::Error),
    #[error("it cannot be kept: {0}")]
    Store(#[source] store::StoreError),
}

/// Reads exactly `size` bytes of a member.
pub(crate) fn in_pieces(
    body: &mut dyn Read,
    size: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), Why>,
) -> Result<(), Why> {
    const PIECE: u64 = 128 << 10;
    let mut body = body.take(size);
    let mut buffer = vec![0; size.min(PIECE) as usize];
    let mut left = size;
    while left > 0 {
        match body.read(&mut buffer) {
            Ok(0) => return Err(Why::Damaged(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                take(&buffer[..n])?;
                left -= n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Why::Damaged(error)),
        }
    }
    Ok(())
}

/// Where members go, in the archive's order. Each refuses what another member's name or kind forbids.
trait Sink {
    /// A regular file of exactly `size` bytes.
    fn file(
        &mut self,
        name: &Name,
        size: u64,
        executable: bool,
        body: impl Read,
    ) -> Result<(), Why>;
    /// A directory; one that is there already is fine.
    fn directory(&mut self, name: &Name) -> Result<(), Why>;
    fn symlink(&mut self, name: &Name, target: &[u8]) -> Result<(), Why>;
    /// `target` must be a file of the archive.
    fn hard_link(&mut self, name: &Name, target: &Name) -> Result<(), Why>;
}

/// Data after the end of the archive that is still read: tar pads to its blocking factor.
const TRAILER: u64 = 1 << 20;

/// Room for headers and padding, per member.
const OVERHEAD: u64 = 4096;

/// Unpacks `reader` into the empty directory `dest`. `archive` names it in errors.
pub fn unpack(
    reader: impl Read,
    archive: &str,
    dest: &Path,
    limits: Limits,
) -> Result<Unpacked, UnpackError> {
    let mut member = None;
    let done = Tree::open(dest)
        .map_err(Why::Disk)
        .and_then(|mut tree| work(reader, &mut tree, limits, &mut member));
    done.map_err(|why| UnpackError {
        archive: shown(archive.as_bytes()),
        member: member.map(|name: Vec<u8>| shown(&name)),
        why,
    })
}

/// Reads `reader` into a list; the bytes of its files go to whoever keeps them.
pub(crate) fn list<K: Keep>(
    reader: impl Read,
    archive: &str,
    listing: &mut Listing<K>,
    limits: Limits,
) -> Result<Unpacked, UnpackError> {
    let mut member = None;
    work(reader, listing, limits, &mut member).map_err(|why| UnpackError {
        archive: shown(archive.as_bytes()),
        member: member.map(|name: Vec<u8>| shown(&name)),
        why,
    })
}

fn work(
    mut reader: impl Read,
    sink: &mut impl Sink,
    limits: Limits,
    current: &mut Option<Vec<u8>>,
) -> Result<Unpacked, Why> {
    let mut start = Vec::new();
    reader
        .by_ref()
        .take(6)
        .read_to_end(&mut start)
        .map_err(Why::Damaged)?;
    let kind = Compression::of(&start);
    let whole = BufReader::with_capacity(128 << 10, io::Cursor::new(start).chain(reader));
    let plain = kind.decompress(whole).map_err(Why::Damaged)?;
    let all = limits
        .bytes
        .saturating_add(limits.members.saturating_mul(OVERHEAD))
        .saturating_add(TRAILER);
    let mut entries = Entries::new(BufReader::with_capacity(128 << 10, plain.take(all)));
    let mut done = Unpacked::default();
    while let Some(entry) = entries.next(current)? {
        done.members += 1;
        if done.members > limits.members {
            return Err(Why::TooLarge {
                limit: limits.members,
                what: "members",
            });
        }
        match entry.kind {
            Kind::File { size, executable } => {
                if size > limits.file {
                    return Err(Why::TooLarge {
                        limit: limits.file,
                        what: "bytes in one file",
                    });
                }
                done.bytes = done.bytes.saturating_add(size);
                if done.bytes > limits.bytes {
                    return Err(Why::TooLarge {
                        limit: limits.bytes,
                        what: "bytes in all files",
                    });
                }
                sink.file(&entry.name, size, executable, entries.body(size))?;
                entries.skip_padding(size)?;
            }
            Kind::Directory => sink.directory(&entry.name)?,
            Kind::Symlink(target) => sink.symlink(&entry.name, &target)?,
            Kind::HardLink(target) => sink.hard_link(&entry.name, &target)?,
        }
    }
    *current = None;
    if done.members == 0 {
        return Err(Why::Refused("it holds no files"));
    }
    // The checksum of a compressed stream is at its very end.
    let rest = io::copy(&mut entries.into_inner().take(TRAILER + 1), &mut io::sink())
        .map_err(Why::Damaged)?;
    if rest > TRAILER {
        return Err(Why::Refused("there is data after its end"));
    }
    Ok(done)
}

/// Makes the places in an unpacked toolchain at which a sandbox mounts something.
pub(crate) fn add_mount_points(root: &Path) -> Result<(), Why> {
    let mut tree = Tree::open(root).map_err(Why::Disk)?;
    for dir in ["tmp", "dev", "proc"] {
        tree.directory(&Name::parse(dir.as_bytes()).map_err(Why::Refused)?)?;
    }
    for file in ["dev/null", "dev/zero", "dev/urandom", "dev/random"] {
        tree.placeholder(&Name::parse(file.as_bytes()).map_err(Why::Refused)?)?;
    }
    tree.make_sticky("tmp").map_err(Why::Disk)
}

/// A name from a peer, fit for a log line.
fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut out: String = text
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().count() > 200 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
