//! The authority's records and files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn secrets_are_their_owner_s_alone_and_what_others_can_read_is_refused() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let authority = cluster.path();
    for directory in [&authority, &host.path] {
        assert_eq!(mode(directory), 0o700);
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{path:?}");
        }
    }
    for path in [
        authority.clone(),
        authority.join("ca-1.key"),
        authority.join("state"),
    ] {
        let before = mode(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(before | 0o040)).unwrap();
        let error = Authority::open(&authority).unwrap_err();
        let told =
            matches!(&error, AuthorityError::Disk(DiskError::Open { path: at, .. }) if *at == path);
        assert!(told, "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
    }
    let identity = host.path.join("identity");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Identity::open(&host.path, cluster.now()).unwrap_err();
    assert!(
        matches!(error, IdentityError::Disk(DiskError::Open { .. })),
        "{error}"
    );
}

#[test]
fn the_secret_of_an_invitation_is_in_no_file() {
    let mut cluster = Cluster::new();
    let invite = cluster.invite(Roles::USUAL);
    let secret = invite.secret.as_bytes();
    for entry in fs::read_dir(cluster.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        assert!(!bytes.windows(20).any(|part| part == secret));
        assert!(!text.contains(&data_encoding::HEXLOWER.encode(secret)));
        assert!(!text.contains(&data_encoding::BASE64.encode(secret).to_ascii_lowercase()));
    }
}

#[test]
fn changed_files_are_told_and_never_used() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let (authority, now) = (cluster.path(), cluster.now());
    let other = Cluster::new();
    let state = fs::read(authority.join("state")).unwrap();
    let key = fs::read(authority.join("ca-1.key")).unwrap();
    let open = || Authority::open(&authority).map(|_| ());
    let damaged = |what: &str, bytes: &[u8]| {
        fs::write(authority.join("state"), bytes).unwrap();
        let error = open().unwrap_err();
        assert!(
            matches!(error, AuthorityError::Damaged { .. }),
            "{what}: {error}"
        );
    };
    for at in (0..state.len()).step_by(97) {
        let mut changed = state.clone();
        changed[at] ^= 1;
        damaged("changed", &changed);
        damaged("cut", &state[..at]);
    }
    damaged("none", b"");
    fs::write(authority.join("state"), &state).unwrap();
    open().unwrap();
    fs::write(
        authority.join("ca-1.key"),
        fs::read(other.path().join("ca-1.key")).unwrap(),
    )
    .unwrap();
    assert!(matches!(open(), Err(AuthorityError::Damaged { .. })));
    fs::remove_file(authority.join("ca-1.key")).unwrap();
    assert!(matches!(open(), Err(AuthorityError::Damaged { .. })));
    symlink("/dev/zero", authority.join("ca-1.key")).unwrap();
    assert!(open().is_err(), "a link to elsewhere");
    fs::remove_file(authority.join("ca-1.key")).unwrap();
    fs::write(authority.join("ca-1.key"), &key).unwrap();
    fs::set_permissions(
        authority.join("ca-1.key"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    open().unwrap();

    let identity = fs::read(host.path.join("identity")).unwrap();
    for at in (0..identity.len()).step_by(97) {
        let mut changed = identity.clone();
        changed[at] ^= 1;
        fs::write(host.path.join("identity"), &changed).unwrap();
        assert!(Identity::open(&host.path, now).is_err(), "{at}");
    }
    // A list that is not believed is none; the authority sends it again.
    fs::write(host.path.join("identity"), &identity).unwrap();
    fs::write(host.path.join("revoked"), b"garbage").unwrap();
    fs::set_permissions(host.path.join("revoked"), fs::Permissions::from_mode(0o600)).unwrap();
    let opened = Identity::open(&host.path, now).unwrap();
    assert_eq!(
        opened
            .live(cluster.clock.arc())
            .unwrap()
            .trust()
            .revoked()
            .number(),
        0
    );
}

#[test]
fn two_processes_see_each_other_s_changes() {
    let mut cluster = Cluster::new();
    let mut other = Authority::open(&cluster.path()).unwrap();
    let now = cluster.now();
    let invite = other.invite(&options(Roles::USUAL), None, now).unwrap();
    let host = cluster.joined(&invite).unwrap();
    other.revoke(host.identity.member(), None, now).unwrap();
    let mut host = host;
    let refused = cluster.renew(&mut host).unwrap_err();
    assert!(
        matches!(refused, RenewError::Refused(Refusal::Revoked)),
        "{refused:?}"
    );
    assert_eq!(other.members(now).unwrap()[0].state, MemberState::Revoked);
    let lines: Vec<_> = cluster.log().lines().map(str::to_owned).collect();
    let number = |line: &String| line.split(' ').next().unwrap().parse::<u64>().ok();
    let numbers: Vec<_> = lines.iter().filter_map(number).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "{lines:?}");
}

