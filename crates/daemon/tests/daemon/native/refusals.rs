//! What is refused, before anything runs.

use membership::Role;
use tokio::time::timeout;
use transport::{Channel, Options, Passport};
use wire::field::Opaque;
use wire::grant::{Grant, SignedGrant};
use wire::message::{Packing, Refusal};
use wire::name::{GrantNumber, Slots, UnixSeconds};

use super::cluster::{Executor, compile, sign};
use super::support::flood;
use crate::foreign::{SOURCE, compiled_locally, order_compile, transfer, verified};
use crate::rig::{PATIENCE, gcc_archive, hear, hear_close};

#[tokio::test]
async fn grants_that_do_not_hold_are_refused_and_others_go_on() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    let other = executor
        .cluster
        .member("other", &[Role::Submit, Role::Execute])
        .await;
    let second = executor.cluster.member("second", &[Role::Schedule]).await;
    let now = membership::UnixTime::now().as_secs();
    let at = |seconds| UnixSeconds::new(seconds).unwrap();
    let by_scheduler = |change: &dyn Fn(&mut Grant)| {
        let mut grant = executor.grant();
        change(&mut grant);
        sign(&grant, &executor.scheduler)
    };
    let good = executor.grant();
    let forged = |by| good.signed(vec![7; 64], by).unwrap();
    let claimed = SignedGrant {
        signer: executor.scheduler.id(),
        ..sign(&executor.grant(), &other)
    };
    let empty = SignedGrant {
        grant: Opaque::default(),
        signature: Opaque::default(),
        signer: executor.scheduler.id(),
    };
    let bad = [
        ("nothing", empty, "signature"),
        ("forged", forged(executor.scheduler.id()), "signature"),
        (
            "by a host",
            sign(&executor.grant(), &other),
            "not this host's scheduler",
        ),
        ("by a host in the scheduler's name", claimed, "signature"),
        (
            "of another scheduler",
            sign(&executor.grant(), &second),
            "not this host's scheduler",
        ),
        (
            "for another executor",
            by_scheduler(&|grant| grant.executor = other.id()),
            "for executor",
        ),
        (
            "for another member",
            by_scheduler(&|grant| grant.submitter = other.id()),
            "jobs of member",
        ),
        (
            "expired",
            by_scheduler(&|grant| {
                grant.not_before = at(now - 5);
                grant.expires = at(now - 11);
            }),
            "clocks",
        ),
        (
            "not yet",
            by_scheduler(&|grant| grant.not_before = at(now + 30)),
            "clocks",
        ),
        (
            "too long",
            by_scheduler(&|grant| grant.expires = at(now + 4000)),
            "kind",
        ),
        (
            "old",
            by_scheduler(&|grant| grant.not_before = at(now - 3000)),
            "before this daemon",
        ),
        (
            "counted",
            by_scheduler(&|grant| grant.jobs = Slots::MOST),
            "kind",
        ),
        (
            "no job's",
            by_scheduler(&|grant| grant.number = GrantNumber::MOST),
            "kind",
        ),
    ];
    for (what, grant, why) in bad {
        let refused = compile(&link, executor.order(grant), SOURCE)
            .await
            .refused();
        assert_eq!(refused.reason, Refusal::GrantInvalid, "{what}");
        assert!(
            refused.text.as_str().contains(why),
            "{what}: {}",
            refused.text
        );
    }
    // Under no grant but its own, and once.
    let (others, _none) = executor.link_of(&other.live).await.unwrap();
    let grant = executor.signed();
    let refused = compile(&others, executor.order(grant.clone()), SOURCE)
        .await
        .refused();
    assert_eq!(refused.reason, Refusal::GrantInvalid);
    let done = compile(&link, executor.order(grant.clone()), SOURCE).await;
    assert!(done.object() == compiled_locally());
    for _ in 0..3 {
        let again = compile(&link, executor.order(grant.clone()), SOURCE).await;
        assert_eq!(again.refused().reason, Refusal::GrantUsed);
    }
    let log = executor.rig.log();
    assert_eq!(
        log.matches("are refused: its grant is used up").count(),
        1,
        "{log}"
    );
}

#[tokio::test]
async fn nobody_without_the_role_gets_a_stream() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let watcher = executor.cluster.member("watcher", &[Role::Monitor]).await;
    // The connecting end of TLS 1.3 has finished before the other has looked at its certificate.
    if let Ok((link, _none)) = executor.link_of(&watcher.live).await {
        let order = executor.order(executor.signed());
        let told = timeout(PATIENCE, async {
            let mut exchange = link.open(order).await?;
            exchange.next().await
        });
        let error = told.await.expect("in time").unwrap_err();
        assert!(error.is_final(), "{error}");
    }
    executor.rig.logged("submit is needed").await;
}

