//! Entries as bytes.

use super::entry::{Entry, EntryId, What};
use super::ids::put_varint;

/// Entries that are told together, in the order of their numbers.
///
/// Each is its number's distance from the last (the first its number), what it is (one byte), a byte of marks
/// (1: fresh, 2: executable), the length of its path, its path, and then for a file its digest, size, seconds
/// (zigzag) and nanoseconds of its time and its bytes; for the same file the other's number; for a link the
/// length of what it says, and that. All numbers are varints.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    last: Option<EntryId>,
    count: u32,
}

impl Batch {
    /// Adds an entry; `contents` are a file's bytes, as many as its size says.
    pub fn push(&mut self, id: EntryId, entry: &Entry, contents: &[u8]) {
        let last = self.last.map_or(0, |last| last.0);
        let out = &mut self.bytes;
        put_varint(out, u64::from(id.0.saturating_sub(last)));
        out.push(entry.what.number());
        let executable = matches!(&entry.what, What::File(body) if body.executable);
        out.push(u8::from(entry.is_fresh) | u8::from(executable) << 1);
        put_varint(out, entry.path.as_bytes().len() as u64);
        out.extend_from_slice(entry.path.as_bytes());
        match &entry.what {
            What::Directory | What::Unsent => {}
            What::File(body) => {
                out.extend_from_slice(body.digest.as_bytes());
                put_varint(out, body.size);
                let seconds = body.modified.seconds;
                put_varint(
                    out,
                    (seconds.wrapping_shl(1) ^ (seconds >> 63)).cast_unsigned(),
                );
                put_varint(out, u64::from(body.modified.nanoseconds));
                out.extend_from_slice(contents);
            }
            What::Same(other) => put_varint(out, u64::from(other.0)),
            What::Link(target) => {
                put_varint(out, target.len() as u64);
                out.extend_from_slice(target);
            }
        }
        self.last = Some(id);
        self.count += 1;
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
