//! Entries from bytes of a peer.

use job::Digest;

use super::entry::{Body, Entry, EntryId, Modified, What};
use super::ids::varint;
use super::path::EntryPath;
use crate::field::Invalid;

/// Why bytes are no entries. Always the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntries {
    #[error("they end in the middle of one")]
    CutOff,
    #[error("their numbers do not ascend")]
    Order,
    #[error("there is no kind {0}")]
    Kind(u8),
    #[error("a number is out of range")]
    Range,
    #[error(transparent)]
    Path(#[from] Invalid),
    #[error("a link says nothing, or too much")]
    Target,
    #[error("{0} of {1} entries")]
    Count(usize, u32),
}

/// An entry, its number, and the bytes of its file.
pub type Told<'a> = (EntryId, Entry, &'a [u8]);

/// Reads `count` entries, each with the bytes of its file. Digests are not compared here.
///
/// # Errors
///
/// When the bytes are anything else.
pub fn read(mut bytes: &[u8], count: u32) -> Result<Vec<Told<'_>>, BadEntries> {
    let mut entries = Vec::new();
    let mut last = None;
    while !bytes.is_empty() {
        let (id, entry, contents) = one(&mut bytes, last)?;
        last = Some(id);
        entries.push((id, entry, contents));
        if entries.len() > count as usize {
            break;
        }
    }
    if entries.len() != count as usize {
        return Err(BadEntries::Count(entries.len(), count));
    }
    Ok(entries)
}

fn one<'a>(bytes: &mut &'a [u8], last: Option<EntryId>) -> Result<Told<'a>, BadEntries> {
    let step = number(bytes)?;
    let id = match last {
        None => step,
        Some(_) if step == 0 => return Err(BadEntries::Order),
        Some(last) => last.0.checked_add(step).ok_or(BadEntries::Order)?,
    };
    let [kind, marks] = *take(bytes, 2)? else {
        return Err(BadEntries::CutOff);
    };
    let length = length(bytes)?;
    let path = EntryPath::new(take(bytes, length)?)?;
    let mut contents = &[][..];
    let what = match kind {
        1 => What::Directory,
        2 => {
            let body = body(bytes, marks & 2 != 0)?;
            let size = usize::try_from(body.size).map_err(|_| BadEntries::Range)?;
            contents = take(bytes, size)?;
            What::File(body)
        }
        3 => match number(bytes)? {
            other if other < id => What::Same(EntryId(other)),
            _ => return Err(BadEntries::Order),
        },
        4 => {
            let length = self::length(bytes)?;
            let target = take(bytes, length)?;
            if target.is_empty() || target.len() > EntryPath::MOST || target.contains(&0) {
                return Err(BadEntries::Target);
            }
            What::Link(target.into())
        }
        5 => What::Unsent,
        other => return Err(BadEntries::Kind(other)),
    };
    let is_fresh = marks & 1 != 0;
    let entry = Entry {
        path,
        what,
        is_fresh,
    };
    Ok((EntryId(id), entry, contents))
}

fn body(bytes: &mut &[u8], executable: bool) -> Result<Body, BadEntries> {
    let digest = take(bytes, Digest::LENGTH)?;
    let digest = <[u8; Digest::LENGTH]>::try_from(digest).map_err(|_| BadEntries::CutOff)?;
    let size = varint(bytes).ok_or(BadEntries::CutOff)?;
    let zigzag = varint(bytes).ok_or(BadEntries::CutOff)?;
    let seconds = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
    let nanoseconds = number(bytes)?;
    if nanoseconds >= 1_000_000_000 {
        return Err(BadEntries::Range);
    }
    Ok(Body {
        digest: Digest::from_bytes(digest),
        size,
        modified: Modified {
            seconds,
            nanoseconds,
        },
        executable,
    })
}

fn number(bytes: &mut &[u8]) -> Result<u32, BadEntries> {
    let value = varint(bytes).ok_or(BadEntries::CutOff)?;
    u32::try_from(value).map_err(|_| BadEntries::Range)
}

fn length(bytes: &mut &[u8]) -> Result<usize, BadEntries> {
    number(bytes).map(|length| length as usize)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], BadEntries> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(BadEntries::CutOff)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;

    fn entry(path: &str, what: What) -> Entry {
        Entry {
            path: EntryPath::new(path.as_bytes()).unwrap(),
            what,
            is_fresh: path.ends_with('+'),
        }
    }

    fn file(contents: &[u8], seconds: i64) -> What {
        What::File(Body {
            digest: Digest::from_bytes(*blake3::hash(contents).as_bytes()),
            size: contents.len() as u64,
            modified: Modified {
                seconds,
                nanoseconds: 999_999_999,
            },
            executable: seconds > 0,
        })
    }

    fn some() -> Vec<(EntryId, Entry, &'static [u8])> {
        vec![
            (EntryId(0), entry("/usr", What::Directory), b""),
            (
                EntryId(1),
                entry("/usr/a.h", file(b"int a;\n", 1_700_000_000)),
                b"int a;\n",
            ),
            (EntryId(5), entry("/usr/b+", file(b"", -5)), b""),
            (EntryId(6), entry("/usr/c", What::Same(EntryId(1))), b""),
            (
                EntryId(400),
                entry("/lib", What::Link((*b"usr/lib").into())),
                b"",
            ),
            (EntryId(401), entry("/usr/d", What::Unsent), b""),
        ]
    }

    fn written(entries: &[(EntryId, Entry, &[u8])]) -> Batch {
        let mut batch = Batch::default();
        for (id, entry, contents) in entries {
            batch.push(*id, entry, contents);
        }
        batch
    }

    #[test]
    fn entries_come_back() {
        let entries = some();
        let batch = written(&entries);
        assert_eq!(read(batch.bytes(), batch.count()).unwrap(), entries);
    }

    #[test]
    fn nothing_else_is_taken_for_entries() {
        let batch = written(&some());
        for length in 0..batch.bytes().len() {
            assert!(read(&batch.bytes()[..length], batch.count()).is_err());
        }
        for count in [0, 5, 7] {
            assert!(read(batch.bytes(), count).is_err());
        }
        // Any byte may be wrong: nothing panics.
        for at in 0..batch.bytes().len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = batch.bytes().to_vec();
                bytes[at] = value;
                let _either_way = read(&bytes, batch.count());
            }
        }
    }

    #[test]
    fn keys_tell_apart_what_a_compiler_sees() {
        let base = entry("/a", file(b"x", 1));
        let mut keys = std::collections::HashSet::new();
        for other in [
            base.clone(),
            entry("/b", file(b"x", 1)),
            entry("/a", file(b"y", 1)),
            entry("/a", file(b"x", 2)),
            entry("/a", What::Directory),
            entry("/a", What::Unsent),
            entry("/a", What::Link((*b"x").into())),
            entry("/a", What::Link((*b"y").into())),
        ] {
            assert!(keys.insert(other.key(None)));
        }
        let same = entry("/a", What::Same(EntryId(0)));
        assert!(keys.insert(same.key(Some(&base.key(None)))));
        // How it came is not what it is.
        let fresh = Entry {
            is_fresh: true,
            ..base.clone()
        };
        assert_eq!(fresh.key(None), base.key(None));
    }
}
