//! The text of a compile that has started, kept in case it has to start again: as it came, still
//! compressed, a little in memory and the rest on disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use icecream::FileChunk;

use super::source::occupied;

/// Compressed bytes of one text in memory. Most texts are shorter.
const IN_MEMORY: usize = 1 << 20;
/// Of one text on disk. A longer one cannot start again.
const ON_DISK: u64 = 256 << 20;
/// Before each chunk on disk: length, length when unpacked, kind of compression.
const HEAD: usize = 12;

/// Makes the file that the rest goes to; it has no name any more.
pub(super) type Open<'a> = dyn Fn() -> io::Result<File> + Send + Sync + 'a;

#[derive(Default)]
pub(super) struct Spool {
    chunks: Vec<FileChunk>,
    bytes: usize,
    file: Option<File>,
    written: u64,
    /// Something is missing.
    torn: bool,
}

/// How far the text has been read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    chunk: usize,
    byte: u64,
}

impl Spool {
    pub(super) fn keep(&mut self, chunk: FileChunk, open: &Open<'_>) {
        if self.torn {
            return;
        }
        if self.file.is_none() && self.bytes + occupied(&chunk) <= IN_MEMORY {
            self.bytes += occupied(&chunk);
            self.chunks.push(chunk);
        } else if let Err(error) = self.write(&chunk, open) {
            tracing::debug!("the text of a compile is not kept: {error}");
            self.torn = true;
            self.file = None;
        }
    }

    /// Whether all of the text up to now can be read again.
    pub(super) fn is_whole(&self) -> bool {
        !self.torn
    }

    /// The chunk behind `mark`, which moves on.
    pub(super) fn next(&self, mark: &mut Mark) -> io::Result<Option<FileChunk>> {
        if let Some(chunk) = self.chunks.get(mark.chunk) {
            mark.chunk += 1;
            return Ok(Some(chunk.clone()));
        }
        let Some(file) = self.file.as_ref().filter(|_| mark.byte < self.written) else {
            return Ok(None);
        };
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, mark.byte)?;
        let [len, uncompressed_len, compression] = [0, 4, 8]
            .map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let mut data = vec![0; len as usize];
        file.read_exact_at(&mut data, mark.byte + HEAD as u64)?;
        mark.byte += HEAD as u64 + u64::from(len);
        Ok(Some(FileChunk {
            uncompressed_len,
            compression,
            data,
        }))
    }

    /// Into the page cache: the disk is waited for only when memory is short.
    fn write(&mut self, chunk: &FileChunk, open: &Open<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(open()?),
        };
        let len = u32::try_from(chunk.data.len()).map_err(io::Error::other)?;
        if self.written + u64::from(len) > ON_DISK {
            return Err(io::Error::other("it is too long"));
        }
        let mut bytes = Vec::with_capacity(HEAD + chunk.data.len());
        for number in [len, chunk.uncompressed_len, chunk.compression] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&chunk.data);
        file.write_all_at(&bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(number: u32) -> FileChunk {
        FileChunk {
            uncompressed_len: number,
            compression: 1,
            data: vec![number as u8; 300_000],
        }
    }

    fn read(spool: &Spool) -> Vec<u32> {
        let mut mark = Mark::default();
        std::iter::from_fn(|| spool.next(&mut mark).unwrap())
            .inspect(|chunk| assert!(chunk.data == vec![chunk.uncompressed_len as u8; 300_000]))
            .map(|chunk| chunk.uncompressed_len)
            .collect()
    }

    #[test]
    fn a_text_is_read_again_from_memory_and_disk_as_often_as_needed() {
        let mut spool = Spool::default();
        let open: &Open<'_> = &tempfile::tempfile;
        for number in 0..9 {
            spool.keep(chunk(number), open);
        }
        assert!(spool.is_whole() && spool.chunks.len() == 3);
        for _ in 0..2 {
            assert_eq!(read(&spool), (0..9).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_a_disk_a_short_text_is_kept_and_a_long_one_is_known_to_be_torn() {
        let mut spool = Spool::default();
        let open: &Open<'_> = &|| Err(io::Error::other("no disk"));
        for number in 0..3 {
            spool.keep(chunk(number), open);
        }
        assert!(spool.is_whole());
        spool.keep(chunk(3), open);
        spool.keep(chunk(4), open);
        assert!(!spool.is_whole());
    }
}
