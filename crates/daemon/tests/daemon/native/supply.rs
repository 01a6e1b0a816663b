//! Toolchains by content, over real connections: what comes, what is said to whom, what is refused.

mod author;

use std::time::Duration;

use job::Digest;
use membership::Role;
use tokio::time::timeout;
use transport::{Exchange, Incoming, LinkError};
use wire::ResetCode;
use wire::field::List;
use wire::message::{
    Blob, Elsewhere, FetchBlob, Manifest, Message, Offer, Packing, Possession, Refusal, Share,
};
use wire::name::Count;

use self::author::{
    Author, bytes, denied, files, gcc, id, last, next, proofs, send_manifest, size,
};
use super::cluster::{Executor, Member, compile, sign};
use crate::foreign::{SOURCE, compiled_locally};
use crate::rig::{PATIENCE, hear};

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
        grant.submitter = member.id();
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

/// Of a cut file's first MiB, what is certainly written: less than 128 KiB wait to be unpacked together.
const WRITTEN: u64 = (1 << 20) - (128 << 10);

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
    let has_come = async || {
        loop {
            let status = status(&executor).await;
            if let Some(line) = status.lines().find(|line| line.contains("Arriving: ")) {
                let have = line.split(' ').rev().nth(5).unwrap();
                if have.parse::<u64>().is_ok_and(|kib| kib >= WRITTEN >> 10) {
                    return line.to_owned();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let have = timeout(PATIENCE, has_come()).await;
    let have = have.expect("what came is told");
    assert!(have.contains(&id(&contents).to_string()[..32]), "{have}");
    drop((cut, exchange));
    author.again(&executor).await;
    let shown = proofs(&contents, &author.member);
    let (mut exchange, missing) = author.missing(shown).await;
    assert_eq!(missing.files.len(), whole - 1);
    let place = missing.files.iter().position(|file| *file == large);
    assert!(missing.have[place.unwrap()].get() >= WRITTEN);
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
async fn who_names_other_holders_without_end_or_without_need_is_not_heard() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let author = Author::new(&executor, "author", &contents).await;
    let nowhere = Elsewhere {
        manifest: id(&contents),
        files: List::new(vec![files(&contents)[0].0]).unwrap(),
        holder: job::MemberId::from_bytes([9; 16]),
        addresses: List::default(),
    };
    // Each is answered with Missing, for ever if nobody counts.
    let (mut exchange, _) = author.missing(author.none()).await;
    let ended = async {
        loop {
            let sent = exchange.send(nowhere.clone()).await;
            match sent.and(exchange.next().await) {
                Ok(_) => {}
                Err(LinkError::Reset { code, .. }) => return code,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let ended = timeout(PATIENCE, ended).await.expect("it is counted");
    assert_eq!(ended, ResetCode::OUT_OF_PLACE);
    // Files of another toolchain.
    let (mut exchange, _) = author.missing(author.none()).await;
    let foreign = Elsewhere {
        files: List::new(vec![Digest::from_bytes([9; 32])]).unwrap(),
        ..nowhere.clone()
    };
    exchange.send(foreign).await.unwrap();
    assert_eq!(broken(&mut exchange).await, ResetCode::OUT_OF_PLACE);
    // Before it is asked for anything, while another conversation about the same goes on.
    let (_exchange, _) = author.missing(author.none()).await;
    let mut second = author.link.open(author.offered()).await.unwrap();
    second.send(nowhere).await.unwrap();
    assert_eq!(broken(&mut second).await, ResetCode::OUT_OF_PLACE);
}

/// It would keep one of the places for files for ever.
#[tokio::test]
async fn a_file_that_comes_byte_by_byte_is_cut_off() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let contents = gcc();
    let author = Author::new(&executor, "author", &contents).await;
    let (_exchange, _) = author.missing(author.none()).await;
    let (large, length) = *files(&contents).last().unwrap();
    let blob = author.blob(large, length, 0);
    let mut dripping = author.link.open(blob).await.unwrap();
    let end = async {
        loop {
            match timeout(Duration::from_millis(200), dripping.next()).await {
                Err(_) => drop(dripping.send_data(vec![0x7f]).await),
                Ok(Err(LinkError::Reset { code, .. })) => return code,
                Ok(other) => panic!("{other:?}"),
            }
        }
    };
    let end = timeout(PATIENCE, end).await.expect("an end");
    assert_eq!(end, ResetCode::TOO_SLOW);
}

async fn broken(exchange: &mut Exchange) -> ResetCode {
    let reset = async {
        loop {
            match exchange.next().await {
                Ok(Some(_)) => {}
                Err(LinkError::Reset { code, .. }) => return code,
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, reset).await.expect("in time")
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
            members: List::new(vec![fellow.id()]).unwrap(),
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
