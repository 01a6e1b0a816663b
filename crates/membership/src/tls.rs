//! rustls' configurations: TLS 1.3, ring, and verifiers that ask [`crate::trust`].
//!
//! Nothing is sent before the handshake is complete (no 0-RTT: it could be replayed). Sessions are
//! resumed between members only, with tickets that the server seals and does not remember; what a
//! ticket says is checked again by [`crate::Peer`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
};

use crate::certificate::Ca;
use crate::expect::Expect;
use crate::id::{ClusterId, Fingerprint};
use crate::invite::Invite;
use crate::join::RootData;
use crate::live::Shared;
use crate::trust::{Distrust, Trust, provider};
use crate::{ALPN, ALPN_AUTHORITY, ALPN_ICECREAM, ALPN_JOIN, RENEWAL_GRACE};

/// A configuration cannot be made: this program's fault, or the kernel gives no random numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(pub(crate) String);

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

const ONLY_TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// How many members' sessions a member keeps to resume.
const SESSIONS: usize = 1024;

/// What a configuration tells the time by.
pub(crate) type Clock = Arc<dyn TimeProvider>;

/// For members that connect to this member.
pub(crate) fn member_server(shared: Arc<Shared>, clock: Clock) -> Result<ServerConfig, TlsError> {
    let verifier = Arc::new(Verifier::new(Arc::clone(&shared), Duration::ZERO));
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider()), clock)
        .with_protocol_versions(ONLY_TLS13)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Shown(shared)));
    config.alpn_protocols = vec![ALPN.to_vec(), ALPN_ICECREAM.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(config)
}

/// For this member's connections to others.
pub(crate) fn member_client(shared: Arc<Shared>, clock: Clock) -> Result<ClientConfig, TlsError> {
    let mut config = client(shared, clock)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

/// For this member's connections to the authority.
pub(crate) fn renewal_client(shared: Arc<Shared>, clock: Clock) -> Result<ClientConfig, TlsError> {
    let mut config = client(shared, clock)?;
    config.alpn_protocols = vec![ALPN_AUTHORITY.to_vec()];
    Ok(config)
}

fn client(shared: Arc<Shared>, clock: Clock) -> Result<ClientConfig, TlsError> {
    let verifier = Arc::new(Verifier::new(Arc::clone(&shared), Duration::ZERO));
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider()), clock)
        .with_protocol_versions(ONLY_TLS13)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(Shown(shared)));
    quiet(&mut config);
    Ok(config)
}

/// At the authority, for members that renew.
pub(crate) fn renewal_server(shared: Arc<Shared>, clock: Clock) -> Result<ServerConfig, TlsError> {
    let verifier = Arc::new(Verifier::new(Arc::clone(&shared), RENEWAL_GRACE));
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider()), clock)
        .with_protocol_versions(ONLY_TLS13)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Shown(shared)));
    config.alpn_protocols = vec![ALPN_AUTHORITY.to_vec()];
    forgetful(&mut config);
    Ok(config)
}

/// At the authority, for hosts that join.
pub(crate) fn join_server(shared: Arc<Shared>, clock: Clock) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider()), clock)
        .with_protocol_versions(ONLY_TLS13)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(shared)));
    config.alpn_protocols = vec![ALPN_JOIN.to_vec()];
    forgetful(&mut config);
    Ok(config)
}

/// For a host that joins. The handshake fails unless the server is the authority with the invitation's
/// fingerprint; the secret may be said when it is complete. The server name is [`Expect::Authority`]'s.
pub fn join_client(invite: &Invite, clock: Clock) -> Result<ClientConfig, TlsError> {
    let verifier = Arc::new(JoinVerifier {
        cluster: invite.cluster,
        fingerprint: invite.fingerprint,
    });
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider()), clock)
        .with_protocol_versions(ONLY_TLS13)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    quiet(&mut config);
    config.alpn_protocols = vec![ALPN_JOIN.to_vec()];
    Ok(config)
}

fn quiet(config: &mut ClientConfig) {
    config.enable_sni = false;
    config.enable_early_data = false;
    config.resumption = Resumption::disabled();
}

fn forgetful(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}

/// This member's certificate as it is now.
struct Shown(Arc<Shared>);

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.certified())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The part that is the same whoever verifies whom: both of rustls' traits want it.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(no_tls12())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &provider().signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    };
}

/// Believes whom [`Trust`] believes at that moment.
struct Verifier {
    shared: Arc<Shared>,
    grace: Duration,
}

impl Verifier {
    fn new(shared: Arc<Shared>, grace: Duration) -> Self {
        Self { shared, grace }
    }

    fn check(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<crate::certificate::Leaf, Distrust> {
        let chain: Vec<_> = std::iter::once(first).chain(others).cloned().collect();
        self.shared.trust().check(&chain, now, self.grace)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Verifier")
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = self.check(first, others, now)?;
        // A caller that expects nobody in particular made a mistake, and is not connected.
        let expect = Expect::read(name).ok_or(Distrust::NoMember)?;
        expect.check(&leaf)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let leaf = self.check(first, others, now)?;
        leaf.named.subject.member().ok_or(Distrust::NoMember)?;
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

/// Believes the authority whose fingerprint is known, and only when it speaks itself: a member has a
/// certificate that leads to the same fingerprint, and would learn the secret.
#[derive(Debug)]
struct JoinVerifier {
    cluster: ClusterId,
    fingerprint: Fingerprint,
}

impl ServerCertVerifier for JoinVerifier {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_root = |der: &&CertificateDer<'_>| {
            Ca::read(der).is_some_and(|ca| ca.fingerprint == self.fingerprint && ca.signed(der))
        };
        let few = &others[..others.len().min(4)];
        let root = few.iter().find(is_root).ok_or(Distrust::NotTheAuthority)?;
        let root = RootData {
            certificate: root.to_vec(),
            until: None,
        };
        let trust = Trust::new(self.cluster, &[root]).ok_or(Distrust::Malformed)?;
        let chain: Vec<_> = std::iter::once(first).chain(others).cloned().collect();
        let leaf = trust.check(&chain, now, Duration::ZERO)?;
        Expect::Authority.check(&leaf)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

/// Not asked in TLS 1.3, and nothing else is spoken.
fn no_tls12() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)
}
