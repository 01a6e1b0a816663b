//! A scripted agent that offers a toolchain.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use job::Digest;
use membership::Role;
use tokio::time::timeout;
use toolchain::possession::Fingerprints;
use toolchain::{Compression, Contents, NativeCache};
use transport::{Exchange, Incoming, Link, LinkError};
use wire::ResetCode;
use wire::message::{Blob, Denied, Manifest, Message, Missing, Offer, Packing, Possession};
use wire::name::{Count, Size};

use super::super::cluster::{Executor, Member};
use crate::rig::PATIENCE;

pub(super) fn size(bytes: usize) -> Size {
    Size::new(bytes as u64).unwrap()
}

pub(super) fn gcc() -> Arc<Contents> {
    let place = tempfile::tempdir().unwrap();
    let cache = NativeCache::new(place.path());
    let native = cache.get(Path::new("/usr/bin/gcc"), &[], Compression::Zstd);
    native.unwrap().contents
}

pub(super) fn id(contents: &Contents) -> Digest {
    contents.manifest().identity().0
}

/// Each content once, the smallest first.
pub(super) fn files(contents: &Contents) -> Vec<(Digest, u64)> {
    let files = contents.manifest().files();
    let mut files: Vec<_> = files.map(|(.., size, digest)| (digest, size)).collect();
    files.sort_by_key(|(digest, size)| (*size, *digest));
    files.dedup();
    files
}

pub(super) fn bytes(contents: &Contents, file: Digest) -> Vec<u8> {
    let mut bytes = Vec::new();
    contents
        .open(file)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// What a member shows for each file.
pub(super) fn proofs(contents: &Contents, member: &Member) -> Vec<u8> {
    let files = contents.manifest().files();
    let proof = |digest| {
        let prints = Fingerprints::of(contents.open(digest).unwrap()).unwrap();
        *prints.secret().proof(member.id().as_bytes()).as_bytes()
    };
    files.flat_map(|(.., digest)| proof(digest)).collect()
}

/// A member that offers this host's gcc.
pub(super) struct Author {
    pub(super) member: Member,
    pub(super) link: Link,
    pub(super) contents: Arc<Contents>,
}

impl Author {
    pub(super) async fn new(executor: &Executor, name: &str, contents: &Arc<Contents>) -> Self {
        let member = executor.cluster.member(name, &[Role::Submit]).await;
        let (link, _none) = executor.link_of(&member.agent()).await.unwrap();
        Self {
            member,
            link,
            contents: Arc::clone(contents),
        }
    }

    pub(super) async fn again(&mut self, executor: &Executor) {
        let (link, _none) = executor.link_of(&self.member.agent()).await.unwrap();
        self.link = link;
    }

    pub(super) fn offered(&self) -> Offer {
        let manifest = self.contents.manifest();
        Offer {
            manifest: id(&self.contents),
            manifest_size: size(manifest.encode().len()),
            files: Count::new(manifest.files().count() as u32).unwrap(),
            total: Size::new(manifest.bytes()).unwrap(),
            platform: None,
        }
    }

    pub(super) async fn offer(&self) -> (Exchange, Message) {
        let mut exchange = self.link.open(self.offered()).await.unwrap();
        let said = next(&mut exchange).await;
        (exchange, said)
    }

    pub(super) async fn introduce(&self, exchange: &mut Exchange, proofs: Vec<u8>) {
        let bytes = self.contents.manifest().encode();
        send_manifest(exchange, id(&self.contents), &bytes).await;
        let size = size(proofs.len());
        exchange.send(Possession { size }).await.unwrap();
        exchange.send_data(proofs).await.unwrap();
    }

    /// What is missing, when this is shown for each file.
    pub(super) async fn missing(&self, proofs: Vec<u8>) -> (Exchange, Missing) {
        let (mut exchange, said) = self.offer().await;
        assert!(matches!(said, Message::ManifestWanted(_)), "{said:?}");
        self.introduce(&mut exchange, proofs).await;
        let missing = match next(&mut exchange).await {
            Message::Missing(missing) => missing,
            other => panic!("{other:?}"),
        };
        (exchange, missing)
    }

    pub(super) fn none(&self) -> Vec<u8> {
        vec![0; 32 * self.contents.manifest().files().count()]
    }

    pub(super) fn blob(&self, file: Digest, size: u64, offset: u64) -> Blob {
        Blob {
            manifest: id(&self.contents),
            file,
            offset: Size::new(offset).unwrap(),
            size: Size::new(size).unwrap(),
            packing: Packing::Plain,
        }
    }

    /// How sending a file ended.
    pub(super) async fn send(&self, blob: Blob, bytes: Vec<u8>) -> Result<(), ResetCode> {
        let mut exchange = self.link.open(blob).await.unwrap();
        let sent = async {
            exchange.send_data(bytes).await?;
            exchange.finish().await?;
            exchange.next().await
        };
        match timeout(PATIENCE, sent).await.unwrap() {
            Ok(None) => Ok(()),
            Ok(Some(other)) => panic!("{other:?}"),
            Err(LinkError::Reset { code, .. }) => Err(code),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) async fn send_all(&self, missing: &Missing) {
        let have = missing.have.iter().map(|have| have.get());
        let have = have.chain(std::iter::repeat(0));
        for (file, have) in missing.files.iter().zip(have) {
            let bytes = bytes(&self.contents, *file);
            let blob = self.blob(*file, bytes.len() as u64, have);
            let rest = bytes[have as usize..].to_vec();
            assert_eq!(self.send(blob, rest).await, Ok(()), "{file}");
        }
    }
}

pub(super) async fn send_manifest(exchange: &mut Exchange, manifest: Digest, bytes: &[u8]) {
    let about = Manifest {
        manifest,
        size: size(bytes.len()),
        packing: Packing::Plain,
    };
    exchange.send(about).await.unwrap();
    exchange.send_data(bytes.to_vec()).await.unwrap();
}

pub(super) async fn next(exchange: &mut Exchange) -> Message {
    match timeout(PATIENCE, exchange.next()).await.expect("in time") {
        Ok(Some(Incoming::Message(message))) => *message,
        other => panic!("{other:?}"),
    }
}

/// The word after all progress.
pub(super) async fn last(exchange: &mut Exchange) -> Message {
    loop {
        match next(exchange).await {
            Message::Progress(_) | Message::Arrived(_) => {}
            other => return other,
        }
    }
}

pub(super) async fn denied(exchange: &mut Exchange) -> Denied {
    match last(exchange).await {
        Message::Denied(denied) => denied,
        other => panic!("{other:?}"),
    }
}
