//! Members among themselves.

use super::*;
use rustls::HandshakeKind;

const EXECUTOR: Expect = Expect::Any(Role::Execute);

#[test]
fn members_know_each_other_by_id_and_role() {
    let mut cluster = Cluster::new();
    let (submit, execute) = (Roles::only(Role::Submit), Roles::only(Role::Execute));
    let (user, executor) = (cluster.host(submit), cluster.host(execute));
    let now = cluster.now();
    let expect = Expect::Member(executor.identity.member(), Role::Execute);
    let (at_server, at_client) = meet(&user, &executor, expect, now).unwrap();
    assert_eq!(at_server.member, user.identity.member());
    assert_eq!(at_server.roles, submit);
    assert_eq!(at_server.name.as_str(), "host-1");
    assert_eq!(at_server.expires, time::at(START + DAY));
    assert_eq!(at_client.member, executor.identity.member());
    assert_eq!(at_client.needs(Role::Execute), Ok(()));
    let needs = Role::Execute;
    assert_eq!(
        at_server.needs(needs),
        Err(Distrust::Role { has: submit, needs })
    );
}

#[test]
fn a_server_of_too_small_a_role_or_another_id_is_left_before_a_word() {
    let mut cluster = Cluster::new();
    let user = cluster.host(Roles::USUAL);
    let (first, second) = (
        cluster.host(Roles::USUAL),
        cluster.host(Roles::only(Role::Submit)),
    );
    let now = cluster.now();
    let (has, needs) = (Roles::only(Role::Submit), Role::Execute);
    let met = meet(&user, &second, EXECUTOR, now);
    assert_eq!(met.unwrap_err(), Some(Distrust::Role { has, needs }));
    let met = meet(&user, &first, Expect::Any(Role::Schedule), now);
    let needs = Role::Schedule;
    assert_eq!(
        met.unwrap_err(),
        Some(Distrust::Role {
            has: Roles::USUAL,
            needs
        })
    );
    let (expected, found) = (second.identity.member(), first.identity.member());
    let met = meet(&user, &first, Expect::Member(expected, Role::Execute), now);
    assert_eq!(
        met.unwrap_err(),
        Some(Distrust::OtherMember { expected, found })
    );
    let met = meet(&user, &first, Expect::Authority, now);
    assert_eq!(met.unwrap_err(), Some(Distrust::NotTheAuthority));
}

