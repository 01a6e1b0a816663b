//! Toolchains by content, over real connections: what comes, what is said to whom, what is refused.

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
use wire::field::List;
use wire::message::{
    Blob, Denied, FetchBlob, Manifest, Message, Missing, Offer, Packing, Possession, Refusal, Share,
};
use wire::name::{Count, Size};

use super::cluster::{Executor, Member, compile, sign, wire_id};
use crate::foreign::{SOURCE, compiled_locally};
use crate::rig::{PATIENCE, hear};

fn size(bytes: usize) -> Size {
    Size::new(bytes as u64).unwrap()
}

fn gcc() -> Arc<Contents> {
    let place = tempfile::tempdir().unwrap();
    let cache = NativeCache::new(place.path());
    let native = cache.get(Path::new("/usr/bin/gcc"), &[], Compression::Zstd);
    native.unwrap().contents
}

fn id(contents: &Contents) -> Digest {
    contents.manifest().identity().0
}

/// Each content once, the smallest first.
fn files(contents: &Contents) -> Vec<(Digest, u64)> {
    let files = contents.manifest().files();
    let mut files: Vec<_> = files.map(|(.., size, digest)| (digest, size)).collect();
    files.sort_by_key(|(digest, size)| (*size, *digest));
    files.dedup();
    files
}

