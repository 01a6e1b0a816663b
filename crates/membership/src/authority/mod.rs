//! The cluster's authority: its key, who its members are, and the log of what it did.
//!
//! | file | what |
//! |---|---|
//! | `state` | everything but the key; one file, so that it is as before a change or as after it |
//! | `ca-N.key` | the key of the N-th authority, written once, before the state that names it |
//! | `audit.log`, `audit.log.1`, … | one line for each act |
//! | `renewals.log`, `refusals.log`, … | the same for what members do by themselves, and for refusals |
//! | `lock` | held while something is changed |
//! | `serving` | held as long as a process answers members and hosts that join |
//!
//! Several processes may use the directory: each change takes the lock and reads what others changed.
//!
//! What a rotation promises. From the moment it returns, the old key exists no more; before that it
//! vouches for the new one until the end of the overlap. Until then members that know only the old
//! authority believe certificates of the new one, and renew as always, by which they learn it; what was
//! signed before stays believed, and so would be whatever a thief of the old key signs. Members that stay
//! away for longer than the overlap must join again. Without an overlap nobody is vouched for: all
//! members are refused at once, members and invitations are forgotten, and each host joins anew. That is
//! the answer to a stolen key.

mod error;
mod files;
mod issue;
mod members;
mod state;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};

pub use error::AuthorityError;
pub use members::{MemberRow, MemberState};
pub use state::InviteOptions;

use crate::audit::Refusals;
use crate::disk::{Directory, Lock};
use crate::id::{ClusterId, Fingerprint, InviteId};
use crate::invite::Invite;
use crate::join::{Issued, JoinRequest, RootData};
use crate::key::{CertificateRequest, Key};
use crate::name::{Address, ClusterName, HostName};
use crate::peer::Peer;
use crate::role::Roles;
use crate::trust::Trust;
use crate::{join::Refusal, mint, time};
use issue::Issuer;
use job::MemberId;
use state::{Predecessor, State};

const STATE: &str = "state";
const SERVING: &str = "serving";

/// The files of an authority, and what they said when they were last read.
#[derive(Debug)]
pub struct Authority {
    directory: Directory,
    /// The file that `state` was read from, open, so that another file is another number.
    file: File,
    state: State,
    key: Key,
    /// Whether the log is known to have all lines of `state`.
    is_audited: bool,
}

/// This process answers for the authority, as long as this is kept.
#[derive(Debug)]
pub struct Serving(#[expect(dead_code, reason = "dropping it releases the lock")] Lock);

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Of the new key.
    pub fingerprint: Fingerprint,
    /// When the old one is believed no more; none if it is not any more.
    pub until: Option<u64>,
}

impl Authority {
    /// Makes the authority of a new cluster. `addresses` is where hosts that join will reach it.
    pub fn create(
        path: &Path,
        name: ClusterName,
        addresses: Vec<Address>,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let directory = Directory::create(path)?;
        let lock = directory.lock()?;
        if directory.read(STATE, files::CAP)?.is_some() {
            let path = path.to_owned();
            return Err(AuthorityError::Exists { path });
        }
        let cluster = ClusterId::random()?;
        let key = Key::generate()?;
        let root = mint::root(cluster, 1, &key, now)?;
        let mut state = State::new((cluster, name), root.to_vec(), addresses, now);
        let line = format!("created cluster={cluster} name={}", state.name);
        state.tell(now, &line);
        directory.replace(&lock, &files::key_name(1), key.pkcs8())?;
        directory.replace(&lock, STATE, &files::sealed(&state)?)?;
        drop(lock);
        let mut authority = Self::open(path)?;
        authority.settle()?;
        Ok(authority)
    }

    /// Whether there is an authority in the directory.
    pub fn exists(path: &Path) -> bool {
        path.join(STATE).exists()
    }

    pub fn open(path: &Path) -> Result<Self, AuthorityError> {
        if !path.exists() {
            let path = path.to_owned();
            return Err(AuthorityError::Missing { path });
        }
        let directory = Directory::open(path)?;
        let (file, state, key) = files::read(&directory)?;
        Ok(Self {
            directory,
            file,
            state,
            key,
            is_audited: false,
        })
    }

