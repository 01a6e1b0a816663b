//! What a member keeps: its keys and certificates, whom it believes, and where the authority is.
//!
//! | file | what |
//! |---|---|
//! | `identity` | all of it, keys included; one file, so that key and certificate always fit |
//! | `revoked` | the newest list of revoked members |
//! | `schedulers` | where the cluster's schedulers were when the authority was last asked |
//! | `fallen` | that the authority takes it for a member no more, and why |
//! | `joining` | the keys of a join that was asked for and not yet answered: asked again with the same keys, it uses the invitation once |

mod agent;
mod error;
mod fallen;
mod joining;
mod schedulers;

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use serde::{Deserialize, Serialize};

pub use agent::AgentCredentials;
pub use error::IdentityError;
pub use fallen::Fallen;
pub use joining::Joining;

use crate::certificate::Leaf;
use crate::der::Der;
use crate::disk::Directory;
use crate::id::{ClusterId, Fingerprint};
use crate::join::{Issued, LONGEST_CERTIFICATE, Request, RootData};
use crate::key::{Key, NoEntropy, NoKey};
use crate::live::Live;
use crate::name::{Address, ClusterName, HostName};
use crate::revocation::RevocationList;
use crate::role::Roles;
use crate::sign::Signer;
use crate::subject::Subject;
use crate::trust::Trust;
use crate::{BACKDATE, RENEWAL_GRACE, sealed, time};
use job::MemberId;

const FILE: &str = "identity";
const REVOKED: &str = "revoked";
const JOINING: &str = "joining";
const KIND: &str = "floe-identity";
const CAP: u64 = 256 * 1024;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    cluster: ClusterId,
    cluster_name: ClusterName,
    key: Der,
    chain: Vec<Der>,
    agent_key: Der,
    agent_chain: Vec<Der>,
    roots: Vec<RootData>,
    addresses: Vec<Address>,
}

/// A member of a cluster, as its files say.
#[derive(Debug)]
pub struct Identity {
    directory: Directory,
    stored: Stored,
    keys: Keys,
    leaf: Leaf,
    member: MemberId,
    roles: Roles,
    trust: Trust,
}

/// Both of a member's keys.
#[derive(Clone, Debug)]
struct Keys {
    host: Key,
    agent: Key,
}

/// When to ask the authority for new certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    NotBefore(UnixTime),
    Due,
    /// The certificate ended, and others refuse this host; the authority still renews it.
    Overdue,
    /// Too late: only a new invitation helps.
    Lapsed,
}

/// A renewal that is under way. Nothing of it is kept: the old certificate asks again.
#[derive(Debug)]
pub struct Renewing {
    keys: Keys,
}

impl Keys {
    fn generate() -> Result<Self, NoEntropy> {
        let (host, agent) = (Key::generate()?, Key::generate()?);
        Ok(Self { host, agent })
    }

    fn read(host: &Der, agent: &Der) -> Result<Self, NoKey> {
        let (host, agent) = (Key::from_pkcs8(&host.0)?, Key::from_pkcs8(&agent.0)?);
        Ok(Self { host, agent })
    }
}

impl Identity {
    /// Makes the authority's own host a member: `admit` gets the requests for both keys.
    pub fn create<E: From<IdentityError>>(
        path: &Path,
        now: UnixTime,
        admit: impl FnOnce(&[u8], &[u8]) -> Result<Issued, E>,
    ) -> Result<Self, E> {
        let directory = vacant(path)?;
        let keys = Keys::generate().map_err(IdentityError::from)?;
        let (host, agent) = (keys.host.request(), keys.agent.request());
        let host = host.map_err(IdentityError::from)?;
        let issued = admit(&host, &agent.map_err(IdentityError::from)?)?;
        Ok(store(directory, &keys, &issued, None, now)?)
    }

    pub fn exists(path: &Path) -> bool {
        path.join(FILE).exists()
    }

    /// Makes the files another account's, for a service that root starts and that goes on as that.
    pub fn give_to(path: &Path, user: u32, group: u32) -> Result<(), IdentityError> {
        Ok(Directory::open(path)?.give_to(user, group)?)
    }

