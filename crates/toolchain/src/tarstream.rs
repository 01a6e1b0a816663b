//! A file set as a tar stream whose every byte can be produced on its own, so that the blocks of the
//! stream can be compressed on several cores.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::fileset::{FileSet, Member, Source};

const RECORD: u64 = 512;

/// The stream: pieces, and where each ends.
pub(crate) struct TarStream<'a> {
    pieces: Vec<(u64, Piece<'a>)>,
}

enum Piece<'a> {
    Header(Vec<u8>),
    Text(&'a [u8]),
    File(&'a Path),
    Zeros,
}

thread_local! {
    /// The file this thread read last: neighbouring blocks mostly come from the same one.
    static LAST: RefCell<Option<(PathBuf, File)>> = const { RefCell::new(None) };
}

/// A file that could not be read.
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl<'a> TarStream<'a> {
    /// Lays out `set`: for each member a header, its bytes, and zeros up to the next record.
    pub(crate) fn of(set: &'a FileSet) -> io::Result<Self> {
        let mut pieces = Vec::new();
        let mut end = 0;
        for (name, member) in &set.members {
            let header = header(name, member)?;
            end += header.len() as u64;
            pieces.push((end, Piece::Header(header)));
            end += member.size;
            pieces.push(match &member.source {
                Source::Text(bytes) => (end, Piece::Text(bytes)),
                Source::File(path) => (end, Piece::File(path)),
            });
            end = end.next_multiple_of(RECORD);
            pieces.push((end, Piece::Zeros));
        }
        pieces.push((end + 2 * RECORD, Piece::Zeros));
        Ok(Self { pieces })
    }

    pub(crate) fn len(&self) -> u64 {
        self.pieces.last().map_or(0, |(end, _)| *end)
    }

    /// Puts the bytes from `offset` into `out`, at most `length`, fewer only at the end.
    pub(crate) fn read(
        &self,
        offset: u64,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let stop = (offset + length as u64).min(self.len());
        out.resize(stop.saturating_sub(offset) as usize, 0);
        let first = self.pieces.partition_point(|(end, _)| *end <= offset);
        let mut start = if first == 0 {
            0
        } else {
            self.pieces[first - 1].0
        };
        for (end, piece) in &self.pieces[first..] {
            if start >= stop {
                break;
            }
            let (from, to) = (start.max(offset), (*end).min(stop));
            let part = &mut out[(from - offset) as usize..(to - offset) as usize];
            let (skip, take) = ((from - start) as usize, part.len());
            match piece {
                Piece::Header(bytes) => part.copy_from_slice(&bytes[skip..skip + take]),
                Piece::Text(bytes) => part.copy_from_slice(&bytes[skip..skip + take]),
                Piece::File(path) => read_at(path, skip as u64, part)?,
                Piece::Zeros => part.fill(0),
            }
            start = *end;
        }
        Ok(())
    }
}

fn read_at(path: &Path, offset: u64, into: &mut [u8]) -> Result<(), Unreadable> {
    let unreadable = |source| Unreadable {
        path: path.to_path_buf(),
        source,
    };
    if into.is_empty() {
        return Ok(());
    }
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| known != path) {
            *last = Some((path.to_path_buf(), File::open(path).map_err(unreadable)?));
        }
        match last {
            Some((_, file)) => file.read_exact_at(into, offset).map_err(unreadable),
            None => Ok(()),
        }
    })
}

/// The header records of a member. Rights are reduced to what matters to a compiler, so that hosts
/// with another umask have the same archive.
fn header(name: &Path, member: &Member) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(member.size);
    header.set_mode(if member.executable { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    // The builder adds the record for a long name; the bytes themselves come later.
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, io::empty())?;
    let mut records = builder.into_inner()?;
    records.truncate(records.len() - 2 * RECORD as usize);
    Ok(records)
}
