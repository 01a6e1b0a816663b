//! What a running member shows and believes, shared by all its connections and replaced while they run.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};

use crate::certificate::Leaf;
use crate::key::Key;
use crate::revocation::BadList;
use crate::tls::{self, Clock, TlsError};
use crate::trust::{Trust, provider};
use job::MemberId;

/// A member's standing: its certificate and key, and its trust. Cheap to clone.
///
/// One writer, many readers for the length of a copied pointer: verifiers are called by rustls wherever
/// a handshake happens, so they cannot ask a task.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    clock: Clock,
    server: Arc<ServerConfig>,
    renewal: Arc<ClientConfig>,
    client: RwLock<Arc<ClientConfig>>,
}

/// What verifiers and certificate resolvers see.
pub(crate) struct Shared {
    trust: RwLock<Arc<Trust>>,
    certified: RwLock<Arc<CertifiedKey>>,
}

impl Shared {
    pub(crate) fn new(trust: Trust, certified: CertifiedKey) -> Arc<Self> {
        Arc::new(Self {
            trust: RwLock::new(Arc::new(trust)),
            certified: RwLock::new(Arc::new(certified)),
        })
    }

    pub(crate) fn trust(&self) -> Arc<Trust> {
        read(&self.trust)
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        read(&self.certified)
    }

    pub(crate) fn show(&self, certified: CertifiedKey) {
        write(&self.certified, Arc::new(certified));
    }

    pub(crate) fn believe(&self, trust: Trust) {
        write(&self.trust, Arc::new(trust));
    }
}

// A panic elsewhere cannot leave a pointer half written.
fn read<T>(lock: &RwLock<Arc<T>>) -> Arc<T> {
    Arc::clone(&lock.read().unwrap_or_else(PoisonError::into_inner))
}

fn write<T>(lock: &RwLock<Arc<T>>, new: Arc<T>) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = new;
}

/// Keys are not for logs.
impl fmt::Debug for Live {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    pub(crate) fn new(
        trust: Trust,
        chain: Vec<CertificateDer<'static>>,
        key: &Key,
        clock: Clock,
    ) -> Result<Self, TlsError> {
        let shared = Shared::new(trust, certified(chain, key)?);
        let client = tls::member_client(Arc::clone(&shared), Arc::clone(&clock))?;
        Ok(Self(Arc::new(Inner {
            server: tls::member_server(Arc::clone(&shared), Arc::clone(&clock))?.into(),
            renewal: tls::renewal_client(Arc::clone(&shared), Arc::clone(&clock))?.into(),
            client: RwLock::new(Arc::new(client)),
            shared,
            clock,
        })))
    }

    pub fn trust(&self) -> Arc<Trust> {
        self.0.shared.trust()
    }

    /// Who this host is; none for somebody who is no host's daemon or agent.
    pub fn member(&self) -> Option<MemberId> {
        let certified = self.0.shared.certified();
        let leaf = Leaf::read(certified.cert.first()?)?;
        leaf.named.subject.member().map(|(member, _)| member)
    }

    /// For those who connect here. It stays the same and shows each time the certificate of that moment.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.server)
    }

    /// For a connection to a member: to be asked for each, since sessions of the certificate before are
    /// not resumed.
    pub fn client(&self) -> Arc<ClientConfig> {
        read(&self.0.client)
    }

    /// For a connection to the authority.
    pub fn renewal_client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.renewal)
    }

    /// Forgets the sessions that could be resumed: when a resumed one was refused, by either side, a
    /// complete handshake says whether the peer is.
    pub fn forget_sessions(&self) -> Result<(), TlsError> {
        let shared = Arc::clone(&self.0.shared);
        let client = tls::member_client(shared, Arc::clone(&self.0.clock))?;
        write(&self.0.client, Arc::new(client));
        Ok(())
    }

    /// Shows and believes what a renewal brought.
    pub(crate) fn renew(
        &self,
        trust: Trust,
        chain: Vec<CertificateDer<'static>>,
        key: &Key,
    ) -> Result<(), TlsError> {
        let certified = certified(chain, key)?;
        let trust = trust.keeping_newer_list(&self.trust());
        self.0.shared.believe(trust);
        self.0.shared.show(certified);
        self.forget_sessions()
    }

    /// Takes a list of revoked members, from wherever it came. True if it is newer than the one in force:
    /// then ask each running connection [`crate::Peer::is_still_trusted`], and pass the list on.
    /// One task calls this; two at once could put the older list back.
    pub fn revoke(&self, list: &[u8], now: UnixTime) -> Result<bool, BadList> {
        match self.trust().with_list(list, now)? {
            Some(trust) => {
                self.0.shared.believe(trust);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

pub(crate) fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: &Key,
) -> Result<CertifiedKey, TlsError> {
    Ok(CertifiedKey::from_der(chain, key.der(), provider())?)
}