#[test]
fn sessions_are_resumed_and_checked_again() {
    let mut cluster = Cluster::new();
    let (user, executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let resumed = || {
        let mut pair = Pair::between(&user, &executor, EXECUTOR);
        pair.shake().unwrap();
        pair
    };
    assert_eq!(resumed().server.handshake_kind(), Some(HandshakeKind::Full));
    let pair = resumed();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
    let seen = Peer::accepted(&pair.server, &executor.live, cluster.now()).unwrap();
    assert_eq!(seen.member, user.identity.member());

    let list = cluster.revoke(&user);
    assert_eq!(executor.live.revoke(&list, cluster.now()), Ok(true));
    assert_eq!(executor.live.revoke(&list, cluster.now()), Ok(false));
    let pair = resumed();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
    let refused = Distrust::Revoked(user.identity.member());
    let asked = Peer::accepted(&pair.server, &executor.live, cluster.now());
    assert_eq!(asked, Err(refused.clone()));
    assert_eq!(
        seen.is_still_trusted(&executor.live, cluster.now()),
        Err(refused)
    );
}

#[test]
fn a_resumed_session_does_not_outlive_a_certificate() {
    let mut cluster = Cluster::new();
    let (user, mut executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let now = cluster.now();
    let (seen, _) = meet(&user, &executor, EXECUTOR, now).unwrap();
    cluster.clock.advance(13 * HOUR);
    cluster.renew(&mut executor).unwrap();
    cluster.clock.advance(12 * HOUR);
    let now = cluster.now();
    let expired = Distrust::Expired {
        end: START + DAY,
        now: now.as_secs(),
    };
    assert_eq!(
        meet(&user, &executor, EXECUTOR, now),
        Err(Some(expired.clone()))
    );
    assert_eq!(seen.is_still_trusted(&executor.live, now), Err(expired));
}

#[test]
fn after_a_renewal_connections_show_the_new_certificate_and_old_sessions_are_not_resumed() {
    let mut cluster = Cluster::new();
    let (mut user, executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let (before, _) = meet(&user, &executor, EXECUTOR, cluster.now()).unwrap();
    cluster.clock.advance(12 * HOUR);
    assert_eq!(user.identity.needs_renewal(cluster.now()), Renewal::Due);
    cluster.renew(&mut user).unwrap();
    let (after, _) = meet(&user, &executor, EXECUTOR, cluster.now()).unwrap();
    assert_eq!(after.member, before.member);
    assert_eq!(after.expires, time::at(START + 36 * HOUR));
    assert_ne!(after.serial, before.serial);
    let again = Identity::open(&user.path, cluster.now()).unwrap();
    assert_eq!(again.expires(), after.expires);
}

#[test]
fn renewal_is_due_at_half_and_possible_long_after() {
    let mut cluster = Cluster::new();
    let mut host = cluster.host(Roles::USUAL);
    let at = |seconds: u64| host.identity.needs_renewal(time::at(START + seconds));
    assert_eq!(at(0), Renewal::NotBefore(time::at(START + 12 * HOUR)));
    assert_eq!(
        at(12 * HOUR - 1),
        Renewal::NotBefore(time::at(START + 12 * HOUR))
    );
    assert_eq!(at(12 * HOUR), Renewal::Due);
    assert_eq!(at(DAY + 1), Renewal::Overdue);
    assert_eq!(at(32 * DAY), Renewal::Lapsed);
    assert_eq!(
        host.identity.needs_renewal(time::at(START - HOUR)),
        Renewal::Due
    );

    cluster.clock.advance(20 * DAY);
    cluster.renew(&mut host).unwrap();
    cluster.clock.advance(32 * DAY);
    let late = cluster.renew(&mut host);
    let Err(RenewError::Tls(broken)) = late else {
        panic!("{late:?}");
    };
    assert!(
        matches!(broken.cause(), Some(Distrust::Expired { .. })),
        "{broken:?}"
    );
}

#[test]
fn a_clock_may_be_ten_minutes_behind() {
    let mut cluster = Cluster::new();
    let (user, executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let chain = user.live.trust();
    assert!(chain.fingerprints(cluster.now()).next().is_some());
    for (behind, fits) in [(600, true), (601, false)] {
        let now = time::at(START - behind);
        let seen = Peer::of_chain(user.identity.signer().chain(), &executor.live, now);
        match seen {
            Ok(_) => assert!(fits),
            Err(error) => {
                let (begin, now) = (START - 600, now.as_secs());
                assert_eq!((error, fits), (Distrust::NotYet { begin, now }, false));
            }
        }
    }
}

#[test]
fn agents_may_submit_and_nothing_else() {
    let mut cluster = Cluster::new();
    let user = cluster.host(Roles::only(Role::Admin));
    let executor = cluster.host(Roles::only(Role::Execute));
    let now = cluster.now();
    assert!(executor.identity.agent(now).is_none());
    let credentials = user.identity.agent(now).unwrap();
    let live = credentials.live(cluster.clock.arc(), now).unwrap();
    let agent = |live: &Live| Pair::new(live.client(), executor.live.server(), EXECUTOR);
    let mut pair = agent(&live);
    pair.shake().unwrap();
    let seen = Peer::accepted(&pair.server, &executor.live, now).unwrap();
    assert_eq!(seen.member, user.identity.member());
    assert_eq!(seen.roles, Roles::only(Role::Submit));
    assert!(seen.is_agent);

    // As a server it is believed by nobody, whatever its host may do.
    let mut pair = Pair::new(user.live.client(), live.server(), Expect::Any(Role::Submit));
    assert_eq!(pair.shake().unwrap_err().cause(), Some(Distrust::NoMember));
    // It neither renews nor administers.
    let (_, request) = user.identity.renewal().unwrap();
    assert_eq!(
        cluster.issued(&request, Some(&seen)).unwrap_err(),
        Refusal::Agent
    );
    assert_eq!(
        cluster.ask(&Request::Members, Some(&seen)).unwrap_err(),
        Refusal::Agent
    );

    let list = cluster.revoke(&user);
    executor.live.revoke(&list, now).unwrap();
    let revoked = Distrust::Revoked(user.identity.member());
    let mut pair = agent(&live);
    pair.shake().unwrap();
    let seen = Peer::accepted(&pair.server, &executor.live, now);
    assert_eq!(seen, Err(revoked.clone()), "resumed");
    live.forget_sessions().unwrap();
    assert_eq!(agent(&live).shake().unwrap_err().cause(), Some(revoked));
}

#[test]
fn grants_are_signed_by_schedulers_only() {
    let mut cluster = Cluster::new();
    let scheduler = cluster.host(Roles::only(Role::Schedule));
    let executor = cluster.host(Roles::only(Role::Execute));
    let now = cluster.now();
    let needs = (Context::GRANT, Role::Schedule);
    let check = |signer: &Host, bytes: &[u8], signature: &Signature, needs, now| {
        let chain = signer.identity.signer().chain().to_vec();
        let peer = Peer::of_chain(&chain, &executor.live, now)?;
        peer.signed(&executor.live, needs, bytes, signature, now)
    };
    let signature = scheduler.identity.signer().sign(Context::GRANT, b"grant");
    let good = check(&scheduler, b"grant", &signature, needs, now);
    assert_eq!(good, Ok(()));
    let by = scheduler.identity.member();
    let changed = check(&scheduler, b"grunt", &signature, needs, now);
    assert_eq!(changed, Err(SignError::Bytes(by)));
    let other = (Context::new("other"), Role::Schedule);
    let misused = check(&scheduler, b"grant", &signature, other, now);
    assert_eq!(misused, Err(SignError::Bytes(by)));

    let signature = executor.identity.signer().sign(Context::GRANT, b"grant");
    let refused = check(&executor, b"grant", &signature, needs, now);
    let (has, needed) = (Roles::only(Role::Execute), Role::Schedule);
    assert_eq!(
        refused,
        Err(SignError::Signer(Distrust::Role { has, needs: needed }))
    );
    // Another one's chain beside it does not help.
    let borrowed = check(&scheduler, b"grant", &signature, needs, now);
    assert_eq!(borrowed, Err(SignError::Bytes(by)));

    let chain = scheduler.identity.signer().chain().to_vec();
    let kept = Peer::of_chain(&chain, &executor.live, now).unwrap();
    let signature = scheduler.identity.signer().sign(Context::GRANT, b"grant");
    let later = time::at(START + DAY + 1);
    let late = kept.signed(&executor.live, needs, b"grant", &signature, later);
    assert!(
        matches!(late, Err(SignError::Signer(Distrust::Expired { .. }))),
        "{late:?}"
    );
    let list = cluster.revoke(&scheduler);
    executor.live.revoke(&list, now).unwrap();
    let revoked = kept.signed(&executor.live, needs, b"grant", &signature, now);
    assert_eq!(revoked, Err(SignError::Signer(Distrust::Revoked(by))));
}
