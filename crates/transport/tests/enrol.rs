//! Joining and renewing over real sockets.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use membership::{
    Address, Authority, Fallen, HostName, Identity, Invite, InviteOptions, Reply, Request, Role,
    Roles, UnixTime,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::time_provider::DefaultTimeProvider;
use transport::{
    EnrolError, Gate, Mixed, Office, Options, Passport, Standing, TransportError, ask, join,
    listen_tcp,
};

const SOON: Duration = Duration::from_secs(20);

struct Rig {
    place: TempDir,
    address: SocketAddr,
    invite: Invite,
}

/// An authority that listens, and an invitation for two hosts.
fn rig(roles: &[Role]) -> Rig {
    rig_named("authority", roles)
}

fn rig_named(name: &str, roles: &[Role]) -> Rig {
    let place = tempfile::tempdir().unwrap();
    let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let addresses = vec![Address::from((address.ip(), address.port()))];
    let mut authority = Authority::create(
        &place.path().join(name),
        "home".parse().unwrap(),
        addresses,
        UnixTime::now(),
    )
    .unwrap();
    let options = InviteOptions {
        roles: Roles::of(roles).unwrap(),
        uses: 2,
        lifetime: Duration::from_secs(600),
        addresses: Vec::new(),
    };
    let invite = authority.invite(&options, None, UnixTime::now()).unwrap();
    let office = Office::open(authority).unwrap();
    tokio::spawn(office.keep(listener));
    Rig {
        place,
        address,
        invite,
    }
}

impl Rig {
    async fn member(&self, name: &str) -> Result<Identity, EnrolError> {
        let name: HostName = name.parse().unwrap();
        let directory = self.place.path().join(name.as_str());
        join(&self.invite, &directory, &name).await
    }
}

fn clock() -> Arc<DefaultTimeProvider> {
    Arc::new(DefaultTimeProvider)
}

#[tokio::test]
async fn a_host_joins_with_the_line_and_renews() {
    let rig = rig(&[Role::Submit, Role::Execute]);
    let mut identity = rig.member("first").await.unwrap();
    assert_eq!(identity.cluster_name().to_string(), "home");
    let live = identity.live(clock()).unwrap();
    let (renewing, request) = identity.renewal().unwrap();
    let reply = ask(&live, identity.addresses(), &request).await.unwrap();
    let Reply::Issued(issued) = reply else {
        panic!("{reply:?}");
    };
    identity
        .renewed(&renewing, &issued, &live, UnixTime::now())
        .unwrap();
    let revocations = Request::Revocations {
        known: 0,
        scheduler: None,
    };
    let reply = ask(&live, identity.addresses(), &revocations)
        .await
        .unwrap();
    assert!(matches!(reply, Reply::Revocations { newer: None, .. }));
}

#[tokio::test]
async fn an_invitation_is_used_up() {
    let rig = rig(&[Role::Submit]);
    rig.member("first").await.unwrap();
    rig.member("second").await.unwrap();
    let EnrolError::Denied(why) = rig.member("third").await.unwrap_err() else {
        panic!("not denied");
    };
    assert!(why.contains("used as often"), "{why}");
}

#[tokio::test]
async fn another_authority_at_the_address_hears_nothing() {
    let (mut real, other) = (rig(&[Role::Submit]), rig_named("other", &[Role::Submit]));
    real.invite.addresses = vec![Address::from((other.address.ip(), other.address.port()))];
    let error = real.member("first").await.unwrap_err();
    let EnrolError::Unreachable { last, .. } = error else {
        panic!("{error}");
    };
    assert!(
        matches!(
            &*last,
            EnrolError::Transport(TransportError::Distrusted { .. })
        ),
        "{last}"
    );
}

#[tokio::test]
async fn another_program_in_the_authoritys_place_is_told_from_it() {
    let mut rig = rig(&[Role::Submit]);
    // As an icecream program, as something with a greeting, as something that hangs up.
    for answer in [&b"\x2c\0\0\0"[..], b"220 mail.example ESMTP\r\n", b""] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let _other = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _sent = stream.write_all(answer).await;
            }
        });
        rig.invite.addresses = vec![Address::from((address.ip(), address.port()))];
        let error = rig.member("first").await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("`floe cluster serve` has to be"), "{error}");
    }
}