fn bytes(contents: &Contents, file: Digest) -> Vec<u8> {
    let mut bytes = Vec::new();
    contents
        .open(file)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// What a member shows for each file.
fn proofs(contents: &Contents, member: &Member) -> Vec<u8> {
    let files = contents.manifest().files();
    let proof = |digest| {
        let prints = Fingerprints::of(contents.open(digest).unwrap()).unwrap();
        *prints.secret().proof(member.id().as_bytes()).as_bytes()
    };
    files.flat_map(|(.., digest)| proof(digest)).collect()
}

/// A member that offers this host's gcc.
struct Author {
    member: Member,
    link: Link,
    contents: Arc<Contents>,
}

impl Author {
    async fn new(executor: &Executor, name: &str, contents: &Arc<Contents>) -> Self {
        let member = executor.cluster.member(name, &[Role::Submit]).await;
        let (link, _none) = executor.link_of(&member.agent()).await.unwrap();
        Self {
            member,
            link,
            contents: Arc::clone(contents),
        }
    }

    async fn again(&mut self, executor: &Executor) {
        let (link, _none) = executor.link_of(&self.member.agent()).await.unwrap();
        self.link = link;
    }

    async fn offer(&self) -> (Exchange, Message) {
        let manifest = self.contents.manifest();
        let offer = Offer {
            manifest: id(&self.contents),
            manifest_size: size(manifest.encode().len()),
            files: Count::new(manifest.files().count() as u32).unwrap(),
            total: Size::new(manifest.bytes()).unwrap(),
            platform: None,
        };
        let mut exchange = self.link.open(offer).await.unwrap();
        let said = next(&mut exchange).await;
        (exchange, said)
    }

    async fn introduce(&self, exchange: &mut Exchange, proofs: Vec<u8>) {
        let bytes = self.contents.manifest().encode();
        send_manifest(exchange, id(&self.contents), &bytes).await;
        let size = size(proofs.len());
        exchange.send(Possession { size }).await.unwrap();
        exchange.send_data(proofs).await.unwrap();
    }

    /// What is missing, when this is shown for each file.
    async fn missing(&self, proofs: Vec<u8>) -> (Exchange, Missing) {
        let (mut exchange, said) = self.offer().await;
        assert!(matches!(said, Message::ManifestWanted(_)), "{said:?}");
        self.introduce(&mut exchange, proofs).await;
        let missing = match next(&mut exchange).await {
            Message::Missing(missing) => missing,
            other => panic!("{other:?}"),
        };
        (exchange, missing)
    }

    fn none(&self) -> Vec<u8> {
        vec![0; 32 * self.contents.manifest().files().count()]
    }

    fn blob(&self, file: Digest, size: u64, offset: u64) -> Blob {
        Blob {
            manifest: id(&self.contents),
            file,
            offset: Size::new(offset).unwrap(),
            size: Size::new(size).unwrap(),
            packing: Packing::Plain,
        }
    }

    /// How sending a file ended.
    async fn send(&self, blob: Blob, bytes: Vec<u8>) -> Result<(), ResetCode> {
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

    async fn send_all(&self, missing: &Missing) {
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

async fn send_manifest(exchange: &mut Exchange, manifest: Digest, bytes: &[u8]) {
    let about = Manifest {
        manifest,
        size: size(bytes.len()),
        packing: Packing::Plain,
    };
    exchange.send(about).await.unwrap();
    exchange.send_data(bytes.to_vec()).await.unwrap();
}

async fn next(exchange: &mut Exchange) -> Message {
    match timeout(PATIENCE, exchange.next()).await.expect("in time") {
        Ok(Some(Incoming::Message(message))) => *message,
        other => panic!("{other:?}"),
    }
}

/// The word after all progress.
async fn last(exchange: &mut Exchange) -> Message {
    loop {
        match next(exchange).await {
            Message::Progress(_) | Message::Arrived(_) => {}
            other => return other,
        }
    }
}

async fn denied(exchange: &mut Exchange) -> Denied {
    match last(exchange).await {
        Message::Denied(denied) => denied,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_has_brought_or_proved_a_toolchain_uses_it_and_nobody_else_learns_of_it() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let all = files(&contents).len();
    // It is here already, by another member's archive: nothing of that is said.
    let author = Author::new(&executor, "author", &contents).await;
    let order = |member: &Member| {
        let mut grant = executor.grant();
        grant.submitter = wire_id(member.id());
        executor.order(sign(&grant, &executor.scheduler))
    };
    let refused = compile(&author.link, order(&author.member), SOURCE).await;
    assert_eq!(refused.refused().reason, Refusal::ToolchainMissing);
    let (mut exchange, missing) = author.missing(author.none()).await;
    assert_eq!(missing.files.len(), all);
    author.send_all(&missing).await;
    assert!(matches!(last(&mut exchange).await, Message::Verified(_)));
    let made = compile(&author.link, order(&author.member), SOURCE).await;
    assert!(made.object() == compiled_locally());
    // It is known to have it from now on.
    let (_exchange, said) = author.offer().await;
    assert!(matches!(said, Message::Verified(_)), "{said:?}");

    // Another member knows all the digests, and has heard what the first one showed.
    let prober = Author::new(&executor, "prober", &contents).await;
    for shown in [prober.none(), proofs(&contents, &author.member)] {
        let (_exchange, missing) = prober.missing(shown).await;
        assert_eq!(missing.files.len(), all);
    }
    let refused = compile(&prober.link, order(&prober.member), SOURCE).await;
    assert_eq!(refused.refused().reason, Refusal::ToolchainMissing);
    // It has one file that is not here as far as it knows, and proves the others.
    let mut shown = proofs(&contents, &prober.member);
    shown[..32].fill(0);
    let first = contents.manifest().files().next().unwrap().3;
    let (mut exchange, missing) = prober.missing(shown).await;
    assert_eq!(missing.files[..], [first]);
    prober.send_all(&missing).await;
    assert!(matches!(last(&mut exchange).await, Message::Verified(_)));
    let made = compile(&prober.link, order(&prober.member), SOURCE).await;
    assert!(made.object() == compiled_locally());
}

/// What the daemon says of itself.
async fn status(executor: &Executor) -> String {
    let mut client = executor.rig.local_client().await;
    client.send(&icecream::Message::GetInternals).await.unwrap();
    match hear(&mut client).await {
        icecream::Message::StatusText(status) => status.text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_cut_off_goes_on() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let mut author = Author::new(&executor, "author", &contents).await;
    let (exchange, missing) = author.missing(author.none()).await;
    let (large, length) = *files(&contents).last().unwrap();
    let (small, _) = files(&contents)[0];
    let small = (small, bytes(&contents, small));
    let blob = author.blob(small.0, small.1.len() as u64, 0);
    assert_eq!(author.send(blob, small.1).await, Ok(()));
    let half = bytes(&contents, large)[..1 << 20].to_vec();
    let blob = author.blob(large, length, 0);
    let mut cut = author.link.open(blob).await.unwrap();
    cut.send_data(half).await.unwrap();
    let whole = missing.files.len();
    let have = loop {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let status = status(&executor).await;
        if let Some(line) = status.lines().find(|line| line.contains("Arriving: ")) {
            let have = line.split(' ').rev().nth(5).unwrap();
            if have.parse::<u64>().is_ok_and(|kib| kib >= 1024) {
                break line.to_owned();
            }
        }
    };
    assert!(have.contains(&id(&contents).to_string()[..32]), "{have}");
    drop((cut, exchange));
    author.again(&executor).await;
    let shown = proofs(&contents, &author.member);
    let (mut exchange, missing) = author.missing(shown).await;
    assert_eq!(missing.files.len(), whole - 1);
    let place = missing.files.iter().position(|file| *file == large);
    assert!(missing.have[place.unwrap()].get() >= 1 << 20);
    author.send_all(&missing).await;
    assert!(matches!(last(&mut exchange).await, Message::Verified(_)));
}

#[tokio::test]
async fn wrong_manifests_and_files_are_refused() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let author = Author::new(&executor, "author", &contents).await;
    // A manifest that is too long, none at all, and another one than was offered.
    let (mut exchange, _) = author.offer().await;
    let too_long = Manifest {
        manifest: id(&contents),
        size: size(toolchain::Manifest::MOST_BYTES + 1),
        packing: Packing::Zstd,
    };
    exchange.send(too_long).await.unwrap();
    assert_eq!(denied(&mut exchange).await.code.as_str(), "unusable");
    for bytes in [&b"nothing"[..], &b"floe toolchain 2\n"[..]] {
        let (mut exchange, _) = author.offer().await;
        send_manifest(&mut exchange, id(&contents), bytes).await;
        let size = size(0);
        exchange.send(Possession { size }).await.unwrap();
        assert_eq!(denied(&mut exchange).await.code.as_str(), "unusable");
    }
    let (mut exchange, _) = author.offer().await;
    author.introduce(&mut exchange, vec![0; 64]).await;
    assert_eq!(denied(&mut exchange).await.code.as_str(), "unusable");

    // Files of nothing that was offered, of no toolchain, of another length, of other bytes.
    let (small, length) = files(&contents)[0];
    let right = bytes(&contents, small);
    let unoffered = author.blob(small, length, 0);
    let sent = author.send(unoffered, right.clone()).await;
    assert_eq!(sent, Err(ResetCode::OUT_OF_PLACE));
    let (exchange, missing) = author.missing(author.none()).await;
    let foreign = author.blob(Digest::from_bytes([9; 32]), 5, 0);
    let sent = author.send(foreign, b"bytes".to_vec()).await;
    assert_eq!(sent, Err(ResetCode::INVALID_FIELD));
    let longer = author.blob(small, length + 1, 0);
    let sent = author.send(longer, right.clone()).await;
    assert_eq!(sent, Err(ResetCode::INVALID_FIELD));
    let beyond = author.blob(small, length, 1);
    let sent = author.send(beyond, right.clone()).await;
    assert_eq!(sent, Err(ResetCode::INVALID_FIELD));
    let mut wrong = right.clone();
    wrong[0] ^= 1;
    let sent = author.send(author.blob(small, length, 0), wrong).await;
    assert_eq!(sent, Err(ResetCode::INVALID_FIELD));
    let bomb = Blob {
        packing: Packing::Zstd,
        ..author.blob(small, length, 0)
    };
    let sent = author.send(bomb, zstd::encode_all(&vec![0; 64 << 20][..], 1).unwrap());
    assert_eq!(sent.await, Err(ResetCode::INVALID_FIELD));
    // None of that has done any harm.
    let sent = author.send(author.blob(small, length, 0), right).await;
    assert_eq!(sent, Ok(()));
    assert!(missing.files.contains(&small));
    drop(exchange);
}

#[tokio::test]
async fn executors_hand_on_what_somebody_shares_with_them_and_nothing_else() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let author = Author::new(&executor, "author", &contents).await;
    let fellow = executor.cluster.member("fellow", &[Role::Execute]).await;
    let (fellows, _none) = executor.link_of(&fellow.live).await.unwrap();
    let (small, _) = files(&contents)[0];
    let (other, _) = files(&contents)[1];
    let fetch = async |file: Digest, offset: usize| {
        let fetch = FetchBlob {
            manifest: id(&contents),
            file,
            offset: size(offset),
            accepted: List::default(),
        };
        let mut exchange = fellows.open(fetch).await.unwrap();
        exchange.finish().await.unwrap();
        match next(&mut exchange).await {
            Message::Blob(_) => {}
            Message::Denied(_) => return None,
            other => panic!("{other:?}"),
        }
        let mut bytes = Vec::new();
        while let Some(Incoming::Data(more)) = exchange.next().await.unwrap() {
            bytes.extend(more);
        }
        Some(bytes)
    };
    let share = async || {
        let share = Share {
            manifest: id(&contents),
            members: List::new(vec![wire_id(fellow.id())]).unwrap(),
        };
        let mut exchange = author.link.open(share).await.unwrap();
        matches!(next(&mut exchange).await, Message::Done(_))
    };
    // It is there, but the author has not shown that it has it.
    assert!(!share().await);
    let (_exchange, _) = author.missing(author.none()).await;
    let right = bytes(&contents, small);
    let blob = author.blob(small, right.len() as u64, 0);
    assert_eq!(author.send(blob, right.clone()).await, Ok(()));
    assert_eq!(fetch(small, 0).await, None);
    assert!(share().await);
    assert_eq!(fetch(small, 0).await, Some(right.clone()));
    assert_eq!(fetch(small, 3).await, Some(right[3..].to_vec()));
    // That file is there as well, but nobody has brought it for the one who shares.
    assert_eq!(fetch(other, 0).await, None);
    assert_eq!(fetch(Digest::from_bytes([9; 32]), 0).await, None);
    // An executor that submits nothing has nothing to offer.
    let offer = Offer {
        manifest: id(&contents),
        manifest_size: size(1),
        files: Count::new(1).unwrap(),
        total: size(1),
        platform: None,
    };
    let mut exchange = fellows.open(offer).await.unwrap();
    let refused = timeout(PATIENCE, exchange.next()).await.unwrap();
    let forbidden = ResetCode::FORBIDDEN;
    assert!(
        matches!(&refused, Err(LinkError::Reset { code, .. }) if *code == forbidden),
        "{refused:?}"
    );
}