    /// Tells other processes that this one answers members and hosts that join.
    pub fn serve(&self) -> Result<Serving, AuthorityError> {
        Ok(Serving(self.directory.occupy(SERVING)?))
    }

    /// Whether any process does: without one, nobody hears of what changes here.
    pub fn is_served(&self) -> Result<bool, AuthorityError> {
        Ok(self.directory.is_occupied(SERVING)?)
    }

    pub fn cluster(&self) -> ClusterId {
        self.state.cluster
    }

    pub fn name(&self) -> &ClusterName {
        &self.state.name
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.issuer().root.fingerprint
    }

    pub fn addresses(&self) -> &[Address] {
        &self.state.addresses
    }

    /// Where hosts that join, and members that renew, reach the authority from now on.
    pub fn set_addresses(
        &mut self,
        addresses: Vec<Address>,
        now: UnixTime,
    ) -> Result<(), AuthorityError> {
        self.change(|state, _| {
            let listed: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            state.tell(now, &format!("moved addresses={}", listed.join(",")));
            state.addresses = addresses;
            Ok(())
        })
    }

    /// `by` is the member that asked for it; none for this host's administrator.
    pub fn invite(
        &mut self,
        options: &InviteOptions,
        by: Option<MemberId>,
        now: UnixTime,
    ) -> Result<Invite, AuthorityError> {
        let fingerprint = |issuer: &Issuer<'_>| issuer.root.fingerprint;
        self.change(|state, issuer| state.invite(options, fingerprint(issuer), by, now))
    }

    /// Admits a host without an invitation: the authority's own.
    pub fn admit(
        &mut self,
        name: &HostName,
        roles: Roles,
        (csr, agent_csr): (&[u8], &[u8]),
        now: UnixTime,
    ) -> Result<Issued, AuthorityError> {
        let requests = requests(csr, agent_csr)?;
        self.change(|state, issuer| {
            let member = state.add(name, roles, None, now)?;
            state.tell(
                now,
                &format!("admitted member={member} name={name} roles={roles}"),
            );
            issue::issue(state, issuer, member, &requests, None, now)
        })
    }

    pub(crate) fn join(
        &mut self,
        join: &JoinRequest,
        address: Option<std::net::IpAddr>,
        now: UnixTime,
    ) -> Result<Issued, AuthorityError> {
        // First without the lock: strangers who guess do not keep members waiting.
        self.refresh()?;
        self.state.proves(join.invite, &join.secret)?;
        let requests = requests(&join.csr, &join.agent_csr)?;
        self.change(|state, issuer| {
            let member = state.redeem(join, &requests.0, address, now)?;
            issue::issue(state, issuer, member, &requests, None, now)
        })
    }

    /// Whether [`Self::renew`] would, as far as is known now.
    pub(crate) fn may_renew(&mut self, peer: &Peer, now: UnixTime) -> Result<(), AuthorityError> {
        self.refresh()?;
        Ok(self.state.may_renew(peer, now)?)
    }

    pub(crate) fn renew(
        &mut self,
        peer: &Peer,
        csr: &[u8],
        agent_csr: &[u8],
        now: UnixTime,
    ) -> Result<Issued, AuthorityError> {
        self.is_member(peer)?;
        let requests = requests(csr, agent_csr)?;
        self.change(|state, issuer| {
            state.may_renew(peer, now)?;
            let (member, name) = (peer.member, &peer.name);
            state.tell(now, &format!("renewed member={member} name={name}"));
            issue::issue(state, issuer, member, &requests, Some(peer.serial), now)
        })
    }

    /// Refuses a member from now on; nothing if it was revoked before.
    pub fn revoke(
        &mut self,
        member: MemberId,
        by: Option<MemberId>,
        now: UnixTime,
    ) -> Result<(), AuthorityError> {
        self.change(|state, issuer| {
            if state.revoke(member, by, now)? {
                issue::sign_list(state, issuer, now);
            }
            Ok(())
        })
    }