#[tokio::test]
async fn inputs_that_are_none_are_refused_and_others_go_on() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    let order = || {
        let mut order = executor.order(executor.signed());
        order.packing = Packing::Zstd;
        order
    };
    let noise: Vec<u8> = (0..100_000_u32)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .collect();
    let mut short = zstd::encode_all(&noise[..], 1).unwrap();
    short.truncate(short.len() - 1);
    let bomb = zstd::encode_all(&vec![b'\n'; 1 << 20][..], 1).unwrap();
    let bomb = bomb.repeat(600);
    for (input, why) in [
        (short, "ends within"),
        (SOURCE.to_vec(), "no zstd stream"),
        (Vec::new(), "ends within"),
        (bomb, "more than 512 MiB"),
    ] {
        let refused = compile(&link, order(), &input).await.refused();
        assert_eq!(refused.reason, Refusal::BadInput, "{}", refused.text);
        assert!(refused.text.as_str().contains(why), "{}", refused.text);
    }
    let done = compile(&link, executor.order(executor.signed()), SOURCE).await;
    assert!(done.object() == compiled_locally());
}

#[tokio::test]
async fn a_missing_toolchain_uses_no_grant_up() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    let grant = executor.signed();
    let mut order = executor.order(grant.clone());
    order.toolchain = job::Digest::from_bytes([5; 32]);
    let refused = compile(&link, order, SOURCE).await.refused();
    assert_eq!(refused.reason, Refusal::ToolchainMissing);
    // Half of the name is not enough.
    let mut order = executor.order(grant.clone());
    let mut digest = *order.toolchain.as_bytes();
    digest[31] ^= 1;
    order.toolchain = job::Digest::from_bytes(digest);
    let refused = compile(&link, order, SOURCE).await.refused();
    assert_eq!(refused.reason, Refusal::ToolchainMissing);
    let done = compile(&link, executor.order(grant), SOURCE).await;
    assert!(done.object() == compiled_locally());
}

#[tokio::test]
async fn icecreams_messages_are_no_way_around_grants() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let passport = Passport::Member(executor.submitter.agent());
    let address = executor.rig.address;
    let connecting = passport.connect(Role::Execute, address, PATIENCE, None, Options::default());
    let mut channel = connecting.await.unwrap();
    let (name, _) = gcc_archive().unwrap();
    order_compile(&mut channel, &name, 7).await;
    let said = hear_close(&mut channel).await;
    let [icecream::Message::StatusText(text)] = &said[..] else {
        panic!("{said:?}");
    };
    assert!(text.text.contains("grants only"), "{text:?}");
    // Nor is there one from the host's own port in the clear.
    let stranger = Channel::connect_tcp(address, PATIENCE, None).await;
    assert!(stranger.is_err());
}

#[tokio::test]
async fn a_toolchain_in_anothers_name_is_not_taken() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let (_, archive) = gcc_archive().unwrap();
    let passport = Passport::Member(executor.submitter.agent());
    let address = executor.rig.address;
    let connecting = passport.connect(Role::Execute, address, PATIENCE, None, Options::default());
    let mut channel = connecting.await.unwrap();
    transfer(&mut channel, &"7".repeat(32), &archive).await;
    let icecream::Message::StatusText(said) = hear(&mut channel).await else {
        panic!("it was taken");
    };
    assert!(said.text.contains("called by their content"), "{said:?}");
    assert!(!verified(&mut channel).await);
    // The right one has its name still.
    let (link, _none) = executor.link().await;
    let done = compile(&link, executor.order(executor.signed()), SOURCE).await;
    assert!(done.object() == compiled_locally());
}

#[tokio::test]
async fn thousands_of_dripping_handshakes_keep_no_member_out() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let pid = executor.rig.pid().to_string();
    let before = flood::descriptors(&pid);
    let Some(_flood) = flood::drip(executor.rig.address).await else {
        return;
    };
    for _ in 0..3 {
        let (link, _none) = executor.link().await;
        let done = compile(&link, executor.order(executor.signed()), SOURCE).await;
        assert!(done.object() == compiled_locally());
    }
    let open = flood::descriptors(&pid) - before;
    assert!(open < 1024 + 300, "{open} descriptors");
    executor.rig.logged("others needed the room").await;
    let log = executor.rig.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("a client is refused") && !line.contains("DEBUG"));
    assert!(lines.count() <= 30, "{log}");
}
