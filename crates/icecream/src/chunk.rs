//! What FILE_CHUNK carries: pieces of a file, each a Zstandard frame of its own.
//!
//! LZO, compression 0, is what peers below version 40 send; no peer accepted here does.

use std::cell::RefCell;

use crate::MAX_FRAME;
use crate::error::Fault;
use crate::message::FileChunk;

/// Uncompressed bytes in every chunk but the last of a stream, as in the reference.
pub const CHUNK_LEN: usize = 100_000;
/// The Zstandard level of the reference; `ICECC_COMPRESSION` changes it.
pub const DEFAULT_LEVEL: i32 = 1;

/// How hard a sender tries to save bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// None at all: a Zstandard frame whose only block is the bytes as they are.
    Store,
    /// A Zstandard level; those that do not exist become the nearest that does.
    Level(i32),
}

impl Default for Effort {
    fn default() -> Self {
        Self::Level(DEFAULT_LEVEL)
    }
}

const LZO: u32 = 0;
const ZSTANDARD: u32 = 1;

/// Why a chunk cannot be packed or unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error(
        "a chunk is compressed with LZO, which only icecream before 1.3 sends; update that host"
    )]
    Lzo,
    #[error("a chunk is compressed in an unknown way (number {0})")]
    UnknownCompression(u32),
    #[error("a chunk announces {0} bytes, more than 1 MiB")]
    TooLong(u32),
    #[error("a chunk is corrupt: it is not {announced} bytes of Zstandard data")]
    Corrupt { announced: u32 },
    #[error("a chunk announces {announced} bytes and holds {held}")]
    WrongLength { announced: u32, held: usize },
    #[error("{0} bytes are too many for one chunk")]
    OwnTooLong(usize),
    #[error("the Zstandard library could not compress a chunk")]
    Compressor,
}

impl ChunkError {
    /// Whose mistake it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::OwnTooLong(_) | Self::Compressor => Fault::Ours,
            _ => Fault::Peer,
        }
    }
}

/// Compresses chunk after chunk with the same working memory.
pub struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    /// A compressor of this Zstandard level; levels that do not exist become the nearest that does.
    pub fn new(level: i32) -> Result<Self, ChunkError> {
        let range = zstd::compression_level_range();
        let level = level.clamp(*range.start(), *range.end());
        zstd::bulk::Compressor::new(level)
            .map(Self)
            .map_err(|_| ChunkError::Compressor)
    }

    /// Compresses at most [`CHUNK_LEN`] bytes (1 MiB less a little is the limit).
    pub fn compress(&mut self, bytes: &[u8]) -> Result<FileChunk, ChunkError> {
        let too_long = ChunkError::OwnTooLong(bytes.len());
        if zstd::zstd_safe::compress_bound(bytes.len()) > MAX_FRAME - 16 {
            return Err(too_long);
        }
        let uncompressed_len = u32::try_from(bytes.len()).map_err(|_| too_long)?;
        let data = match bytes {
            [] => Vec::new(),
            _ => self.0.compress(bytes).map_err(|_| ChunkError::Compressor)?,
        };
        Ok(FileChunk {
            uncompressed_len,
            compression: ZSTANDARD,
            data,
        })
    }
}

/// Decompresses chunk after chunk with the same working memory.
pub struct Decompressor(zstd::bulk::Decompressor<'static>);

impl Decompressor {
    pub fn new() -> Result<Self, ChunkError> {
        zstd::bulk::Decompressor::new()
            .map(Self)
            .map_err(|_| ChunkError::Compressor)
    }

    /// Appends what `chunk` holds, which must be exactly as long as it announces. On an error
    /// `out` is as it was.
    pub fn decompress(&mut self, chunk: &FileChunk, out: &mut Vec<u8>) -> Result<(), ChunkError> {
        let announced = chunk.uncompressed_len;
        match chunk.compression {
            ZSTANDARD => {}
            LZO => return Err(ChunkError::Lzo),
            other => return Err(ChunkError::UnknownCompression(other)),
        }
        let length = match usize::try_from(announced) {
            Ok(length) if length <= MAX_FRAME => length,
            _ => return Err(ChunkError::TooLong(announced)),
        };
        if length == 0 {
            return Ok(());
        }
        let start = out.len();
        out.resize(start + length, 0);
        let result = match self.0.decompress_to_buffer(&chunk.data, &mut out[start..]) {
            Ok(held) if held == length => Ok(()),
            Ok(held) => Err(ChunkError::WrongLength { announced, held }),
            Err(_) => Err(ChunkError::Corrupt { announced }),
        };
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
}

/// Packs at most [`CHUNK_LEN`] bytes, with one compressor per thread.
pub fn pack(bytes: &[u8], effort: Effort) -> Result<FileChunk, ChunkError> {
    match effort {
        Effort::Store => store(bytes),
        Effort::Level(level) => compress(bytes, level),
    }
}

/// A Zstandard frame with one raw block (RFC 8878, 3.1.1): magic number, a descriptor that announces
/// a single segment and its length in 4 bytes, the length, the block's header.
fn store(bytes: &[u8]) -> Result<FileChunk, ChunkError> {
    const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
    const SINGLE_SEGMENT_LENGTH_OF_4: u8 = 0xA0;
    const LAST_RAW_BLOCK: u32 = 1;
    if bytes.len() > CHUNK_LEN {
        return Err(ChunkError::OwnTooLong(bytes.len()));
    }
    let uncompressed_len =
        u32::try_from(bytes.len()).map_err(|_| ChunkError::OwnTooLong(bytes.len()))?;
    let mut data = Vec::new();
    if !bytes.is_empty() {
        data.reserve_exact(12 + bytes.len());
        data.extend_from_slice(&MAGIC);
        data.push(SINGLE_SEGMENT_LENGTH_OF_4);
        data.extend_from_slice(&uncompressed_len.to_le_bytes());
        let block = uncompressed_len << 3 | LAST_RAW_BLOCK;
        data.extend_from_slice(&block.to_le_bytes()[..3]);
        data.extend_from_slice(bytes);
    }
    Ok(FileChunk {
        uncompressed_len,
        compression: ZSTANDARD,
        data,
    })
}

/// [`Compressor::compress`] with one compressor per thread.
fn compress(bytes: &[u8], level: i32) -> Result<FileChunk, ChunkError> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let (kept_level, mut compressor) = match kept.take() {
            Some((of, compressor)) if of == level => (of, compressor),
            _ => (level, Compressor::new(level)?),
        };
        let chunk = compressor.compress(bytes);
        *kept = Some((kept_level, compressor));
        chunk
    })
}

/// [`Decompressor::decompress`] with one decompressor per thread.
pub fn decompress(chunk: &FileChunk, out: &mut Vec<u8>) -> Result<(), ChunkError> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = match kept.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new()?,
        };
        let result = decompressor.decompress(chunk, out);
        *kept = Some(decompressor);
        result
    })
}