    /// Replaces the key; see above for what that means.
    pub fn rotate(&mut self, overlap: Duration, now: UnixTime) -> Result<Rotation, AuthorityError> {
        let key = Key::generate()?;
        let kept = key.clone();
        let rotation = self.change_with(Some(key), |state, old| {
            let key = &kept;
            if let Some(until) = state.predecessor(now).map(|before| before.until)
                && !overlap.is_zero()
            {
                return Err(AuthorityError::Overlapping { until });
            }
            let generation = state.generation + 1;
            let root = mint::root(state.cluster, generation, key, now)?;
            let until = (!overlap.is_zero()).then(|| time::after(now, overlap));
            state.before = match until {
                None => None,
                Some(until) => {
                    let new = (generation, key);
                    let cross = mint::cross(state.cluster, new, (&old.der, old.key), now, until)?;
                    Some(Predecessor::new(&old.der, &cross, until))
                }
            };
            state.rotated(generation, root.to_vec(), now);
            let issuer = Issuer::of(state, key).ok_or_else(|| odd("the new certificate"))?;
            issue::sign_list(state, &issuer, now);
            let fingerprint = issuer.root.fingerprint;
            Ok(Rotation { fingerprint, until })
        })?;
        Ok(rotation)
    }

    pub fn members(&mut self, now: UnixTime) -> Result<Vec<MemberRow>, AuthorityError> {
        self.refresh()?;
        Ok(members::rows(&self.state, now))
    }

    /// The newest list of revoked members with its number; none if there never was one.
    pub fn revocations(&mut self) -> Result<Option<(u64, Vec<u8>)>, AuthorityError> {
        self.refresh()?;
        let list = &self.state.revocations.0;
        Ok((!list.is_empty()).then(|| (self.state.epoch, list.clone())))
    }

    /// Whether the peer is one and was not revoked, by the records.
    pub(crate) fn is_member(&mut self, peer: &Peer) -> Result<(), AuthorityError> {
        self.refresh()?;
        self.state.is_member(peer.member)?;
        Ok(())
    }

    pub(crate) fn knows(&self, invite: InviteId) -> bool {
        self.state.invites.contains_key(&invite)
    }

    pub(crate) fn note(
        &self,
        refusals: &mut Refusals,
        text: &str,
        now: UnixTime,
    ) -> Result<(), AuthorityError> {
        Ok(refusals.note(&self.directory, now, text)?)
    }

    /// What members believe. Without the list of revoked ones: the records know better, and say why.
    pub(crate) fn trust(&mut self, now: UnixTime) -> Result<Trust, AuthorityError> {
        self.refresh()?;
        let roots = self.state.roots(now);
        Trust::new(self.state.cluster, &roots).ok_or_else(|| odd("the authority's certificate"))
    }

    /// A key and certificates with which the authority itself answers, for a day.
    pub(crate) fn voice(
        &mut self,
        now: UnixTime,
    ) -> Result<(Key, Vec<CertificateDer<'static>>), AuthorityError> {
        self.refresh()?;
        let key = Key::generate()?;
        let chain = issue::voice(&self.state, &self.issuer(), &key, now)?;
        Ok((key, chain))
    }

    fn issuer(&self) -> Issuer<'_> {
        match Issuer::of(&self.state, &self.key) {
            Some(issuer) => issuer,
            None => unreachable!("the certificate was read when the state was"),
        }
    }
}

fn requests(
    csr: &[u8],
    agent_csr: &[u8],
) -> Result<(CertificateRequest, CertificateRequest), AuthorityError> {
    let read = |csr: &[u8]| CertificateRequest::read(csr).ok_or(Refusal::BadRequest);
    let (host, agent) = (read(csr)?, read(agent_csr)?);
    if host.key == agent.key {
        // The agents' key is handed out, the host's never.
        return Err(Refusal::BadRequest.into());
    }
    Ok((host, agent))
}

fn odd(what: &str) -> AuthorityError {
    AuthorityError::Failed(format!("{what} cannot be read back"))
}

impl State {
    fn roots(&self, now: UnixTime) -> Vec<RootData> {
        let newest = RootData {
            certificate: self.root.0.clone(),
            until: None,
        };
        let old = self.predecessor(now).map(|before| RootData {
            certificate: before.root.0.clone(),
            until: Some(before.until),
        });
        std::iter::once(newest).chain(old).collect()
    }
}

#[cfg(test)]
impl Authority {
    pub(crate) fn path_of_state(&self) -> std::path::PathBuf {
        self.directory.path().join(STATE)
    }
}
