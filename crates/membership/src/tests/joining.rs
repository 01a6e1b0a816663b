//! Invitations and their use.

use super::*;
use crate::id::InviteId;

fn request(cluster: &Cluster, invite: &Invite, host: &str) -> (Joining, Request) {
    let path = cluster.directory.path().join(host);
    let joining = Joining::begin(&path, invite).unwrap();
    let request = joining.request(&host.parse().unwrap()).unwrap();
    (joining, request)
}

#[test]
fn a_host_joins_over_tls_with_the_line_alone() {
    let mut cluster = Cluster::new();
    let line = cluster.invite(Roles::USUAL).to_string();
    let invite: Invite = line.parse().unwrap();
    let now = cluster.now();
    let clock = cluster.clock.arc();
    let endpoint = Endpoint::new(cluster.authority(), clock, now).unwrap();
    let server = endpoint.server(&[ALPN_JOIN]).unwrap();
    let client = Arc::new(join_client(&invite, cluster.clock.arc()).unwrap());
    let mut pair = Pair::new(client, server, Expect::Authority);
    pair.shake().unwrap();
    assert_eq!(endpoint.caller(&pair.server, now), Ok(None));
    let (joining, request) = request(&cluster, &invite, "new");
    let issued = cluster.issued(&request, None).unwrap();
    let identity = joining.finish(&issued, now).unwrap();
    assert_eq!(identity.roles(), Roles::USUAL);
    assert_eq!(identity.name().as_str(), "new");
    assert_eq!(
        identity.addresses()[0].to_string(),
        "authority.example:10245"
    );
    let log = cluster.log();
    let joined = format!(
        "joined member={} name=new roles=submit,execute",
        identity.member()
    );
    assert!(log.contains(&joined), "{log}");
    assert!(log.contains("address=127.0.0.1"), "{log}");
    let again = Joining::begin(&cluster.directory.path().join("new"), &invite);
    assert!(matches!(again, Err(IdentityError::Member(_))));
}

#[test]
fn an_invitation_is_used_as_often_as_it_says() {
    let mut cluster = Cluster::new();
    let now = cluster.now();
    let two = InviteOptions {
        uses: 2,
        ..options(Roles::USUAL)
    };
    let invite = cluster.authority().invite(&two, None, now).unwrap();
    cluster.joined(&invite).unwrap();
    cluster.joined(&invite).unwrap();
    assert_eq!(cluster.joined(&invite).err(), Some(Refusal::InviteUsedUp));
    assert!(cluster.log().contains("refused invite-used-up to join"));
    assert_eq!(cluster.authority().members(now).unwrap().len(), 2);
}

#[test]
fn an_expired_invitation_is_told_so_to_its_holder_only() {
    let mut cluster = Cluster::new();
    let mut invite = cluster.invite(Roles::USUAL);
    cluster.clock.advance(HOUR - 1);
    cluster.joined(&invite).unwrap();
    let mut later = Cluster::new();
    let expired = later.invite(Roles::USUAL);
    later.clock.advance(HOUR);
    assert_eq!(later.joined(&expired).err(), Some(Refusal::InviteExpired));
    // Who does not know the secret does not learn whether the invitation lives.
    invite.secret = Secret::from_bytes([0; 20]);
    assert_eq!(cluster.joined(&invite).err(), Some(Refusal::WrongInvite));
    invite.id = InviteId::from_bytes([0; 8]);
    assert_eq!(cluster.joined(&invite).err(), Some(Refusal::WrongInvite));
}

#[test]
fn guessing_is_limited_for_each_invitation_and_minute() {
    let mut cluster = Cluster::new();
    let (invite, other) = (cluster.invite(Roles::USUAL), cluster.invite(Roles::USUAL));
    let mut wrong = invite.clone();
    for guess in 0..5 {
        wrong.secret = Secret::from_bytes([guess; 20]);
        assert_eq!(cluster.joined(&wrong).err(), Some(Refusal::WrongInvite));
    }
    let seconds = 60 - START % 60;
    let rests = Some(Refusal::TooManyGuesses { seconds });
    assert_eq!(cluster.joined(&wrong).err(), rests);
    assert_eq!(
        cluster.joined(&invite).err(),
        rests,
        "even with the right secret"
    );
    cluster.joined(&other).unwrap();
    cluster.clock.advance(seconds);
    cluster.joined(&invite).unwrap();
}

