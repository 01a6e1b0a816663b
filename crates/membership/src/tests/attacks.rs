//! Those who are no members, and members who pretend.

use rustls::crypto::ring::default_provider;

use super::*;
use crate::certificate::Ca;
use crate::key::Key;
use crate::subject::{Named, Subject};

const EXECUTOR: Expect = Expect::Any(Role::Execute);

/// A member of another cluster that passes itself off as one of this: the same id, its own authority.
fn forged(cluster: &Cluster, like: &Host, subject: Subject) -> Live {
    let now = cluster.now();
    let (authority, key) = (Key::generate().unwrap(), Key::generate().unwrap());
    let id = like.identity.cluster();
    let root = mint::root(id, 1, &authority, now).unwrap();
    let named = Named {
        cluster: id,
        subject,
    };
    let name: HostName = "forged".parse().unwrap();
    let pair = key.pair().unwrap();
    let until = START + DAY;
    let (leaf, _) = mint::leaf((&root, &authority), named, &name, &pair, now, until).unwrap();
    let trust = Trust::clone(&like.live.trust());
    Live::new(trust, vec![leaf, root], &key, cluster.clock.arc()).unwrap()
}

fn admin() -> Subject {
    Subject::Member {
        id: MemberId::from_bytes([1; 16]),
        roles: Roles::only(Role::Admin),
    }
}

#[test]
fn without_a_certificate_nobody_comes_in() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let mut config = ClientConfig::clone(&host.live.client());
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let mut pair = Pair::new(Arc::new(config), host.live.server(), EXECUTOR);
    let broken = pair.shake().unwrap_err();
    assert!(matches!(broken, Broken::Server(_)));
    assert_eq!(broken.cause(), Some(Distrust::NoCertificate));
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _roots: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn a_foreign_authority_s_certificates_are_refused_on_both_sides() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let forger = forged(&cluster, &host, admin());
    let mut pair = Pair::new(forger.client(), host.live.server(), EXECUTOR);
    let broken = pair.shake().unwrap_err();
    assert!(matches!(broken, Broken::Server(_)), "{broken:?}");
    assert_eq!(broken.cause(), Some(Distrust::UnknownAuthority));
    let mut pair = Pair::new(host.live.client(), forger.server(), EXECUTOR);
    let broken = pair.shake().unwrap_err();
    assert!(matches!(broken, Broken::Client(_)), "{broken:?}");
    assert_eq!(broken.cause(), Some(Distrust::UnknownAuthority));
}

#[test]
fn another_cluster_s_members_are_told_apart() {
    let (mut one, mut two) = (Cluster::new(), Cluster::new());
    let (host, foreign) = (one.host(Roles::USUAL), two.host(Roles::USUAL));
    let met = meet(&foreign, &host, EXECUTOR, one.now());
    let cause = met.unwrap_err();
    assert_eq!(cause, Some(Distrust::OtherCluster(host.identity.cluster())));
}

#[test]
fn a_member_cannot_issue_certificates() {
    let mut cluster = Cluster::new();
    let (host, rogue) = (
        cluster.host(Roles::USUAL),
        cluster.host(Roles::only(Role::Submit)),
    );
    let signer = rogue.identity.signer();
    let key = Key::generate().unwrap();
    let named = Named {
        cluster: host.identity.cluster(),
        subject: admin(),
    };
    let name: HostName = "promoted".parse().unwrap();
    let by = (&signer.chain[0], &signer.key);
    let pair = key.pair().unwrap();
    let (leaf, _) = mint::leaf(by, named, &name, &pair, cluster.now(), START + DAY).unwrap();
    let chain = vec![leaf, signer.chain[0].clone()];
    let seen = Peer::of_chain(&chain, &host.live, cluster.now());
    assert_eq!(seen, Err(Distrust::UnknownAuthority));
}

