//! Those who are no members, or not good enough ones, at the ports of members, over real sockets.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use membership::{
    ALPN, Address, Authority, Distrust, HostName, Identity, IdentityError, Invite, InviteOptions,
    Live, Request, Role, Roles, Secret, UnixTime,
};
use support::flood;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, SignatureScheme, client::ResolvesClientCert,
};
use transport::{
    Admitted, EnrolError, Gate, Office, Options, Passport, TransportError, ask, join, listen_tcp,
};

const SOON: Duration = Duration::from_secs(20);

/// A cluster whose authority is a directory.
struct Cluster {
    place: TempDir,
    authority: Authority,
}

impl Cluster {
    fn new() -> Self {
        let listener = vec![Address::from((Ipv4Addr::LOCALHOST.into(), 1))];
        Self::at(listener)
    }

    fn at(addresses: Vec<Address>) -> Self {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("authority");
        let name = "home".parse().unwrap();
        let authority = Authority::create(&directory, name, addresses, UnixTime::now());
        Self {
            place,
            authority: authority.unwrap(),
        }
    }

    fn host(&mut self, name: &str, roles: &[Role]) -> Identity {
        #[derive(Debug)]
        struct Failed;
        impl From<IdentityError> for Failed {
            fn from(error: IdentityError) -> Self {
                panic!("{error}")
            }
        }
        let (now, directory) = (UnixTime::now(), self.place.path().join(name));
        let name: HostName = name.parse().unwrap();
        let roles = Roles::of(roles).unwrap();
        let admit = |csr: &[u8], agent: &[u8]| {
            let issued = self.authority.admit(&name, roles, (csr, agent), now);
            Ok::<_, Failed>(issued.unwrap())
        };
        Identity::create(&directory, now, admit).unwrap()
    }

    fn live(&mut self, name: &str, roles: &[Role]) -> Live {
        self.host(name, roles).live(clock()).unwrap()
    }

    fn invite(&mut self, uses: u32) -> Invite {
        let options = InviteOptions {
            roles: Roles::of(&[Role::Submit]).unwrap(),
            uses,
            lifetime: Duration::from_secs(600),
            addresses: Vec::new(),
        };
        self.authority
            .invite(&options, None, UnixTime::now())
            .unwrap()
    }
}

fn clock() -> Arc<dyn TimeProvider> {
    Arc::new(DefaultTimeProvider)
}

/// Whoever has it lives a year ahead.
#[derive(Debug)]
struct NextYear;

impl TimeProvider for NextYear {
    fn current_time(&self) -> Option<UnixTime> {
        let now = Duration::from_secs(UnixTime::now().as_secs());
        Some(UnixTime::since_unix_epoch(
            now + Duration::from_secs(365 * 86_400),
        ))
    }
}

/// Believes whatever it is shown, as an attacker does.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = rustls::crypto::ring::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// An attacker that shows this member's certificate, or none.
fn attacker(live: &Live, shows: bool) -> TlsConnector {
    let mut config = ClientConfig::clone(&live.client());
    config.alpn_protocols = vec![ALPN.to_vec()];
    let mut dangerous = config.dangerous();
    dangerous.set_certificate_verifier(Arc::new(Credulous));
    if !shows {
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
    }
    TlsConnector::from(Arc::new(config))
}

/// A port of a member, which says what became of each connection.
struct Port {
    address: SocketAddr,
    listener: TcpListener,
    gate: Gate,
}