#[test]
fn there_is_one_authority_in_a_directory() {
    let cluster = Cluster::new();
    let name: ClusterName = "again".parse().unwrap();
    let again = Authority::create(&cluster.path(), name, Vec::new(), cluster.now());
    assert!(matches!(again, Err(AuthorityError::Exists { .. })));
    let missing = Authority::open(&cluster.directory.path().join("none"));
    assert!(matches!(missing, Err(AuthorityError::Missing { .. })));
}

#[test]
fn members_are_found_by_name_and_by_the_beginning_of_their_id() {
    let mut cluster = Cluster::new();
    let (one, two) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    let now = cluster.now();
    let id = one.identity.member();
    let text = id.to_string();
    for given in ["host-1", &text, &text[..8]] {
        assert_eq!(cluster.authority().find(given, now).unwrap(), id);
    }
    for given in ["host", &text[..3], "", "ffff-none"] {
        let found = cluster.authority().find(given, now);
        assert!(
            matches!(found, Err(AuthorityError::NoSuchMember(_))),
            "{given}"
        );
    }
    cluster.revoke(&two);
    let again = cluster.authority().find("host-2", now);
    assert!(matches!(again, Err(AuthorityError::RevokedBefore(_))));
    cluster
        .authority()
        .find(&two.identity.member().to_string(), now)
        .unwrap();
}

#[test]
fn a_stolen_copy_of_a_member_is_noticed_and_a_lost_answer_is_not_one() {
    let mut cluster = Cluster::new();
    let mut host = cluster.host(Roles::USUAL);
    let now = cluster.now();
    let peer =
        |chain: &[CertificateDer<'_>], live: &Live| Peer::of_chain(chain, live, now).unwrap();
    let first = peer(host.identity.signer().chain(), &host.live);
    for _lost in 0..1 {
        let (_, request) = host.identity.renewal().unwrap();
        cluster.issued(&request, Some(&first)).unwrap();
    }
    // The thief's copy renews, and so does the host, with what it has.
    let (_, request) = host.identity.renewal().unwrap();
    let thief = cluster.issued(&request, Some(&first)).unwrap();
    let thief = peer(&thief.chain, &host.live);
    cluster.renew(&mut host).unwrap();
    let (_, request) = host.identity.renewal().unwrap();
    assert_eq!(
        cluster.issued(&request, Some(&thief)).unwrap_err(),
        Refusal::Superseded
    );
    assert!(cluster.log().contains("refused superseded to renew"));
}

#[test]
fn revoked_members_leave_the_list_when_their_certificates_have_ended() {
    let mut cluster = Cluster::new();
    let (one, two) = (cluster.host(Roles::USUAL), cluster.host(Roles::USUAL));
    cluster.revoke(&one);
    cluster.clock.advance(2 * DAY);
    let later = cluster.host(Roles::USUAL);
    let list = cluster.revoke(&later);
    two.live.revoke(&list, cluster.now()).unwrap();
    let trust = two.live.trust();
    let members: Vec<_> = trust.revoked().members().collect();
    assert_eq!(members, [later.identity.member()]);
}

#[test]
fn whether_anybody_answers_for_the_authority_is_known_to_others() {
    let cluster = Cluster::new();
    let other = Authority::open(&cluster.path()).unwrap();
    assert!(!other.is_served().unwrap());
    let both = [other.serve().unwrap(), other.serve().unwrap()];
    assert!(
        Authority::open(&cluster.path())
            .unwrap()
            .is_served()
            .unwrap()
    );
    let [one, last] = both;
    drop(one);
    assert!(other.is_served().unwrap());
    drop(last);
    assert!(!other.is_served().unwrap());
}

#[test]
fn renewals_and_refusals_push_no_act_out_of_the_log() {
    let mut cluster = Cluster::new();
    let host = cluster.host(Roles::USUAL);
    let now = cluster.now();
    let peer = Peer::of_chain(host.identity.signer().chain(), &host.live, now).unwrap();
    let acts = fs::read_to_string(cluster.path().join("audit.log")).unwrap();
    let state = cluster.path().join("state");
    let mut answers = Vec::new();
    for _ in 0..50 {
        let (_, request) = host.identity.renewal().unwrap();
        let before = fs::read(&state).unwrap();
        let answer = cluster.issued(&request, Some(&peer)).map(|_| ());
        assert_eq!(answer.is_ok(), fs::read(&state).unwrap() != before);
        answers.push(answer);
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert_eq!(answers[49], Err(Refusal::TooSoon { seconds: 600 }));
    assert_eq!(
        fs::read_to_string(cluster.path().join("audit.log")).unwrap(),
        acts
    );
    assert_eq!(cluster.log().matches(" renewed ").count(), 3);
    assert_eq!(cluster.log().matches("too-soon").count(), 10);
    // Others renew, and so does this one later.
    let mut other = cluster.host(Roles::USUAL);
    cluster.renew(&mut other).unwrap();
    cluster.clock.advance(600);
    let (_, request) = host.identity.renewal().unwrap();
    cluster.issued(&request, Some(&peer)).unwrap();
}