    pub fn open(path: &Path, now: UnixTime) -> Result<Self, IdentityError> {
        if !Self::exists(path) {
            return Err(IdentityError::Missing);
        }
        let directory = Directory::open(path)?;
        let file = directory.read(FILE, CAP)?.ok_or(IdentityError::Missing)?;
        let damaged = |why: String| IdentityError::Damaged {
            path: path.join(FILE),
            why,
        };
        let stored: Stored =
            sealed::open(KIND, &file).map_err(|error| damaged(error.to_string()))?;
        let list = directory.read(REVOKED, RevocationList::CAP)?;
        let opened = Self::of(directory, stored).map_err(|why| damaged(why.to_owned()))?;
        Ok(opened.with_list(list, now))
    }

    /// What is in a file or an answer, if key, certificate and roots fit.
    fn of(directory: Directory, stored: Stored) -> Result<Self, &'static str> {
        let keys = Keys::read(&stored.key, &stored.agent_key).map_err(|_| "a key is none")?;
        let first = stored.chain.first().ok_or("there is no certificate")?;
        let leaf = Leaf::read(&first.0.as_slice().into()).ok_or("its certificate is none")?;
        if leaf.key != keys.host.public() || leaf.named.cluster != stored.cluster {
            return Err("its certificate is for another key");
        }
        let Subject::Member { id, roles } = leaf.named.subject else {
            return Err("its certificate is no member's");
        };
        if let Some(first) = stored.agent_chain.first() {
            let agent =
                Leaf::read(&first.0.as_slice().into()).ok_or("the agents' certificate is none")?;
            let is_ours = agent.named.subject == Subject::Agent { id };
            if agent.key != keys.agent.public() || !is_ours {
                return Err("the agents' certificate is for another key");
            }
        }
        let trust =
            Trust::new(stored.cluster, &stored.roots).ok_or("there is no authority in it")?;
        Ok(Self {
            directory,
            stored,
            keys,
            leaf,
            member: id,
            roles,
            trust,
        })
    }

    /// A list that is not believed is as good as none: the authority sends it again.
    fn with_list(mut self, list: Option<Vec<u8>>, now: UnixTime) -> Self {
        if let Some(list) = list
            && let Ok(Some(trust)) = self.trust.with_list(&list, now)
        {
            self.trust = trust;
        }
        self
    }

    pub fn member(&self) -> MemberId {
        self.member
    }

    pub fn roles(&self) -> Roles {
        self.roles
    }

    pub fn name(&self) -> &HostName {
        &self.leaf.name
    }

    pub fn cluster(&self) -> ClusterId {
        self.stored.cluster
    }

    pub fn cluster_name(&self) -> &ClusterName {
        &self.stored.cluster_name
    }

    /// Where the authority is reached.
    pub fn addresses(&self) -> &[Address] {
        &self.stored.addresses
    }

    pub fn expires(&self) -> UnixTime {
        time::at(self.leaf.not_after)
    }

    pub fn fingerprints(&self, now: UnixTime) -> Vec<Fingerprint> {
        self.trust.fingerprints(now).collect()
    }

    /// A clock that is before the certificate's beginning says nothing about its age: that renewal is due
    /// then too, since the answer tells who is wrong.
    pub fn needs_renewal(&self, now: UnixTime) -> Renewal {
        let (begin, end) = (self.leaf.not_before, self.leaf.not_after);
        let issued = begin.saturating_add(BACKDATE.as_secs());
        let half = issued + end.saturating_sub(issued) / 2;
        let now = now.as_secs();
        if now > time::after(time::at(end), RENEWAL_GRACE) {
            Renewal::Lapsed
        } else if now > end {
            Renewal::Overdue
        } else if now >= half || now < begin {
            Renewal::Due
        } else {
            Renewal::NotBefore(time::at(half))
        }
    }

    pub fn renewal(&self) -> Result<(Renewing, Request), IdentityError> {
        let keys = Keys::generate()?;
        let request = Request::Renew {
            csr: keys.host.request()?,
            agent_csr: keys.agent.request()?,
        };
        Ok((Renewing { keys }, request))
    }

    /// Checks and stores what the authority answered, and shows it to running connections from now on.
    pub fn renewed(
        &mut self,
        renewing: &Renewing,
        issued: &Issued,
        live: &Live,
        now: UnixTime,
    ) -> Result<(), IdentityError> {
        if issued.cluster != self.stored.cluster {
            return Err(IdentityError::Answer("it is another cluster's"));
        }
        let directory = Directory::open(self.directory.path())?;
        let new = store(directory, &renewing.keys, issued, None, now)?;
        if new.member != self.member {
            return Err(IdentityError::Answer("it is another member's"));
        }
        live.renew(new.trust.clone(), new.chain(), &new.keys.host)?;
        *self = new;
        Ok(())
    }

    /// Stores a list that [`Live::revoke`] said is newer.
    pub fn keep_revocations(&mut self, live: &Live) -> Result<(), IdentityError> {
        let trust = live.trust();
        let lock = self.directory.lock()?;
        self.directory
            .replace(&lock, REVOKED, trust.revoked().bytes())?;
        self.trust = Trust::clone(&trust);
        Ok(())
    }

    /// What this member shows and believes, for its connections.
    pub fn live(&self, clock: Arc<dyn TimeProvider>) -> Result<Live, IdentityError> {
        Ok(Live::new(
            self.trust.clone(),
            self.chain(),
            &self.keys.host,
            clock,
        )?)
    }

    pub fn signer(&self) -> Signer {
        Signer {
            cluster: self.stored.cluster,
            key: self.keys.host.clone(),
            chain: self.chain(),
        }
    }

    /// None if this host may not submit.
    pub fn agent(&self, now: UnixTime) -> Option<AgentCredentials> {
        let chain = ders(&self.stored.agent_chain);
        (!chain.is_empty()).then(|| AgentCredentials {
            cluster: self.stored.cluster,
            key: self.keys.agent.pkcs8().to_vec(),
            chain,
            roots: self.trust.root_data(now),
            revocations: self.trust.revoked().bytes().to_vec(),
        })
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        ders(&self.stored.chain)
    }
}