impl Port {
    fn new(live: Live) -> Self {
        let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            listener,
            gate: Gate::Members(live),
        }
    }

    async fn admit(&self) -> Result<Admitted, TransportError> {
        let (stream, _) = self.listener.accept().await.unwrap();
        let admitting = self.gate.admit(&[Role::Submit], stream, SOON);
        timeout(SOON, admitting).await.unwrap()
    }

    /// Lets an attacker try, who hears nothing but TLS, and says why it was refused.
    async fn refuses(&self, attacker: TlsConnector) -> TransportError {
        let attack = async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let name = ServerName::try_from("execute.any.floe").unwrap();
            let Ok(mut stream) = attacker.connect(name, stream).await else {
                return;
            };
            // In TLS 1.3 it has finished before the other end has looked at what it shows.
            let _may_fail = stream.write_all(b"let me in").await;
            let mut heard = Vec::new();
            let _alert = stream.read_to_end(&mut heard).await;
            assert!(heard.is_empty());
        };
        let (refused, ()) = tokio::join!(self.admit(), async {
            timeout(SOON, attack).await.unwrap();
        });
        refused.unwrap_err()
    }

    async fn distrusts(&self, attacker: TlsConnector) -> Distrust {
        match self.refuses(attacker).await {
            TransportError::Distrusted { why, .. } => why,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn certificates_that_are_not_good_enough_are_refused() {
    let mut home = Cluster::new();
    let executor = home.host("executor", &[Role::Execute]);
    let submitter = home.live("submitter", &[Role::Submit]);
    let watcher = home.live("watcher", &[Role::Monitor]);
    let live = executor.live(clock()).unwrap();
    let port = Port::new(live.clone());
    assert_eq!(
        port.distrusts(attacker(&submitter, false)).await,
        Distrust::NoCertificate
    );
    let foreign = Cluster::new().live("submitter", &[Role::Submit, Role::Admin]);
    let why = port.distrusts(attacker(&foreign, true)).await;
    assert!(why.to_string().contains("another cluster"), "{why}");
    let why = port.distrusts(attacker(&watcher, true)).await;
    assert!(why.to_string().contains("submit is needed"), "{why}");
    let late = Port::new(executor.live(Arc::new(NextYear)).unwrap());
    let why = late.distrusts(attacker(&submitter, true)).await;
    assert!(why.to_string().contains("certificate ended"), "{why}");
    // Good until it is revoked.
    let member = home.host("fallen", &[Role::Submit]);
    let fallen = member.live(clock()).unwrap();
    let options = Options::default();
    let passport = Passport::Member(fallen.clone());
    let (admitted, _) = tokio::join!(port.admit(), async {
        let connecting = passport.connect(Role::Execute, port.address, SOON, None, options);
        let _never_greeted = timeout(Duration::from_secs(1), connecting).await;
    });
    assert!(admitted.is_ok());
    let now = UnixTime::now();
    home.authority.revoke(member.member(), None, now).unwrap();
    let (_, list) = home.authority.revocations().unwrap().unwrap();
    assert!(live.revoke(&list, now).unwrap());
    let why = port.distrusts(attacker(&fallen, true)).await;
    assert!(why.to_string().contains("revoked"), "{why}");
}

#[tokio::test]
async fn garbage_instead_of_tls_is_refused_at_once() {
    let mut home = Cluster::new();
    let port = Port::new(home.live("executor", &[Role::Execute]));
    let garbage = [
        vec![22; 600],
        vec![22, 3, 1, 255, 255, 1, 255, 255, 255],
        [vec![22, 3, 1, 64, 0], vec![0; 0x4000]].concat(),
        [vec![22, 3, 3, 0, 4, 14, 0, 0, 0], vec![7; 1000]].concat(),
    ];
    for bytes in garbage {
        let attack = async {
            let mut stream = TcpStream::connect(port.address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            let mut heard = Vec::new();
            let _reset = stream.read_to_end(&mut heard).await;
        };
        let (refused, ()) = tokio::join!(port.admit(), attack);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, TransportError::Tls { .. }), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_ends_at_its_deadline() {
    let mut home = Cluster::new();
    let port = Port::new(home.live("executor", &[Role::Execute]));
    for bytes in [&[22_u8, 3, 1, 16, 4, 1, 0, 16, 0][..], &[]] {
        let attack = async {
            let mut stream = TcpStream::connect(port.address).await.unwrap();
            for byte in bytes.iter().copied().chain(std::iter::repeat(0)) {
                if !bytes.is_empty() && stream.write_all(&[byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let (stream, began) = (port.listener.accept(), tokio::time::Instant::now());
        let admitting = async {
            let stream = stream.await.unwrap().0;
            port.gate.admit(&[Role::Submit], stream, SOON).await
        };
        let refused = tokio::select! {
            refused = admitting => refused.unwrap_err(),
            () = attack => panic!("the attack ended"),
        };
        assert!(
            matches!(refused, TransportError::HandshakeTimeout { .. }),
            "{refused}"
        );
        assert!(began.elapsed() < SOON + Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_member_is_not_talked_down_to_icecream() {
    let mut home = Cluster::new();
    let passport = Passport::Member(home.live("submitter", &[Role::Submit]));
    // Somebody in the middle who answers as icecream's daemon does.
    let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let middle = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&[44, 0, 0, 0, 44, 0, 0, 0]).await.unwrap();
        let mut heard = Vec::new();
        let _reset = stream.read_to_end(&mut heard).await;
        heard
    };
    let options = Options::default();
    let connecting = passport.connect(Role::Execute, address, SOON, None, options);
    let (refused, heard) = tokio::join!(connecting, middle);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, TransportError::Tls { .. }), "{refused}");
    // A hello of TLS and an alert, and no second connection without.
    assert_eq!(heard[0], 22);
    let again = timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(again.is_err(), "it came again");
}

#[tokio::test]
async fn guesses_at_an_invitation_are_refused_over_the_network() {
    let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut home = Cluster::at(vec![Address::from((address.ip(), address.port()))]);
    let (invite, other) = (home.invite(2), home.invite(1));
    let Cluster { place, authority } = home;
    tokio::spawn(Office::open(authority).unwrap().keep(listener));
    let guess = async |secret: u8| {
        let mut wrong = invite.clone();
        wrong.secret = Secret::from_bytes([secret; 20]);
        let directory = place.path().join(format!("guesser-{secret}"));
        match join(&wrong, &directory, &"guesser".parse().unwrap()).await {
            Err(EnrolError::Denied(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let mut said = Vec::new();
    for secret in 0..12 {
        said.push(guess(secret).await);
    }
    // However the minute falls, five guesses a minute are all.
    let limited = said
        .iter()
        .any(|why| why.contains("too many wrong secrets"));
    assert!(limited, "{said:?}");
    // Others are not disturbed.
    let directory = place.path().join("other");
    join(&other, &directory, &"other".parse().unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn thousands_of_dripping_handshakes_keep_nobody_from_the_authority() {
    let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut home = Cluster::at(vec![Address::from((address.ip(), address.port()))]);
    let invite = home.invite(3);
    let Cluster { place, authority } = home;
    tokio::spawn(Office::open(authority).unwrap().keep(listener));
    let before = flood::descriptors("self");
    let Some(_flood) = flood::drip(address).await else {
        return;
    };
    for name in ["first", "second", "third"] {
        let directory = place.path().join(name);
        let name = name.parse().unwrap();
        let joining = join(&invite, &directory, &name);
        let identity = timeout(SOON, joining).await.unwrap().unwrap();
        let live = identity.live(clock()).unwrap();
        let list = Request::Revocations {
            known: 0,
            scheduler: None,
        };
        let asking = ask(&live, identity.addresses(), &list);
        timeout(SOON, asking).await.unwrap().unwrap();
        let (_renewing, request) = identity.renewal().unwrap();
        let asking = ask(&live, identity.addresses(), &request);
        timeout(SOON, asking).await.unwrap().unwrap();
    }
    let open = flood::descriptors("self") - before - flood::MANY;
    assert!(open < 1000, "{open} descriptors at the authority's side");
}
