//! A piece of a text or an object as it crosses the network: what FILE_CHUNK carries.

use icecream::FileChunk;
use icecream::chunk::{self, Effort};

/// Bytes in every piece but the last.
pub(crate) const PIECE_LEN: usize = chunk::CHUNK_LEN;

/// Compressed bytes, or bytes in the form of compressed ones.
#[derive(Clone, Debug)]
pub(crate) struct Piece(FileChunk);

impl Piece {
    /// Packs at most [`PIECE_LEN`] bytes.
    pub(crate) fn pack(plain: &[u8], effort: Effort) -> Result<Self, String> {
        chunk::pack(plain, effort)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    pub(super) fn arrived(chunk: FileChunk) -> Self {
        Self(chunk)
    }

    /// Appends the plain bytes.
    pub(crate) fn unpack(&self, out: &mut Vec<u8>) -> Result<(), String> {
        chunk::decompress(&self.0, out).map_err(|error| error.to_string())
    }

    /// Compressed length.
    pub(crate) fn len(&self) -> usize {
        self.0.data.len()
    }

    /// The compressed bytes: a Zstandard frame, or nothing.
    pub(crate) fn packed(&self) -> &[u8] {
        &self.0.data
    }

    pub(super) fn chunk(&self) -> FileChunk {
        self.0.clone()
    }
}
