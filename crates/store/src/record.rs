//! What a tree consists of, as it is kept on disk: a line that names the format, the entries, and the
//! digest of all that. Numbers are little-endian, texts have their length in two bytes in front.
//!
//! It is ours, yet it is read like a stranger's: a failure of power may leave anything.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use job::Digest;

use crate::entry::{Entry, Kind, Listing};

const FORMAT: &[u8] = b"floe tree 1\n";
/// Longest record that is read.
pub(crate) const LONGEST: u64 = 64 << 20;

pub(crate) fn encode(listing: &Listing) -> Vec<u8> {
    let mut out = FORMAT.to_vec();
    for Entry { path, kind } in listing.entries() {
        out.push(match kind {
            Kind::Directory { sticky: false } => b'd',
            Kind::Directory { sticky: true } => b't',
            Kind::File {
                executable: false, ..
            } => b'f',
            Kind::File {
                executable: true, ..
            } => b'x',
            Kind::Symlink { .. } => b'l',
        });
        text(&mut out, path.as_os_str());
        match kind {
            Kind::Directory { .. } => {}
            Kind::File { digest, size, .. } => {
                out.extend_from_slice(digest.as_bytes());
                out.extend_from_slice(&size.to_le_bytes());
            }
            Kind::Symlink { target } => text(&mut out, target.as_os_str()),
        }
    }
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    out
}

/// Paths are at most 4095 bytes long: [`Listing`] sees to it.
fn text(out: &mut Vec<u8>, text: &OsStr) {
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// None when it is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Option<Listing> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(blake3::OUT_LEN)?)?;
    if blake3::hash(body).as_bytes() != sum {
        return None;
    }
    let mut rest = body.strip_prefix(FORMAT)?;
    let mut entries = Vec::new();
    while let Some((letter, after)) = rest.split_first() {
        rest = after;
        let path = take_text(&mut rest)?;
        let kind = match letter {
            b'd' | b't' => Kind::Directory {
                sticky: *letter == b't',
            },
            b'f' | b'x' => Kind::File {
                digest: Digest::from_bytes(take(&mut rest)?),
                executable: *letter == b'x',
                size: u64::from_le_bytes(take(&mut rest)?),
            },
            b'l' => Kind::Symlink {
                target: take_text(&mut rest)?,
            },
            _ => return None,
        };
        entries.push(Entry { path, kind });
    }
    Listing::new(entries).ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn take_text(rest: &mut &[u8]) -> Option<PathBuf> {
    let length = u16::from_le_bytes(take(rest)?);
    let (taken, after) = rest.split_at_checked(length.into())?;
    *rest = after;
    Some(OsStr::from_bytes(taken).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let entry = |path: &str, kind| Entry {
            path: path.into(),
            kind,
        };
        let listing = Listing::new(vec![
            entry("a", Kind::Directory { sticky: false }),
            entry("tmp", Kind::Directory { sticky: true }),
            entry(
                "a/file",
                Kind::File {
                    digest: Digest::from_bytes([3; 32]),
                    executable: true,
                    size: 77,
                },
            ),
            entry(
                "a/link",
                Kind::Symlink {
                    target: "../b".into(),
                },
            ),
        ])
        .unwrap();
        let bytes = encode(&listing);
        assert_eq!(decode(&bytes), Some(listing));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "{end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "{at}");
        }
    }
}
