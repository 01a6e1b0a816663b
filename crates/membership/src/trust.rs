//! Whom a member believes: the cluster's authority, without those that it revoked.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};

use crate::certificate::{Ca, Leaf};
use crate::id::{ClusterId, Fingerprint};
use crate::revocation::{BadList, RevocationList};
use crate::role::Roles;
use crate::{join::RootData, time};
use job::{MemberId, Role};

/// Leaf, an heir's certificate, and two roots that only a joiner needs.
const LONGEST_CHAIN: usize = 4;
/// An authority and its predecessor.
pub(crate) const MOST_ROOTS: usize = 2;

/// Why a peer is refused. It is the peer's fault, save where it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error(
        "it showed no certificate: it is no member of this cluster, or speaks another protocol"
    )]
    NoCertificate,
    #[error("its certificate is none of a floe cluster")]
    Malformed,
    #[error("it belongs to another cluster ({0})")]
    OtherCluster(ClusterId),
    #[error(
        "its certificate was not signed by this cluster's authority; if its key was rotated long ago, `floe join` again"
    )]
    UnknownAuthority,
    /// Ours, if this host's clock is ahead.
    #[error("its certificate ended at {end}; either it did not reach the authority since, or this host's clock ({now}) is wrong", end = time::stamp(*.end), now = time::stamp(*.now))]
    Expired { end: u64, now: u64 },
    /// Ours, if this host's clock is behind.
    #[error("its certificate begins at {begin}, later than this host's clock ({now}): set one of the clocks", begin = time::stamp(*.begin), now = time::stamp(*.now))]
    NotYet { begin: u64, now: u64 },
    #[error("member {0} was revoked")]
    Revoked(MemberId),
    #[error("its roles are {has}, and {needs} is needed")]
    Role { has: Roles, needs: Role },
    #[error("it is member {found}, and {expected} was expected")]
    OtherMember { expected: MemberId, found: MemberId },
    #[error(
        "it is not the cluster's authority; somebody may be listening between: nothing was told to it"
    )]
    NotTheAuthority,
    #[error(
        "it has no certificate that may be used here: the authority's and the agents' serve one purpose"
    )]
    NoMember,
    #[error("another protocol was agreed on than the expected one")]
    OtherProtocol,
}

impl Distrust {
    /// What a failed handshake says, when it failed for such a cause on this side. What the other side
    /// found is only an alert (`certificate_expired`, `unknown_ca`, `certificate_unknown`); a member that
    /// is refused by others learns the cause from the authority, which answers in words.
    pub fn of(error: &Error) -> Option<Self> {
        let Error::InvalidCertificate(error) = error else {
            return matches!(error, Error::NoCertificatesPresented).then_some(Self::NoCertificate);
        };
        Some(match error {
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                end: not_after.as_secs(),
                now: time.as_secs(),
            },
            CertificateError::NotValidYetContext { time, not_before } => Self::NotYet {
                begin: not_before.as_secs(),
                now: time.as_secs(),
            },
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Other(other) => match other.0.downcast_ref::<Carried>() {
                Some(Carried(cause)) => cause.clone(),
                None => Self::Malformed,
            },
            _ => Self::Malformed,
        })
    }
}

/// A cause for which TLS has no words, within rustls' error.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Carried(Distrust);

impl From<Distrust> for Error {
    fn from(cause: Distrust) -> Self {
        Self::InvalidCertificate(match cause {
            Distrust::NoCertificate => return Self::NoCertificatesPresented,
            Distrust::UnknownAuthority => CertificateError::UnknownIssuer,
            Distrust::Expired { end, now } => CertificateError::ExpiredContext {
                time: time::at(now),
                not_after: time::at(end),
            },
            Distrust::NotYet { begin, now } => CertificateError::NotValidYetContext {
                time: time::at(now),
                not_before: time::at(begin),
            },
            other => CertificateError::Other(rustls::OtherError(Arc::new(Carried(other)))),
        })
    }
}

#[derive(Clone, Debug)]
struct Root {
    ca: Ca,
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    until: Option<u64>,
}

/// What a member knows about its cluster. It does not change; [`crate::Live`] replaces it.
#[derive(Clone, Debug)]
pub struct Trust {
    cluster: ClusterId,
    roots: Vec<Root>,
    revoked: RevocationList,
}

