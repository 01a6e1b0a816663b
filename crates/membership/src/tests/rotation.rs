//! A new key for the authority.

use super::*;

const EXECUTOR: Expect = Expect::Any(Role::Execute);

fn rotate(cluster: &mut Cluster, overlap: Duration) -> Rotation {
    let now = cluster.now();
    cluster.authority().rotate(overlap, now).unwrap()
}

#[test]
fn old_and_new_members_work_together_and_learn_the_new_key() {
    let mut cluster = Cluster::new();
    let (mut old, mut other) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let invited_before = cluster.invite(Roles::USUAL);
    let before = cluster.authority().fingerprint();
    let rotation = rotate(&mut cluster, OVERLAP);
    assert_ne!(rotation.fingerprint, before);
    assert_eq!(rotation.until, Some(START + OVERLAP.as_secs()));
    assert_eq!(cluster.authority().fingerprint(), rotation.fingerprint);
    let files: Vec<_> = std::fs::read_dir(cluster.path()).unwrap().collect();
    let keys = files.iter().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".key")
    });
    assert_eq!(keys.count(), 1, "the old key exists no more");

    let new = cluster.host(Roles::USUAL);
    let now = cluster.now();
    for (client, server) in [(&old, &new), (&new, &old), (&old, &other), (&new, &new)] {
        meet(client, server, EXECUTOR, now).unwrap();
    }
    cluster.clock.advance(12 * HOUR);
    cluster.renew(&mut old).unwrap();
    let now = cluster.now();
    let known = |host: &Host, now| host.identity.fingerprints(now);
    assert_eq!(known(&old, now), [rotation.fingerprint, before]);
    for (client, server) in [(&old, &new), (&new, &old), (&old, &other), (&other, &old)] {
        meet(client, server, EXECUTOR, now).unwrap();
    }
    // A member that knows the old key only believes the new one's list.
    let list = cluster.revoke(&new);
    for host in [&old, &other] {
        assert_eq!(host.live.revoke(&list, now), Ok(true));
        let met = meet(&new, host, EXECUTOR, now);
        assert_eq!(met, Err(Some(Distrust::Revoked(new.identity.member()))));
    }
    other.identity.keep_revocations(&other.live).unwrap();
    let again = Identity::open(&other.path, now)
        .unwrap()
        .live(cluster.clock.arc())
        .unwrap();
    assert!(again.trust().revoked().contains(new.identity.member()));

    // An invitation of before leads there still, as long as it lasts; this one has ended.
    assert_eq!(
        cluster.joined(&invited_before).err(),
        Some(Refusal::InviteExpired)
    );
    cluster.renew(&mut other).unwrap();
}

#[test]
fn an_invitation_of_before_the_rotation_is_good() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    rotate(&mut cluster, OVERLAP);
    let now = cluster.now();
    let clock = cluster.clock.arc();
    let endpoint = Endpoint::new(cluster.authority(), clock, now).unwrap();
    for invite in [invite.clone(), cluster.invite(Roles::USUAL)] {
        let client = Arc::new(join_client(&invite, cluster.clock.arc()).unwrap());
        let server = endpoint.server(&[ALPN_JOIN]).unwrap();
        Pair::new(client, server, Expect::Authority)
            .shake()
            .unwrap();
        cluster.joined(&invite).unwrap();
    }
}

#[test]
fn a_running_endpoint_takes_a_rotation_over() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let now = cluster.now();
    let clock = cluster.clock.arc();
    let endpoint = Endpoint::new(cluster.authority(), clock, now).unwrap();
    let mut elsewhere = Authority::open(&cluster.path()).unwrap();
    elsewhere.rotate(OVERLAP, now).unwrap();
    endpoint.refresh(cluster.authority(), now).unwrap();
    let new = cluster.host(Roles::USUAL);
    for member in [&host, &new] {
        let server = endpoint.server(&[ALPN_AUTHORITY]).unwrap();
        let mut pair = Pair::new(member.live.renewal_client(), server, Expect::Authority);
        pair.shake().unwrap();
        assert!(endpoint.caller(&pair.server, now).unwrap().is_some());
    }
}

#[test]
fn after_the_overlap_the_old_key_means_nothing() {
    let mut cluster = Cluster::new();
    let (mut old, mut away) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let overlap = Duration::from_secs(2 * DAY);
    let rotation = rotate(&mut cluster, overlap);
    let before = *old.identity.fingerprints(cluster.now()).last().unwrap();
    cluster.clock.advance(DAY);
    cluster.renew(&mut old).unwrap();
    let now = cluster.now();
    let again = cluster.authority().rotate(OVERLAP, now);
    assert!(
        matches!(again, Err(AuthorityError::Overlapping { .. })),
        "{again:?}"
    );
    cluster.clock.advance(DAY);
    let now = cluster.now();
    assert_eq!(old.identity.fingerprints(now), [rotation.fingerprint]);
    assert_ne!(before, rotation.fingerprint);
    // Who was away all the time knows nobody, and nobody knows it.
    let refused = cluster.renew(&mut away).unwrap_err();
    let RenewError::Tls(broken) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(broken.cause(), Some(Distrust::UnknownAuthority));
    cluster.renew(&mut old).unwrap();
    // And the next rotation is possible.
    rotate(&mut cluster, overlap);
    cluster.renew(&mut old).unwrap();
}

#[test]
fn without_overlap_everybody_joins_anew() {
    let mut cluster = Cluster::new();
    let mut old = cluster.host(Roles::USUAL);
    let invite = cluster.invite(Roles::USUAL);
    let rotation = rotate(&mut cluster, Duration::ZERO);
    assert_eq!(rotation.until, None);
    let now = cluster.now();
    assert_eq!(cluster.authority().members(now).unwrap(), []);
    assert!(matches!(cluster.renew(&mut old), Err(RenewError::Tls(_))));
    assert_eq!(cluster.joined(&invite).err(), Some(Refusal::WrongInvite));
    let new = cluster.host(Roles::USUAL);
    let met = meet(&old, &new, EXECUTOR, now);
    assert_eq!(met, Err(Some(Distrust::UnknownAuthority)));
    assert!(cluster.log().contains("rotated generation=2 old-until=now"));
}

#[test]
fn without_overlap_old_members_are_nobody_to_new_ones_and_end_within_a_day() {
    let mut cluster = Cluster::new();
    let (old, other) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let revoked = cluster.host(Roles::USUAL);
    // Whoever is revoked before the rotation is refused by all who have heard it.
    let list = cluster.revoke(&revoked);
    assert_eq!(old.live.revoke(&list, cluster.now()), Ok(true));
    rotate(&mut cluster, Duration::ZERO);
    let new = cluster.host(Roles::USUAL);
    let now = cluster.now();
    assert!(meet(&old, &other, EXECUTOR, now).is_ok());
    let refused = meet(&revoked, &old, EXECUTOR, now);
    let member = revoked.identity.member();
    assert_eq!(refused.err(), Some(Some(Distrust::Revoked(member))));
    for (from, to) in [(&old, &new), (&new, &old)] {
        let refused = meet(from, to, EXECUTOR, now);
        assert_eq!(refused.err(), Some(Some(Distrust::UnknownAuthority)));
    }
    // What connected them before ends with their certificates, which nobody renews.
    let (_, peer) = meet(&old, &other, EXECUTOR, now).unwrap();
    assert_eq!(peer.is_still_trusted(&old.live, now), Ok(()));
    cluster.clock.advance(DAY + 60);
    let now = cluster.now();
    assert!(peer.is_still_trusted(&old.live, now).is_err());
    assert!(meet(&old, &other, EXECUTOR, now).is_err());
}
