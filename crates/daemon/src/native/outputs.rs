//! A result on its way back.

use std::io::{self, Read};
use std::time::Instant;

use job::Digest;
use transport::{Exchange, LinkError};
use wire::message::{Output, OutputKind, Packing};
use wire::name::Size;
use wire::{Proof, ProofKey};
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

use super::pace::{Pace, Went};
use crate::executor::Finished;
use crate::session::End;

/// Shorter outputs are not worth the effort.
const LEAST: u64 = 1024;
/// What is packed at a time, and tried first.
const STEP: usize = 64 << 10;

/// How outputs may go back.
pub(super) struct Manner {
    /// Which of them are wanted.
    pub(super) wanted: Vec<OutputKind>,
    /// The agent takes zstd.
    pub(super) zstd: bool,
    /// Whether packing pays on this connection.
    pub(super) pace: Pace,
    /// Zstandard's level.
    pub(super) level: i32,
    /// Of the proofs that they are this job's.
    pub(super) key: ProofKey,
}

/// Sends what is wanted of a result, and says what proves each output.
pub(super) async fn send(
    exchange: &mut Exchange,
    finished: &mut Finished,
    manner: &Manner,
) -> Result<Vec<Digest>, End> {
    let mut proofs = Vec::new();
    let files = [
        (OutputKind::Object, &mut finished.object),
        (OutputKind::SplitDwarf, &mut finished.dwo),
        (OutputKind::Dependencies, &mut finished.dependencies),
    ];
    for (kind, output) in files {
        if let Some(output) = output.as_mut().filter(|_| manner.wanted.contains(&kind)) {
            let sent = one(exchange, kind, output.len, &mut output.file, manner);
            proofs.push(sent.await?);
        }
    }
    let words = [
        (OutputKind::StandardOutput, &finished.stdout),
        (OutputKind::StandardError, &finished.stderr),
    ];
    for (kind, text) in words {
        if !text.is_empty() && manner.wanted.contains(&kind) {
            let mut from = &text[..];
            let sent = one(exchange, kind, text.len() as u64, &mut from, manner);
            proofs.push(sent.await?);
        }
    }
    Ok(proofs)
}

/// From the page cache or from memory: reading does not wait.
async fn one(
    exchange: &mut Exchange,
    kind: OutputKind,
    length: u64,
    from: &mut (impl Read + Send),
    manner: &Manner,
) -> Result<Digest, End> {
    let size = Size::new(length).map_err(|bad| End::Refused(bad.to_string()))?;
    let mut left = length;
    let mut proof = manner.key.begin(kind);
    let mut piece = read(from, &mut left, &mut proof)?;
    let pays =
        manner.zstd && length >= LEAST && manner.pace.packs() && shrinks(&piece, manner.level);
    let mut went = Went::default();
    let packing = if pays { Packing::Zstd } else { Packing::Plain };
    exchange
        .send(Output {
            kind,
            size,
            packing,
        })
        .await?;
    if !pays {
        while !piece.is_empty() {
            send_some(exchange, piece, &mut went).await?;
            piece = read(from, &mut left, &mut proof)?;
        }
        manner.pace.learn(&went);
        return Ok(proof.finish());
    }
    let mut encoder = Encoder::new(manner.level).map_err(|error| unread(&error))?;
    while !piece.is_empty() {
        let began = Instant::now();
        let packed = pack(&mut encoder, &piece, left == 0).map_err(|error| unread(&error))?;
        went.packing += began.elapsed();
        went.packed += piece.len() as u64;
        send_some(exchange, packed, &mut went).await?;
        piece = read(from, &mut left, &mut proof)?;
    }
    manner.pace.learn(&went);
    Ok(proof.finish())
}

async fn send_some(
    exchange: &mut Exchange,
    bytes: Vec<u8>,
    went: &mut Went,
) -> Result<(), LinkError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let (length, began) = (bytes.len() as u64, Instant::now());
    exchange.send_data(bytes).await?;
    went.sent += length;
    went.sending += began.elapsed();
    Ok(())
}

fn read(from: &mut impl Read, left: &mut u64, proof: &mut Proof) -> Result<Vec<u8>, End> {
    let length = usize::try_from(*left).map_or(STEP, |left| left.min(STEP));
    let mut piece = vec![0; length];
    from.read_exact(&mut piece)
        .map_err(|error| unread(&error))?;
    *left -= length as u64;
    proof.update(&piece);
    Ok(piece)
}

fn unread(error: &io::Error) -> End {
    End::Refused(format!("the result cannot be read back: {error}"))
}

/// By more than a tenth, as its beginning shows.
fn shrinks(beginning: &[u8], level: i32) -> bool {
    let packed = zstd::bulk::compress(beginning, level);
    packed.is_ok_and(|packed| packed.len() < beginning.len() - beginning.len() / 10)
}

fn pack(encoder: &mut Encoder<'_>, piece: &[u8], is_last: bool) -> io::Result<Vec<u8>> {
    let mut packed = Vec::with_capacity(zstd::zstd_safe::compress_bound(piece.len()) + STEP);
    let mut input = InBuffer::around(piece);
    let mut buffer = Vec::with_capacity(STEP);
    while input.pos() < piece.len() {
        buffer.clear();
        encoder.run(&mut input, &mut OutBuffer::around(&mut buffer))?;
        packed.extend_from_slice(&buffer);
    }
    let mut left = usize::from(is_last);
    while left > 0 {
        buffer.clear();
        left = encoder.finish(&mut OutBuffer::around(&mut buffer), true)?;
        packed.extend_from_slice(&buffer);
    }
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_one_stream() {
        let text: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| (n / 3).to_le_bytes())
            .collect();
        let mut encoder = Encoder::new(1).unwrap();
        let mut left = text.len() as u64;
        let mut from = &text[..];
        let grant = wire::grant::SignedGrant {
            grant: wire::field::Opaque::default(),
            signature: wire::field::Opaque::default(),
            signer: job::MemberId::from_bytes([0; 16]),
        };
        let key = ProofKey::of(&grant);
        let mut proof = key.begin(OutputKind::Object);
        let mut packed = Vec::new();
        while left > 0 {
            let piece = read(&mut from, &mut left, &mut proof).unwrap();
            packed.extend(pack(&mut encoder, &piece, left == 0).unwrap());
        }
        let mut whole = key.begin(OutputKind::Object);
        whole.update(&text);
        assert_eq!(proof.finish(), whole.finish());
        assert!(packed.len() < text.len() / 2);
        assert!(zstd::decode_all(&packed[..]).unwrap() == text);
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let noise = zstd::bulk::compress(
            &(0..60_000_u32)
                .flat_map(|n| (n * n).to_le_bytes())
                .collect::<Vec<_>>(),
            9,
        )
        .unwrap();
        assert!(!shrinks(&noise[..STEP.min(noise.len())], 1));
        assert!(shrinks(&[b'a'; 4096], 1));
    }
}