/// Checks an answer against the keys that were asked with, and keeps it.
fn store(
    directory: Directory,
    keys: &Keys,
    issued: &Issued,
    wanted: Option<Fingerprint>,
    now: UnixTime,
) -> Result<Identity, IdentityError> {
    let bounded = |chain: &[CertificateDer<'_>]| {
        chain.len() <= 3 && chain.iter().all(|der| der.len() <= LONGEST_CERTIFICATE)
    };
    let few = issued.addresses.len() <= 16 && issued.roots.len() <= crate::trust::MOST_ROOTS;
    if !bounded(&issued.chain) || !bounded(&issued.agent_chain) || !few {
        return Err(IdentityError::Answer("it is too long"));
    }
    let stored = Stored {
        cluster: issued.cluster,
        cluster_name: issued.cluster_name.clone(),
        key: Der(keys.host.pkcs8().to_vec()),
        chain: issued.chain.iter().map(|der| Der(der.to_vec())).collect(),
        agent_key: Der(keys.agent.pkcs8().to_vec()),
        agent_chain: issued
            .agent_chain
            .iter()
            .map(|der| Der(der.to_vec()))
            .collect(),
        roots: issued.roots.clone(),
        addresses: issued.addresses.clone(),
    };
    let list = directory.read(REVOKED, RevocationList::CAP)?;
    let identity = Identity::of(directory, stored).map_err(IdentityError::Answer)?;
    let mut identity = identity.with_list(list, now);
    identity
        .trust
        .check(&issued.chain, now, std::time::Duration::ZERO)?;
    if let Some(wanted) = wanted
        && !identity
            .trust
            .fingerprints(now)
            .any(|known| known == wanted)
    {
        return Err(IdentityError::Answer(
            "its authority is not the invitation's",
        ));
    }
    let sealed = sealed::seal(KIND, &identity.stored);
    let sealed = sealed.map_err(|error| IdentityError::Failed(error.to_string()))?;
    let lock = identity.directory.lock()?;
    if !issued.revocations.is_empty() {
        let taken = identity.trust.with_list(&issued.revocations, now);
        let taken =
            taken.map_err(|_| IdentityError::Answer("its list of revoked members is forged"))?;
        if let Some(trust) = taken {
            identity
                .directory
                .replace(&lock, REVOKED, trust.revoked().bytes())?;
            identity.trust = trust;
        }
    }
    identity.directory.replace(&lock, FILE, &sealed)?;
    identity.directory.remove(&lock, JOINING)?;
    drop(lock);
    Ok(identity)
}

/// A directory in which no member is.
fn vacant(path: &Path) -> Result<Directory, IdentityError> {
    let directory = Directory::create(path)?;
    if directory.open_file(FILE, CAP)?.is_some() {
        let member = Identity::open(path, time::at(0))?;
        return Err(IdentityError::Member(member.stored.cluster_name));
    }
    Ok(directory)
}

fn ders(chain: &[Der]) -> Vec<CertificateDer<'static>> {
    chain.iter().map(|der| der.0.clone().into()).collect()
}
