//! The compressions that icecream's archives come in. Blocks are compressed
//! independently and concatenated, which every one of the formats allows, so that all cores work.

use std::cell::RefCell;
use std::io::{self, BufRead, Write};

use bzip2::read::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::{XzOptions, XzReader, XzWriter};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    None,
    #[default]
    Gzip,
    Bzip2,
    Zstd,
    Xz,
}

/// Memory that a stream may demand for its window. `xz -9` wants 64 MiB, `zstd -19` 8 MiB.
const WINDOW_LOG: u32 = 27;
const XZ_MEMORY_KIB: u32 = 192 << 10;

impl Compression {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Bzip2, Self::Zstd, Self::Xz];

    /// As on the command line of icecc-create-env.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" | "gz" => Self::Gzip,
            "bzip2" | "bz2" => Self::Bzip2,
            "zstd" => Self::Zstd,
            "xz" => Self::Xz,
            _ => return None,
        })
    }

    /// What an archive's file name ends in.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => ".tar",
            Self::Gzip => ".tar.gz",
            Self::Bzip2 => ".tar.bz2",
            Self::Zstd => ".tar.zst",
            Self::Xz => ".tar.xz",
        }
    }

    /// Recognises a stream by its first bytes; what is none of the others must be plain tar.
    pub(crate) fn of(start: &[u8]) -> Self {
        let is = |magic: &[u8]| start.starts_with(magic);
        if is(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if is(b"BZh") {
            Self::Bzip2
        } else if is(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if is(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Self::Xz
        } else {
            Self::None
        }
    }

    /// Bytes that are compressed together: the larger, the better the ratio and the worse the
    /// spread over cores.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::None | Self::Gzip => 1 << 20,
            Self::Bzip2 => 900_000,
            Self::Zstd | Self::Xz => 4 << 20,
        }
    }

    /// Compresses one block to a complete member of its own. Fast levels: an archive is made while a
    /// build waits, and sent over a local network.
    pub(crate) fn compress(self, block: impl AsRef<[u8]>) -> io::Result<Vec<u8>> {
        let block = block.as_ref();
        let out = Vec::with_capacity(block.len() / 2);
        match self {
            Self::None => Ok(block.to_vec()),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(1));
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(out, bzip2::Compression::new(9));
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Zstd => zstandard(block),
            Self::Xz => {
                let mut encoder = XzWriter::new(out, XzOptions::with_preset(1))?;
                encoder.write_all(block)?;
                encoder.finish()
            }
        }
    }

    /// The plain bytes behind `input`, members one after the other, with bounded memory.
    pub(crate) fn decompress<'a, R: BufRead + 'a>(
        self,
        input: R,
    ) -> io::Result<Box<dyn io::Read + 'a>> {
        Ok(match self {
            Self::None => Box::new(input),
            Self::Gzip => Box::new(MultiGzDecoder::new(input)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(input)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Box::new(decoder)
            }
            Self::Xz => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
        })
    }
}

/// A thread keeps its working memory: fresh pages for each block cost a quarter of the time.
fn zstandard(block: &[u8]) -> io::Result<Vec<u8>> {
    type Memory = (zstd::bulk::Compressor<'static>, Vec<u8>);
    thread_local! {
        static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
    }
    MEMORY.with_borrow_mut(|memory| {
        let (compressor, out) = match memory {
            Some(memory) => memory,
            None => memory.insert((zstd::bulk::Compressor::new(1)?, Vec::new())),
        };
        out.resize(zstd::zstd_safe::compress_bound(block.len()), 0);
        let length = compressor.compress_to_buffer(block, out.as_mut_slice())?;
        Ok(out[..length].to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn members_one_after_the_other_are_one_stream_and_are_recognised() {
        for kind in Compression::ALL {
            let mut stream = kind.compress(b"first ").unwrap();
            stream.extend(kind.compress(b"second").unwrap());
            assert_eq!(Compression::of(&stream), kind);
            let mut text = String::new();
            kind.decompress(&stream[..])
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "first second", "{kind:?}");
            let name = format!("{kind:?}").to_lowercase();
            assert_eq!(Compression::parse(&name), Some(kind));
        }
        assert_eq!(Compression::parse("lzo"), None);
    }
}
