//! Bytes from a file to a stream, read and packed by a thread that may wait.

use std::io::{self, Read, Write};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wire::message::Packing;

use crate::link::{Exchange, LinkError};

/// Read at a time.
const PIECE: usize = 128 << 10;
/// Pieces between the thread and the stream.
const PIECES: usize = 4;
/// What packing has to save of the first piece, in sixteenths.
const WORTH: usize = 1;
/// A level that keeps up with 100 Mbit/s on a fraction of a core.
const LEVEL: i32 = 3;

/// Something on its way out of a file.
#[derive(Debug)]
pub struct Packed {
    /// How it is packed: found out by trying the first piece.
    pub packing: Packing,
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
}

/// Why not all of it was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// This host's: it cannot be read, or has changed.
    #[error("{0}")]
    Source(#[from] io::Error),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("nothing of it was taken for {0:?}")]
    Slow(Duration),
}

/// Begins to read what `open` opens; packed if that is `allowed` and pays.
pub async fn pack(
    open: impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static,
    allowed: bool,
) -> io::Result<Packed> {
    let (sender, pieces) = mpsc::channel(PIECES);
    let (tell, told) = oneshot::channel();
    spawn_blocking(move || {
        // Who does not take the pieces any more has a reason of its own.
        let _unwanted = work(open, allowed, tell, &sender);
    });
    let packing = told.await.map_err(|_| io::ErrorKind::Interrupted)??;
    Ok(Packed { packing, pieces })
}

/// What the thread does. None: nobody takes it any more.
fn work(
    open: impl FnOnce() -> io::Result<Box<dyn Read + Send>>,
    allowed: bool,
    tell: oneshot::Sender<io::Result<Packing>>,
    pieces: &mpsc::Sender<io::Result<Vec<u8>>>,
) -> Option<()> {
    let first = open().and_then(|mut source| Ok((fill(&mut source)?, source)));
    let (mut piece, mut source) = match first {
        Ok(first) => first,
        Err(error) => return tell.send(Err(error)).ok(),
    };
    let packer = match allowed && pays(&piece) {
        true => zstd::Encoder::new(Vec::new(), LEVEL).ok(),
        false => None,
    };
    let packing = match packer {
        Some(_) => Packing::Zstd,
        None => Packing::Plain,
    };
    tell.send(Ok(packing)).ok()?;
    let say = |said| pieces.blocking_send(said).ok();
    let Some(mut packer) = packer else {
        while !piece.is_empty() {
            say(Ok(piece))?;
            match fill(&mut source) {
                Ok(next) => piece = next,
                Err(error) => return say(Err(error)),
            }
        }
        return Some(());
    };
    while !piece.is_empty() {
        let next = packer.write_all(&piece).and_then(|()| fill(&mut source));
        if packer.get_ref().len() >= PIECE {
            say(Ok(std::mem::take(packer.get_mut())))?;
        }
        match next {
            Ok(next) => piece = next,
            Err(error) => return say(Err(error)),
        }
    }
    say(packer.finish())
}

/// Up to a piece; less only at the end.
fn fill(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    source.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

fn pays(sample: &[u8]) -> bool {
    zstd::bulk::compress(sample, 1)
        .is_ok_and(|packed| packed.len() < sample.len() / 16 * (16 - WORTH))
}

impl Packed {
    /// Sends it all, while something of it is taken within `patience` at a time; `told` hears of the bytes
    /// that went.
    pub async fn send(
        mut self,
        exchange: &mut Exchange,
        patience: Duration,
        mut told: impl FnMut(u64),
    ) -> Result<(), SendError> {
        while let Some(piece) = self.pieces.recv().await {
            let piece = piece?;
            let length = piece.len() as u64;
            let sending = timeout(patience, exchange.send_data(piece));
            sending.await.map_err(|_| SendError::Slow(patience))??;
            told(length);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::Unpacker;

    async fn round(content: Vec<u8>, allowed: bool) -> (Packing, u64, Vec<u8>) {
        let length = content.len() as u64;
        let open = move || Ok(Box::new(io::Cursor::new(content)) as Box<dyn Read + Send>);
        let mut packed = pack(open, allowed).await.unwrap();
        let mut unpacker = Unpacker::new(packed.packing, length).unwrap();
        let (mut plain, mut sent) = (Vec::new(), 0);
        while let Some(piece) = packed.pieces.recv().await {
            let piece = piece.unwrap();
            sent += piece.len() as u64;
            let fed = unpacker.feed(&piece, &mut |bytes| {
                plain.extend_from_slice(bytes);
                Ok::<(), std::convert::Infallible>(())
            });
            let Ok(()) = fed.unwrap();
        }
        unpacker.finish().unwrap();
        (packed.packing, sent, plain)
    }

    #[tokio::test]
    async fn what_shrinks_is_packed_and_the_rest_goes_as_it_is() {
        let even: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 100) as u8).collect();
        let (packing, sent, plain) = round(even.clone(), true).await;
        assert_eq!(packing, Packing::Zstd);
        assert!(sent < 100_000 && plain == even);
        let (packing, sent, plain) = round(even.clone(), false).await;
        assert_eq!((packing, sent), (Packing::Plain, 1_000_000));
        assert!(plain == even);
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8
        });
        let noise: Vec<u8> = noise.take(300_000).collect();
        let (packing, sent, plain) = round(noise.clone(), true).await;
        assert_eq!((packing, sent), (Packing::Plain, 300_000));
        assert!(plain == noise);
        assert_eq!(
            round(Vec::new(), true).await,
            (Packing::Plain, 0, Vec::new())
        );
    }
}