#[tokio::test]
async fn members_talk_and_nobody_else_gets_a_byte() {
    let rig = rig(&[Role::Submit, Role::Execute]);
    let executor = rig.member("executor").await.unwrap().live(clock()).unwrap();
    let submitter = rig
        .member("submitter")
        .await
        .unwrap()
        .live(clock())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Gate::Members(executor);
    let served = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            match gate.admit(&[Role::Submit], stream, SOON).await {
                Ok(admitted) => {
                    let member = admitted.member.expect("nobody is admitted without a name");
                    let channel = transport::Channel::accept(admitted.stream, SOON).await;
                    seen.push(Ok((member.name.to_string(), channel.unwrap())));
                }
                Err(error) => seen.push(Err(error)),
            }
        }
        seen
    });

    // icecream's handshake, and one of nobody in particular.
    let mut stranger = TcpStream::connect(address).await.unwrap();
    stranger.write_all(&[44, 0, 0, 0]).await.unwrap();
    let mut heard = Vec::new();
    // Its unread bytes may make a reset of the end.
    let reading = stranger.read_to_end(&mut heard);
    let _reset = timeout(SOON, reading).await.unwrap();
    assert!(heard.is_empty());
    let passport = Passport::Member(submitter);
    let options = Options::default();
    let to_executor = passport.connect(Role::Execute, address, SOON, None, options);
    let channel = to_executor.await.unwrap();
    // The same host is no scheduler.
    let to_scheduler = passport.connect(Role::Schedule, address, SOON, None, options);
    let refused = to_scheduler.await.unwrap_err();
    assert!(refused.to_string().contains("schedule"), "{refused}");
    drop(channel);

    let seen = served.await.unwrap();
    assert!(matches!(&seen[0], Err(TransportError::MembersOnly { .. })));
    assert!(matches!(&seen[1], Ok((name, _)) if name == "submitter"));
    assert!(seen[2].is_err());
}

#[tokio::test]
async fn a_running_member_hears_who_was_revoked_and_remembers_it() {
    let rig = rig(&[Role::Submit]);
    let first = rig.member("first").await.unwrap();
    let second = rig.member("second").await.unwrap();
    let directory = rig.place.path().join("first");
    let standing = Standing::open(&directory).unwrap();
    let (live, mut papers) = (standing.live(), standing.papers());
    assert_eq!(standing.identity().member(), first.member());
    tokio::spawn(standing.keep());
    let mut authority = Authority::open(&rig.place.path().join("authority")).unwrap();
    authority
        .revoke(second.member(), None, UnixTime::now())
        .unwrap();
    timeout(SOON, papers.changed()).await.unwrap().unwrap();
    assert!(live.trust().revoked().contains(second.member()));
    let kept = Identity::open(&directory, UnixTime::now()).unwrap();
    let kept = kept.live(clock()).unwrap();
    assert!(kept.trust().revoked().contains(second.member()));
}

#[tokio::test]
async fn a_member_among_strangers_finds_out_who_is_one() {
    let rig = rig(&[Role::Submit, Role::Execute]);
    let live = async |name| rig.member(name).await.unwrap().live(clock()).unwrap();
    let (first, second) = (live("first").await, live("second").await);
    let passport = Passport::Mixed(Mixed::new(first));
    for (gate, is_member) in [
        (Gate::Open, false),
        (Gate::Open, false),
        (Gate::Mixed(second), true),
    ] {
        let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let admitted = gate.admit(&[Role::Submit], stream, SOON).await.unwrap();
                let known = admitted.member.is_some();
                if transport::Channel::accept(admitted.stream, SOON)
                    .await
                    .is_ok()
                {
                    return known;
                }
            }
        });
        let connecting = passport.connect(Role::Execute, address, SOON, None, Options::default());
        connecting.await.unwrap();
        assert_eq!(served.await.unwrap(), is_member);
    }
}

#[tokio::test]
async fn a_member_that_was_revoked_says_so_until_it_is_one_again() {
    let rig = rig(&[Role::Submit]);
    let identity = rig.member("first").await.unwrap();
    let (directory, now) = (rig.place.path().join("first"), UnixTime::now());
    assert_eq!(Identity::fallen(&directory, now), None);
    let mut authority = Authority::open(&rig.place.path().join("authority")).unwrap();
    authority.revoke(identity.member(), None, now).unwrap();
    let live = identity.live(clock()).unwrap();
    let asked = ask(
        &live,
        identity.addresses(),
        &Request::Revocations {
            known: 0,
            scheduler: None,
        },
    );
    let told = asked.await.unwrap_err();
    assert!(
        matches!(told, EnrolError::Fallen(Fallen::Revoked)),
        "{told}"
    );
    assert!(told.to_string().contains("was revoked") && told.to_string().contains("floe join"));

    let keeping = tokio::spawn(Standing::open(&directory).unwrap().keep());
    timeout(SOON, async {
        while Identity::fallen(&directory, now) != Some(Fallen::Revoked) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    keeping.abort();

    let aside = Identity::set_aside(&directory, now).unwrap();
    assert!(Identity::exists(&aside) && !Identity::exists(&directory));
    let again = rig.member("first").await.unwrap();
    assert_ne!(again.member(), identity.member());
    assert_eq!(Identity::fallen(&directory, now), None);
}