#[test]
fn revoked_and_expired_members_are_refused_in_the_handshake() {
    let mut cluster = Cluster::new();
    let (user, mut executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let list = cluster.revoke(&user);
    executor.live.revoke(&list, cluster.now()).unwrap();
    let mut pair = Pair::between(&user, &executor, EXECUTOR);
    let broken = pair.shake().unwrap_err();
    assert!(matches!(broken, Broken::Server(_)), "{broken:?}");
    assert_eq!(
        broken.cause(),
        Some(Distrust::Revoked(user.identity.member()))
    );
    // The list is kept over a restart.
    executor.identity.keep_revocations(&executor.live).unwrap();
    let again = Identity::open(&executor.path, cluster.now()).unwrap();
    let again = again.live(cluster.clock.arc()).unwrap();
    assert!(again.trust().revoked().contains(user.identity.member()));

    let late = cluster.host(Roles::USUAL);
    cluster.clock.advance(DAY + 1);
    cluster.renew(&mut executor).unwrap();
    let mut pair = Pair::between(&late, &executor, EXECUTOR);
    let broken = pair.shake().unwrap_err();
    assert!(matches!(broken, Broken::Server(_)), "{broken:?}");
    let (end, now) = (START + DAY, START + DAY + 1);
    assert_eq!(broken.cause(), Some(Distrust::Expired { end, now }));
}

#[test]
fn a_revoked_executor_is_refused_by_those_who_know() {
    let mut cluster = Cluster::new();
    let (user, executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let list = cluster.revoke(&executor);
    user.live.revoke(&list, cluster.now()).unwrap();
    let broken = Pair::between(&user, &executor, EXECUTOR)
        .shake()
        .unwrap_err();
    assert!(matches!(broken, Broken::Client(_)), "{broken:?}");
    assert_eq!(
        broken.cause(),
        Some(Distrust::Revoked(executor.identity.member()))
    );
}

#[test]
fn an_older_or_forged_list_never_replaces_a_newer_one() {
    let mut cluster = Cluster::new();
    let (user, executor) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let other = cluster.host(Roles::USUAL);
    let now = cluster.now();
    let first = cluster.revoke(&other);
    let second = cluster.revoke(&user);
    assert_eq!(executor.live.revoke(&second, now), Ok(true));
    assert_eq!(executor.live.revoke(&first, now), Ok(false));
    let mut forged = second.clone();
    forged[40] ^= 1;
    assert!(executor.live.revoke(&forged, now).is_err());
    assert!(executor.live.revoke(b"", now).is_err());
    assert!(
        executor
            .live
            .trust()
            .revoked()
            .contains(user.identity.member())
    );
}

#[test]
fn who_offers_no_protocol_or_another_one_is_no_peer() {
    let mut cluster = Cluster::new();
    let (user, host) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let mut config = ClientConfig::clone(&user.live.client());
    config.alpn_protocols.clear();
    let mut pair = Pair::new(Arc::new(config.clone()), host.live.server(), EXECUTOR);
    pair.shake().unwrap();
    let seen = Peer::accepted(&pair.server, &host.live, cluster.now());
    assert_eq!(seen, Err(Distrust::OtherProtocol));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut pair = Pair::new(Arc::new(config), host.live.server(), EXECUTOR);
    assert!(pair.shake().is_err());
}

#[test]
fn tls_1_2_is_not_spoken() {
    // The library has it compiled out; this is what the first bytes of such a client look like.
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let mut server = ServerConnection::new(host.live.server()).unwrap();
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    server.read_tls(&mut &hello[..]).unwrap();
    assert!(server.process_new_packets().is_err());
    let garbage = [0xff; 300];
    let mut server = ServerConnection::new(host.live.server()).unwrap();
    server.read_tls(&mut &garbage[..]).unwrap();
    assert!(server.process_new_packets().is_err());
}

/// What a joiner's TLS lets through to an application, when the other end is `server`.
fn join_at(
    invite: &Invite,
    clock: &Hands,
    server: Arc<ServerConfig>,
) -> (Result<(), Broken>, Pair) {
    let client = Arc::new(join_client(invite, clock.arc()).unwrap());
    let mut pair = Pair::new(client, server, Expect::Authority);
    let shaken = pair.shake();
    (shaken, pair)
}

#[test]
fn a_man_in_the_middle_of_a_join_hears_nothing() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let (member, clock) = (
        cluster.host(Roles::only(Role::Admin)),
        cluster.clock.clone(),
    );
    let now = cluster.now();

    // Another authority, one that says it is this cluster's, and a member of this cluster.
    let mut other = Cluster::new();
    let foreign = Endpoint::new(other.authority(), clock.arc(), now).unwrap();
    let pretender = forged(&cluster, &member, Subject::Authority);
    for (live, cause) in [
        (None, Distrust::NotTheAuthority),
        (Some(pretender), Distrust::NotTheAuthority),
        (Some(member.live.clone()), Distrust::NotTheAuthority),
    ] {
        let server = match live {
            None => foreign.server(&[ALPN_JOIN]).unwrap(),
            Some(live) => {
                let mut config = ServerConfig::clone(&live.server());
                config.alpn_protocols = vec![ALPN_JOIN.to_vec()];
                Arc::new(config)
            }
        };
        let (shaken, mut pair) = join_at(&invite, &clock, server);
        let broken = shaken.unwrap_err();
        assert!(matches!(broken, Broken::Client(_)), "{broken:?}");
        assert_eq!(broken.cause(), Some(cause));
        silent(&mut pair);
    }
}

/// A rogue member that puts the true authority's certificate behind its own.
#[test]
fn the_true_root_behind_a_member_s_certificate_does_not_help() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let rogue = cluster.host(Roles::only(Role::Admin));
    let now = cluster.now();
    let root = rogue.live.trust().root_data(now)[0].certificate.clone();
    assert_eq!(Ca::read(&root).unwrap().fingerprint, invite.fingerprint);
    let signer = rogue.identity.signer();
    let mut chain = signer.chain.clone();
    chain.push(root.clone().into());
    let trust = Trust::clone(&rogue.live.trust());
    let live = Live::new(trust, chain, &signer.key, cluster.clock.arc()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&live.server().cert_resolver));
    config.alpn_protocols = vec![ALPN_JOIN.to_vec()];
    let (shaken, mut pair) = join_at(&invite, &cluster.clock, Arc::new(config));
    assert_eq!(shaken.unwrap_err().cause(), Some(Distrust::NotTheAuthority));
    silent(&mut pair);

    // A certificate of its own, below the true root without that one's signature.
    let pretender = forged(&cluster, &rogue, Subject::Authority);
    let mut forged = pretender.server().as_ref().clone();
    forged.alpn_protocols = vec![ALPN_JOIN.to_vec()];
    let (shaken, _) = join_at(&invite, &cluster.clock, Arc::new(forged));
    assert!(shaken.is_err());
}

/// The client can no longer say anything, and the server's application received nothing.
fn silent(pair: &mut Pair) {
    use std::io::{Read as _, Write as _};
    assert!(pair.client.is_handshaking());
    let mut heard = Vec::new();
    let _closed = pair.server.reader().read_to_end(&mut heard);
    assert!(heard.is_empty());
    // Even what the application would say now does not leave as application data: the alert is all.
    let _buffered = pair.client.writer().write(b"the secret");
    let mut wire = Vec::new();
    while pair.client.wants_write() {
        if pair.client.write_tls(&mut wire).unwrap() == 0 {
            break;
        }
    }
    let mut rest = &wire[..];
    while !rest.is_empty() {
        pair.server.read_tls(&mut rest).unwrap();
        if pair.server.process_new_packets().is_err() {
            break;
        }
    }
    let _closed = pair.server.reader().read_to_end(&mut heard);
    assert!(heard.is_empty());
    assert!(!wire.windows(10).any(|part| part == b"the secret"));
}
