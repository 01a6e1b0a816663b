//! `kill -9` at every instant of every change: afterwards there is the old state or the new one, and the
//! same command works.

use super::*;
use crate::disk::kill;

#[test]
fn creating() {
    kill::everywhere(
        || tempfile::tempdir().unwrap(),
        |directory| {
            let name: ClusterName = "test".parse().unwrap();
            Authority::create(
                &directory.path().join("a"),
                name,
                Vec::new(),
                time::at(START),
            )
            .is_ok()
        },
        |directory, _, _| {
            let path = directory.path().join("a");
            let clock = Hands(Arc::new(AtomicU64::new(START)));
            if !Authority::exists(&path) {
                create(&path, &clock);
            }
            let mut authority = Authority::open(&path).unwrap();
            authority
                .invite(
                    &InviteOptions {
                        addresses: vec!["host:1".parse().unwrap()],
                        ..options(Roles::USUAL)
                    },
                    None,
                    time::at(START),
                )
                .unwrap();
            let keys = names(&path)
                .into_iter()
                .filter(|name| name.ends_with(".key"));
            assert_eq!(keys.count(), 1);
            let log = std::fs::read_to_string(path.join("audit.log")).unwrap();
            assert_eq!(log.matches("created cluster=").count(), 1, "{log}");
        },
    );
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Kills a change of the authority everywhere; `happened` says whether it was made.
fn change(
    prepare: impl Fn(&mut Cluster) -> Vec<Host>,
    work: impl Fn(&mut Cluster, &mut Vec<Host>),
    happened: impl Fn(&mut Authority, &[Host]) -> bool,
    line: &str,
) {
    let mut outcomes = [0, 0];
    kill::everywhere(
        || {
            let mut cluster = Cluster::new();
            let hosts = prepare(&mut cluster);
            (cluster, hosts)
        },
        |(cluster, hosts)| work(cluster, hosts),
        |(mut cluster, hosts), (), killed| {
            // Another process takes over.
            let mut authority = Authority::open(&cluster.path()).unwrap();
            let made = happened(&mut authority, &hosts);
            assert!(killed || made);
            outcomes[usize::from(made)] += 1;
            // Its next change tidies, completes the log, and everything goes on.
            authority
                .invite(&options(Roles::USUAL), None, cluster.now())
                .unwrap();
            let files = names(&cluster.path());
            assert!(
                !files.iter().any(|name| name.ends_with(".new")),
                "{files:?}"
            );
            assert_eq!(
                files.iter().filter(|name| name.ends_with(".key")).count(),
                1,
                "{files:?}"
            );
            let log = cluster.log();
            assert_eq!(log.matches(line).count(), usize::from(made), "{log}");
            cluster.service = JoinService::new(authority);
            cluster.host(Roles::USUAL);
        },
    );
    assert!(outcomes.iter().all(|&count| count > 2), "{outcomes:?}");
}

#[test]
fn inviting() {
    change(
        |_| Vec::new(),
        |cluster, _| {
            let now = cluster.now();
            let _killed =
                cluster
                    .authority()
                    .invite(&options(Roles::only(Role::Monitor)), None, now);
        },
        |authority, _| {
            let state = std::fs::read_to_string(authority.path_of_state()).unwrap();
            state.contains("monitor")
        },
        "roles=monitor",
    );
}

#[test]
fn revoking() {
    change(
        |cluster| vec![cluster.host(Roles::USUAL)],
        |cluster, hosts| {
            let (member, now) = (hosts[0].identity.member(), cluster.now());
            let _killed = cluster.authority().revoke(member, None, now);
        },
        |authority, hosts| {
            let rows = authority.members(time::at(START)).unwrap();
            let row = rows
                .iter()
                .find(|row| row.id == hosts[0].identity.member())
                .unwrap();
            let is_listed = authority.revocations().unwrap().is_some();
            assert_eq!(is_listed, row.state == MemberState::Revoked);
            is_listed
        },
        " revoked member=",
    );
}

#[test]
fn rotating() {
    change(
        |cluster| vec![cluster.host(Roles::USUAL)],
        |cluster, _| {
            let now = cluster.now();
            let _killed = cluster.authority().rotate(OVERLAP, now);
        },
        |authority, hosts| {
            let now = time::at(START);
            let known = hosts[0].identity.fingerprints(now);
            let trust = authority.trust(now).unwrap();
            assert!(trust.fingerprints(now).any(|one| known.contains(&one)));
            !known.contains(&authority.fingerprint())
        },
        " rotated generation=2",
    );
}

/// Killed at either end, a join is repeated and uses its invitation once.
#[test]
fn joining() {
    kill::everywhere(
        || {
            let mut cluster = Cluster::new();
            let invite = cluster.invite(Roles::USUAL);
            (cluster, invite)
        },
        |(cluster, invite)| attempt(cluster, invite).is_some(),
        |(mut cluster, invite), _, _| {
            cluster.service = JoinService::new(Authority::open(&cluster.path()).unwrap());
            let path = cluster.directory.path().join("joiner");
            let now = cluster.now();
            if !Identity::exists(&path) {
                attempt(&mut cluster, &invite).unwrap();
            }
            let identity = Identity::open(&path, now).unwrap();
            let rows = cluster.authority().members(now).unwrap();
            assert_eq!(
                rows.iter().map(|row| row.id).collect::<Vec<_>>(),
                [identity.member()]
            );
            assert_eq!(cluster.joined(&invite).err(), Some(Refusal::InviteUsedUp));
            let live = identity.live(cluster.clock.arc()).unwrap();
            let mut host = Host {
                path,
                identity,
                live,
            };
            cluster.renew(&mut host).unwrap();
        },
    );
}

fn attempt(cluster: &mut Cluster, invite: &Invite) -> Option<()> {
    let path = cluster.directory.path().join("joiner");
    let joining = Joining::begin(&path, invite).ok()?;
    let request = joining.request(&"joiner".parse().unwrap()).ok()?;
    let now = cluster.now();
    let (reply, _) = cluster.service.handle(&request, caller(), now);
    let Reply::Issued(issued) = reply else {
        return None;
    };
    joining.finish(&issued, now).ok().map(|_| ())
}

/// Killed at either end, a renewal is repeated with the certificate that is there.
#[test]
fn renewing() {
    kill::everywhere(
        || {
            let mut cluster = Cluster::new();
            let host = cluster.host(Roles::USUAL);
            let other = cluster.host(Roles::USUAL);
            cluster.revoke(&other);
            (cluster, host)
        },
        |(cluster, host)| {
            let now = cluster.now();
            let chain = host.identity.signer().chain().to_vec();
            let peer = Peer::of_chain(&chain, &host.live, now).unwrap();
            let (renewing, request) = host.identity.renewal().unwrap();
            let caller = Caller {
                peer: Some(&peer),
                ..caller()
            };
            if let (Reply::Issued(issued), _) = cluster.service.handle(&request, caller, now) {
                let _killed = host.identity.renewed(&renewing, &issued, &host.live, now);
            }
        },
        |(mut cluster, host), (), _| {
            cluster.service = JoinService::new(Authority::open(&cluster.path()).unwrap());
            let now = cluster.now();
            let identity = Identity::open(&host.path, now).unwrap();
            let live = identity.live(cluster.clock.arc()).unwrap();
            let mut host = Host {
                identity,
                live,
                ..host
            };
            cluster.renew(&mut host).unwrap();
            assert!(host.live.trust().revoked().number() > 0);
            assert!(!names(&host.path).iter().any(|name| name.ends_with(".new")));
        },
    );
}