impl Trust {
    /// None when what should be an authority's certificate is none, or there is none or too many.
    pub(crate) fn new(cluster: ClusterId, roots: &[RootData]) -> Option<Self> {
        if roots.is_empty() || roots.len() > MOST_ROOTS {
            return None;
        }
        let read = |root: &RootData| {
            let der = CertificateDer::from(root.certificate.clone());
            let mut store = RootCertStore::empty();
            store.add(der.clone()).ok()?;
            Some(Root {
                ca: Ca::read(&der)?,
                der,
                anchor: store.roots.pop()?,
                until: root.until,
            })
        };
        let roots = roots.iter().map(read).collect::<Option<_>>()?;
        let revoked = RevocationList::default();
        Some(Self {
            cluster,
            roots,
            revoked,
        })
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    pub fn revoked(&self) -> &RevocationList {
        &self.revoked
    }

    pub fn fingerprints(&self, now: UnixTime) -> impl Iterator<Item = Fingerprint> {
        self.roots(now.as_secs()).map(|root| root.ca.fingerprint)
    }

    pub(crate) fn root_data(&self, now: UnixTime) -> Vec<RootData> {
        let data = |root: &Root| RootData {
            certificate: root.der.to_vec(),
            until: root.until,
        };
        self.roots(now.as_secs()).map(data).collect()
    }

    /// The trust with a list that the authority signed; none if that is no newer.
    pub(crate) fn with_list(&self, bytes: &[u8], now: UnixTime) -> Result<Option<Self>, BadList> {
        let now = now.as_secs();
        let roots = self.roots(now).map(|root| &root.ca);
        let list = RevocationList::open(bytes, self.cluster, roots, now)?;
        if list.number() <= self.revoked.number() {
            return Ok(None);
        }
        let revoked = list;
        Ok(Some(Self {
            revoked,
            ..self.clone()
        }))
    }

    /// With the list of `other` if that is newer; it was believed when it came.
    pub(crate) fn keeping_newer_list(mut self, other: &Self) -> Self {
        if other.revoked.number() > self.revoked.number() {
            self.revoked = other.revoked.clone();
        }
        self
    }

    fn roots(&self, now: u64) -> impl Iterator<Item = &Root> {
        let valid = move |root: &&Root| root.until.is_none_or(|until| now < until);
        self.roots.iter().filter(valid)
    }

    /// Reads the leaf of a chain that leads to the authority, of somebody who is not revoked. `grace`
    /// is how long ago the certificate may have ended.
    pub(crate) fn check(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
        grace: Duration,
    ) -> Result<Leaf, Distrust> {
        let (first, others) = chain.split_first().ok_or(Distrust::NoCertificate)?;
        if chain.len() > LONGEST_CHAIN {
            return Err(Distrust::Malformed);
        }
        let leaf = Leaf::read(first).ok_or(Distrust::Malformed)?;
        if leaf.named.cluster != self.cluster {
            return Err(Distrust::OtherCluster(leaf.named.cluster));
        }
        let seconds = now.as_secs();
        // First who signed it, at a time when it was valid: what an unknown hand says of times or of
        // a member means nothing.
        let then = seconds.clamp(leaf.not_before, leaf.not_after.max(leaf.not_before));
        let parsed = ParsedCertificate::try_from(first).map_err(|_| Distrust::Malformed)?;
        let store = RootCertStore {
            roots: self
                .roots(seconds)
                .map(|root| root.anchor.clone())
                .collect(),
        };
        let algorithms = provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &store,
            others,
            time::at(then),
            algorithms,
        )
        .map_err(|_| Distrust::UnknownAuthority)?;
        if seconds < leaf.not_before {
            let begin = leaf.not_before;
            return Err(Distrust::NotYet {
                begin,
                now: seconds,
            });
        }
        if seconds > leaf.not_after.saturating_add(grace.as_secs()) {
            let end = leaf.not_after;
            return Err(Distrust::Expired { end, now: seconds });
        }
        if let Some((member, _)) = leaf.named.subject.member() {
            self.admits(member)?;
        }
        Ok(leaf)
    }

    pub(crate) fn admits(&self, member: MemberId) -> Result<(), Distrust> {
        if self.revoked.contains(member) {
            Err(Distrust::Revoked(member))
        } else {
            Ok(())
        }
    }
}

/// ring's, made once.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider()))
}
