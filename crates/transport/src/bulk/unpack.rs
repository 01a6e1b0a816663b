//! Bytes, unpacked as they come and held to the length that was announced.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use wire::message::Packing;
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// What a packer may refer back to, as a power of two: 8 MiB.
const WINDOW_LOG: u32 = 23;
/// Unpacked at a time.
const STEP: usize = 64 << 10;
/// Decoders that are kept for others: they are large, and making one costs as much as unpacking a small object.
const SPARE: usize = 4;
/// A decoder's memory grows with what it unpacked.
const MOST_KEPT: u64 = 2 << 20;

static SPARES: Mutex<Vec<Decoder<'static>>> = Mutex::new(Vec::new());

/// What is wrong with what came. The sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("it is longer than the {0} bytes announced")]
    TooLong(u64),
    #[error("it has {came} bytes instead of the {announced} announced")]
    TooShort { came: u64, announced: u64 },
    #[error("it cannot be unpacked: {0}")]
    Corrupt(String),
}

/// See the module.
pub struct Unpacker {
    decoder: Option<Decoder<'static>>,
    announced: u64,
    came: u64,
    /// A frame has begun and not ended.
    within: bool,
    plain: Vec<u8>,
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Unpacker({} of {})", self.came, self.announced)
    }
}

impl Unpacker {
    pub fn new(packing: Packing, announced: u64) -> Result<Self, Wrong> {
        let decoder = match packing {
            Packing::Plain => None,
            Packing::Zstd => Some(decoder().map_err(corrupt)?),
        };
        Ok(Self {
            decoder,
            announced,
            came: 0,
            within: false,
            plain: Vec::new(),
        })
    }

    /// Unpacks what came, never more than was announced. The inner error is the taker's.
    pub fn feed<E>(
        &mut self,
        mut packed: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, Wrong> {
        let Some(decoder) = &mut self.decoder else {
            self.came += packed.len() as u64;
            if self.came > self.announced {
                return Err(Wrong::TooLong(self.announced));
            }
            return Ok(take(packed));
        };
        self.plain.resize(STEP, 0);
        loop {
            let status = decoder.run_on_buffers(packed, &mut self.plain);
            let status = status.map_err(corrupt)?;
            packed = &packed[status.bytes_read..];
            self.came += status.bytes_written as u64;
            if self.came > self.announced {
                return Err(Wrong::TooLong(self.announced));
            }
            if let Err(error) = take(&self.plain[..status.bytes_written]) {
                return Ok(Err(error));
            }
            let moved = status.bytes_read > 0 || status.bytes_written > 0;
            if moved {
                self.within = status.remaining > 0;
            }
            let full = status.bytes_written == self.plain.len();
            if (packed.is_empty() && !(full && self.within)) || !moved {
                return match packed {
                    [] => Ok(Ok(())),
                    _ => Err(Wrong::Corrupt("it makes no progress".to_owned())),
                };
            }
        }
    }

    /// All has come that will.
    pub fn finish(mut self) -> Result<(), Wrong> {
        if self.within {
            return Err(Wrong::Corrupt("it breaks off".to_owned()));
        }
        if self.came < self.announced {
            return Err(Wrong::TooShort {
                came: self.came,
                announced: self.announced,
            });
        }
        // One that met anything wrong is not used again.
        let spare = self.decoder.take().filter(|_| self.came <= MOST_KEPT);
        if let Some(decoder) = spare {
            let mut spares = SPARES.lock().unwrap_or_else(PoisonError::into_inner);
            if spares.len() < SPARE {
                spares.push(decoder);
            }
        }
        Ok(())
    }
}

/// One that was used before, if there is any.
fn decoder() -> std::io::Result<Decoder<'static>> {
    let spare = SPARES.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut decoder = match spare {
        Some(mut decoder) => {
            decoder.reinit()?;
            decoder
        }
        None => Decoder::new()?,
    };
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
    Ok(decoder)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn corrupt(error: std::io::Error) -> Wrong {
    Wrong::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(packing: Packing, announced: u64, pieces: &[&[u8]]) -> Result<Vec<u8>, Wrong> {
        let mut unpacker = Unpacker::new(packing, announced)?;
        let mut plain = Vec::new();
        for piece in pieces {
            let fed = unpacker.feed(piece, &mut |bytes| {
                plain.extend_from_slice(bytes);
                Ok::<(), std::convert::Infallible>(())
            });
            let Ok(()) = fed?;
        }
        unpacker.finish().map(|()| plain)
    }

    #[test]
    fn frames_stand_one_behind_the_other_and_are_cut_anywhere() {
        let text: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let mut packed = zstd::bulk::compress(&text[..100_000], 1).unwrap();
        packed.extend(zstd::bulk::compress(&text[100_000..], 3).unwrap());
        for piece in [1, 7, 1000, packed.len()] {
            let pieces: Vec<&[u8]> = packed.chunks(piece).collect();
            assert_eq!(unpack(Packing::Zstd, 300_000, &pieces).unwrap(), text);
        }
        let short = unpack(Packing::Zstd, 300_001, &[&packed]);
        assert!(matches!(short, Err(Wrong::TooShort { .. })), "{short:?}");
        let long = unpack(Packing::Zstd, 299_999, &[&packed]);
        assert_eq!(long, Err(Wrong::TooLong(299_999)));
        let cut = unpack(Packing::Zstd, 300_000, &[&packed[..packed.len() - 1]]);
        assert!(matches!(cut, Err(Wrong::Corrupt(_))), "{cut:?}");
    }

    #[test]
    fn plain_bytes_are_held_to_their_length() {
        assert_eq!(unpack(Packing::Plain, 4, &[b"ab", b"cd"]).unwrap(), b"abcd");
        assert_eq!(unpack(Packing::Plain, 0, &[]).unwrap(), b"");
        assert!(unpack(Packing::Plain, 3, &[b"ab", b"cd"]).is_err());
        assert!(unpack(Packing::Plain, 5, &[b"ab", b"cd"]).is_err());
    }

    #[test]
    fn a_bomb_bursts_at_the_announced_length() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert_eq!(
            unpack(Packing::Zstd, 1000, &[&bomb]),
            Err(Wrong::TooLong(1000))
        );
        assert!(unpack(Packing::Zstd, 1000, &[b"no zstd at all"]).is_err());
    }
}
