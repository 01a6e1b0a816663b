//! The manifest and the proofs behind an offer, read within their bounds.

use std::collections::HashMap;
use std::time::Duration;

use job::Digest;
use tokio::time::timeout;
use toolchain::Manifest;
use transport::bulk::Unpacker;
use transport::{Exchange, Incoming, LinkError};
use wire::message::{self, Message};

use super::landing::blocking;

/// The longest silence while a manifest comes.
const QUIET: Duration = Duration::from_secs(30);
/// Bytes of a proof.
const PROOF: usize = 32;

/// A manifest that is what it was said to be, and what its sender shows for each file.
pub(super) struct Announced {
    pub(super) manifest: Manifest,
    pub(super) proofs: HashMap<Digest, [u8; PROOF]>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoManifest {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The sender's fault.
    #[error("{0}")]
    Wrong(String),
}

fn wrong(what: impl std::fmt::Display) -> NoManifest {
    NoManifest::Wrong(what.to_string())
}

/// Takes both from the offer's stream; `most` is what all files together may have.
pub(super) async fn receive(
    exchange: &mut Exchange,
    wanted: Digest,
    most: u64,
) -> Result<Announced, NoManifest> {
    let about = match next(exchange).await? {
        Some(Incoming::Message(message)) => match *message {
            Message::Manifest(about) => about,
            other => return Err(wrong(format_args!("{} came", other.name()))),
        },
        _ => return Err(wrong("no manifest came")),
    };
    let (bytes, possession) = body(exchange, &about).await?;
    let manifest = blocking(move || read(&bytes, wanted, most)).await?;
    let files: Vec<Digest> = manifest.files().map(|(.., digest)| digest).collect();
    let length = files.len() * PROOF;
    if possession.size.get() != length as u64 {
        return Err(wrong("there are more proofs than files, or fewer"));
    }
    let mut shown = Vec::with_capacity(length);
    while shown.len() < length {
        match next(exchange).await? {
            Some(Incoming::Data(bytes)) if shown.len() + bytes.len() <= length => {
                shown.extend_from_slice(&bytes);
            }
            _ => return Err(wrong("the proofs are not as announced")),
        }
    }
    let proofs = shown.chunks_exact(PROOF);
    let proofs = proofs.map(|proof| proof.try_into().unwrap_or_default());
    Ok(Announced {
        proofs: files.into_iter().zip(proofs).collect(),
        manifest,
    })
}

/// The manifest's bytes, and what follows them.
async fn body(
    exchange: &mut Exchange,
    about: &message::Manifest,
) -> Result<(Vec<u8>, message::Possession), NoManifest> {
    let size = about.size.get();
    if size > Manifest::MOST_BYTES as u64 {
        return Err(wrong(format_args!(
            "its list of files has {size} bytes, more than {}",
            Manifest::MOST_BYTES
        )));
    }
    let mut unpacker = Unpacker::new(about.packing, size).map_err(wrong)?;
    let mut bytes = Vec::new();
    loop {
        match next(exchange).await? {
            Some(Incoming::Data(packed)) => {
                let fed = unpacker.feed(&packed, &mut |plain| {
                    bytes.extend_from_slice(plain);
                    Ok::<(), std::convert::Infallible>(())
                });
                let Ok(()) = fed.map_err(wrong)?;
            }
            Some(Incoming::Message(message)) => {
                unpacker.finish().map_err(wrong)?;
                return match *message {
                    Message::Possession(possession) => Ok((bytes, possession)),
                    other => Err(wrong(format_args!("{} came", other.name()))),
                };
            }
            None => return Err(wrong("the manifest breaks off")),
        }
    }
}

fn read(bytes: &[u8], wanted: Digest, most: u64) -> Result<Manifest, NoManifest> {
    let manifest = Manifest::decode(bytes).map_err(wrong)?;
    // Its canonical bytes are the ones that came: nothing else is decoded.
    if manifest.identity().0 != wanted {
        return Err(wrong("the manifest is another one than was offered"));
    }
    let bytes = manifest.bytes();
    if bytes > most {
        return Err(wrong(format_args!(
            "its files have {bytes} bytes together, more than the {most} that this host keeps of all toolchains (--cache-limit)"
        )));
    }
    Ok(manifest)
}

async fn next(exchange: &mut Exchange) -> Result<Option<Incoming>, NoManifest> {
    match timeout(QUIET, exchange.next()).await {
        Ok(next) => Ok(next?),
        Err(_) => Err(NoManifest::Silent(QUIET)),
    }
}