#[test]
fn the_last_use_is_taken_by_one_of_two() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let now = cluster.now();
    let requests: Vec<_> = (0..8)
        .map(|n| request(&cluster, &invite, &format!("racer-{n}")).1)
        .collect();
    let path = cluster.path();
    let results: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = requests
            .iter()
            .map(|request| {
                // Each as a process of its own has it: nothing shared but the directory.
                let mut service = JoinService::new(Authority::open(&path).unwrap());
                scope.spawn(move || service.handle(request, caller(), now).0)
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    let won = results
        .iter()
        .filter(|reply| matches!(reply, Reply::Issued(_)))
        .count();
    let lost = |reply: &&Reply| matches!(reply, Reply::Refused(Refusal::InviteUsedUp));
    assert_eq!(
        (won, results.iter().filter(lost).count()),
        (1, 7),
        "{results:?}"
    );
    assert_eq!(cluster.authority().members(now).unwrap().len(), 1);
}

#[test]
fn a_lost_answer_costs_no_second_use() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let (_, first) = request(&cluster, &invite, "host");
    let lost = cluster.issued(&first, None).unwrap();
    // The process was killed; the user repeats the command.
    let (joining, second) = request(&cluster, &invite, "host");
    let issued = cluster.issued(&second, None).unwrap();
    assert_ne!(lost.chain, issued.chain);
    let identity = joining.finish(&issued, cluster.now()).unwrap();
    let now = cluster.now();
    let rows = cluster.authority().members(now).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, identity.member());
    assert_eq!(cluster.joined(&invite).err(), Some(Refusal::InviteUsedUp));
}

#[test]
fn requests_that_make_no_sense_are_refused_and_use_nothing() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let (_, good) = request(&cluster, &invite, "host");
    let Request::Join(good) = good else {
        unreachable!()
    };
    let mut flipped = good.csr.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let p256 = rcgen::KeyPair::generate().unwrap();
    let p256 = rcgen::CertificateParams::default()
        .serialize_request(&p256)
        .unwrap();
    for csr in [
        vec![],
        vec![0; 5000],
        flipped,
        p256.der().to_vec(),
        good.agent_csr.clone(),
    ] {
        let bad = JoinRequest {
            csr,
            ..good.clone()
        };
        let answer = cluster.ask(&Request::Join(bad), None);
        assert_eq!(answer.unwrap_err(), Refusal::BadRequest);
    }
    cluster.issued(&Request::Join(good), None).unwrap();
}

#[test]
fn a_joiner_believes_no_answer_that_does_not_fit() {
    let (mut cluster, mut other) = (Cluster::new(), Cluster::new());
    let now = cluster.now();
    let invite = cluster.invite(Roles::USUAL);
    let foreign = other.invite(Roles::USUAL);
    let (_, request_there) = request(&other, &foreign, "there");
    let foreign = other.issued(&request_there, None).unwrap();
    let (_, right) = request(&cluster, &invite, "host");
    let issued = cluster.issued(&right, None).unwrap();
    let relabelled = Issued {
        cluster: issued.cluster,
        ..foreign.clone()
    };
    let no_chain = Issued {
        chain: Vec::new(),
        ..issued.clone()
    };
    let other_roots = Issued {
        roots: foreign.roots.clone(),
        ..issued.clone()
    };
    let other_key = Issued {
        chain: issued.agent_chain.clone(),
        ..issued.clone()
    };
    for bad in [foreign, relabelled, no_chain, other_roots, other_key] {
        let (joining, _) = request(&cluster, &invite, "host");
        assert!(joining.finish(&bad, now).is_err(), "{bad:?}");
        assert!(!Identity::exists(&cluster.directory.path().join("host")));
    }
    let (joining, _) = request(&cluster, &invite, "host");
    joining.finish(&issued, now).unwrap();
}

#[test]
fn only_admins_invite_and_revoke_from_afar() {
    let mut cluster = Cluster::new();
    let now = cluster.now();
    let (admin, user) = (
        cluster.host(Roles::only(Role::Admin)),
        cluster.host(Roles::USUAL),
    );
    let peer =
        |host: &Host| Peer::of_chain(host.identity.signer().chain(), &user.live, now).unwrap();
    let (admin_peer, user_peer) = (peer(&admin), peer(&user));
    let invite = Request::Invite(options(Roles::USUAL));
    let revoke = Request::Revoke {
        member: user.identity.member(),
    };
    for request in [&invite, &revoke, &Request::Members] {
        assert_eq!(cluster.ask(request, None).unwrap_err(), Refusal::NotAMember);
        let refused = cluster.ask(request, Some(&user_peer)).unwrap_err();
        assert_eq!(refused, Refusal::Role(Role::Admin));
    }
    let Ok(Reply::Invited(invite)) = cluster.ask(&invite, Some(&admin_peer)) else {
        panic!()
    };
    cluster.joined(&invite).unwrap();
    assert!(matches!(
        cluster.ask(&revoke, Some(&admin_peer)),
        Ok(Reply::Revoked)
    ));
    let by = format!("by={}", admin.identity.member());
    assert_eq!(cluster.log().matches(&by).count(), 2, "{}", cluster.log());
    let asked = Request::Revocations {
        known: 0,
        scheduler: None,
    };
    assert_eq!(
        cluster.ask(&asked, Some(&user_peer)).unwrap_err(),
        Refusal::Revoked
    );
    let Ok(Reply::Revocations {
        newer: Some((_, list)),
        ..
    }) = cluster.ask(&asked, Some(&admin_peer))
    else {
        panic!()
    };
    admin.live.revoke(&list, now).unwrap();
    let known = admin.live.trust().revoked().number();
    let asked = Request::Revocations {
        known,
        scheduler: None,
    };
    assert!(matches!(
        cluster.ask(&asked, Some(&admin_peer)),
        Ok(Reply::Revocations { newer: None, .. })
    ));
}
