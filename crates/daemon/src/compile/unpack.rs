//! From what a client sent to the text that the compiler reads, a bounded piece at a time: a few
//! bytes may unpack to gigabytes.

use std::io;

use icecream::{FileChunk, chunk};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// Text of a compile in floe's protocol. Preprocessed C++ has some tens of mebibytes at most.
pub(crate) const MOST_TEXT: u64 = 512 << 20;
/// Text handed on at a time.
const STEP: usize = 128 << 10;
/// log2 of how far back a packed text may refer: what zstd's levels up to 19 need, and 8 MiB for each
/// compile.
const WINDOW: u32 = 23;

/// How a client packs its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// As icecream does: each piece for itself.
    Chunks,
    Plain,
    /// One zstd stream.
    Zstd,
}

impl Packed {
    pub(super) fn unpacker(self) -> io::Result<Unpacker> {
        let kind = match self {
            Self::Chunks => Kind::Chunks,
            Self::Plain => Kind::Plain,
            Self::Zstd => {
                let mut decoder = Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW))?;
                Kind::Zstd {
                    decoder: Box::new(decoder),
                    within: true,
                    at: 0,
                }
            }
        };
        Ok(Unpacker {
            kind,
            piece: None,
            total: 0,
        })
    }
}

/// The client's fault, all of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadText {
    #[error(transparent)]
    Chunk(#[from] chunk::ChunkError),
    #[error("its text is no zstd stream: {0}")]
    Zstd(io::Error),
    #[error("its text ends within a zstd stream")]
    TooShort,
    #[error("its text unpacks to more than {} MiB", MOST_TEXT >> 20)]
    TooLong,
}

pub(super) struct Unpacker {
    kind: Kind,
    /// What [`Unpacker::next`] is to look at.
    piece: Option<FileChunk>,
    total: u64,
}

enum Kind {
    Chunks,
    Plain,
    Zstd {
        decoder: Box<Decoder<'static>>,
        /// A frame has begun and not ended. No text at all is no frame.
        within: bool,
        /// How much of the piece is read.
        at: usize,
    },
}

impl Unpacker {
    /// A further piece, when the one before is used up.
    pub(super) fn take(&mut self, piece: &FileChunk) {
        self.piece = Some(piece.clone());
    }

    pub(super) fn has_more(&self) -> bool {
        self.piece.is_some()
    }

    /// Bytes of text so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The next text; nothing when the piece only began something.
    pub(super) fn next(&mut self) -> Result<Vec<u8>, BadText> {
        let Some(piece) = self.piece.take() else {
            return Ok(Vec::new());
        };
        let text = match &mut self.kind {
            Kind::Chunks => {
                let mut text = Vec::new();
                chunk::decompress(&piece, &mut text)?;
                // icecream has no such limit.
                self.total += text.len() as u64;
                return Ok(text);
            }
            Kind::Plain => piece.data,
            Kind::Zstd {
                decoder,
                within,
                at,
            } => {
                let mut text = Vec::with_capacity(STEP);
                let mut input = InBuffer::around(&piece.data[*at..]);
                let mut output = OutBuffer::around(&mut text);
                let hint = decoder.run(&mut input, &mut output);
                let hint = hint.map_err(BadText::Zstd)?;
                let full = output.pos() == STEP;
                *at += input.pos();
                *within = hint != 0;
                // A stream that has ended says nothing more, and would take a further call for a new one.
                if *at < piece.data.len() || full && *within {
                    self.piece = Some(piece);
                } else {
                    *at = 0;
                }
                text
            }
        };
        self.total += text.len() as u64;
        if self.total > MOST_TEXT {
            return Err(BadText::TooLong);
        }
        Ok(text)
    }

    /// The client has sent all.
    pub(super) fn finish(&self) -> Result<(), BadText> {
        match self.kind {
            Kind::Zstd { within: true, .. } => Err(BadText::TooShort),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn piece(data: &[u8]) -> FileChunk {
        FileChunk {
            uncompressed_len: 0,
            compression: 0,
            data: data.to_vec(),
        }
    }

    fn unpack(packed: Packed, pieces: &[&[u8]]) -> Result<Vec<u8>, BadText> {
        let mut unpacker = packed.unpacker().unwrap();
        let mut all = Vec::new();
        for data in pieces {
            unpacker.take(&piece(data));
            while unpacker.has_more() {
                let text = unpacker.next()?;
                assert!(text.len() <= STEP);
                all.extend(text);
            }
        }
        unpacker.finish()?;
        assert_eq!(unpacker.total(), all.len() as u64);
        Ok(all)
    }

    fn text() -> Vec<u8> {
        (0..400_000_u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect()
    }

    #[test]
    fn a_stream_is_unpacked_however_it_is_cut() {
        let packed = zstd::encode_all(&text()[..], 3).unwrap();
        for size in [1, 1000, packed.len()] {
            let pieces: Vec<_> = packed.chunks(size).collect();
            assert!(unpack(Packed::Zstd, &pieces).unwrap() == text(), "{size}");
        }
        // An end just where a step is full.
        let even = vec![7; 4 * STEP];
        let packed = zstd::encode_all(&even[..], 3).unwrap();
        assert!(unpack(Packed::Zstd, &[&packed]).unwrap() == even);
        assert_eq!(unpack(Packed::Plain, &[b"ab", b"c"]).unwrap(), b"abc");
        assert_eq!(unpack(Packed::Plain, &[]).unwrap(), b"");
    }

    #[test]
    fn what_is_too_short_or_no_stream_is_refused() {
        let packed = zstd::encode_all(&text()[..], 3).unwrap();
        let short = unpack(Packed::Zstd, &[&packed[..packed.len() - 1]]);
        assert!(matches!(short, Err(BadText::TooShort)));
        assert!(matches!(unpack(Packed::Zstd, &[]), Err(BadText::TooShort)));
        let wrong = unpack(Packed::Zstd, &[b"int main(void) { return 0; }"]);
        assert!(matches!(wrong, Err(BadText::Zstd(_))));
        let trailing = unpack(Packed::Zstd, &[&packed, b"more of it"]);
        assert!(trailing.is_err());
    }

    #[test]
    fn a_bomb_goes_off_in_small_pieces_and_not_for_long() {
        let frame = zstd::encode_all(&vec![0; 8 << 20][..], 1).unwrap();
        let packed = frame.repeat((MOST_TEXT >> 23) as usize + 1);
        assert!(packed.len() < 1 << 20);
        let mut unpacker = Packed::Zstd.unpacker().unwrap();
        unpacker.take(&piece(&packed));
        let bad = loop {
            match unpacker.next() {
                Ok(text) => assert!(text.len() <= STEP),
                Err(bad) => break bad,
            }
        };
        assert!(matches!(bad, BadText::TooLong));
    }

    #[test]
    fn far_references_are_refused() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 19).unwrap();
        encoder.window_log(WINDOW + 2).unwrap();
        io::copy(&mut io::repeat(1).take(64 << 20), &mut encoder).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(matches!(
            unpack(Packed::Zstd, &[&packed]),
            Err(BadText::Zstd(_))
        ));
    }
}
