//! What the authority remembers, and how each act changes it. No file, no key.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};

use super::AuthorityError;
use crate::der::Der;
use crate::id::{ClusterId, Fingerprint, InviteId, Serial};
use crate::invite::{Invite, MOST_ADDRESSES, Secret};
use crate::join::{JoinRequest, Refusal};
use crate::key::CertificateRequest;
use crate::name::{Address, ClusterName, HostName};
use crate::peer::Peer;
use crate::role::Roles;
use crate::{BACKDATE, RENEWAL_GRACE, audit, time};
use job::MemberId;

pub(crate) const MOST_MEMBERS: usize = 20_000;
const MOST_INVITES: usize = 1_000;
/// How long a member that renews no more is listed.
const MEMORY: Duration = Duration::from_secs(180 * 24 * 3600);
/// How long an invitation that is used up or expired is told from one that never was.
const INVITE_MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) cluster: ClusterId,
    pub(super) name: ClusterName,
    pub(super) created: u64,
    /// Which key it is since the creation.
    pub(super) generation: u32,
    /// Its own certificate.
    pub(super) root: Der,
    pub(super) before: Option<Predecessor>,
    pub(super) addresses: Vec<Address>,
    /// Number of the list of revoked members.
    pub(super) epoch: u64,
    /// That list, signed.
    pub(super) revocations: Der,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) invites: BTreeMap<InviteId, Offer>,
    /// Number of the next line of the log.
    line: u64,
    /// Lines of the last change.
    pub(super) untold: Vec<String>,
}

/// The authority before the last rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Predecessor {
    pub(super) root: Der,
    /// The present authority's certificate, signed by that one.
    pub(super) cross: Der,
    pub(super) until: u64,
}

impl Predecessor {
    pub(super) fn new(root: &CertificateDer<'_>, cross: &CertificateDer<'_>, until: u64) -> Self {
        let (root, cross) = (Der(root.to_vec()), Der(cross.to_vec()));
        Self { root, cross, until }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) name: HostName,
    pub(super) roles: Roles,
    pub(super) joined: u64,
    pub(super) renewed: u64,
    pub(super) expires: u64,
    /// By which invitation, and with which key: a host whose answer was lost asks again with these.
    invite: Option<(InviteId, Der)>,
    /// Of the newest certificate, and of the one that asked for it: should the answer have been lost,
    /// that one asks again. All others are superseded.
    pub(super) serials: (Option<Serial>, Option<Serial>),
    pub(super) revoked: Option<u64>,
}

/// An invitation as the authority has it: it cannot be used by reading this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    tag: Der,
    roles: Roles,
    uses: u32,
    left: u32,
    expires: u64,
}

/// What to invite for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteOptions {
    pub roles: Roles,
    /// How many hosts may use it.
    pub uses: u32,
    pub lifetime: Duration,
    /// Where the authority is reached, instead of where it usually is.
    pub addresses: Vec<Address>,
}

impl State {
    pub(super) fn new(
        (cluster, name): (ClusterId, ClusterName),
        root: Vec<u8>,
        addresses: Vec<Address>,
        now: UnixTime,
    ) -> Self {
        Self {
            cluster,
            name,
            created: now.as_secs(),
            generation: 1,
            root: Der(root),
            before: None,
            addresses,
            epoch: 0,
            revocations: Der(Vec::new()),
            members: BTreeMap::new(),
            invites: BTreeMap::new(),
            line: 1,
            untold: Vec::new(),
        }
    }

    /// Adds a line to the log.
    pub(super) fn tell(&mut self, now: UnixTime, text: &str) {
        self.untold.push(audit::line(self.line, now, text));
        self.line += 1;
    }

    pub(super) fn predecessor(&self, now: UnixTime) -> Option<&Predecessor> {
        self.before
            .as_ref()
            .filter(|before| now.as_secs() < before.until)
    }

    pub(super) fn invite(
        &mut self,
        options: &InviteOptions,
        fingerprint: Fingerprint,
        by: Option<MemberId>,
        now: UnixTime,
    ) -> Result<Invite, AuthorityError> {
        let bad = |why: &str| Refusal::BadOptions(why.to_owned());
        let addresses = match options.addresses.as_slice() {
            [] => self.addresses.clone(),
            given => given.to_vec(),
        };
        if addresses.is_empty() || addresses.len() > MOST_ADDRESSES {
            return Err(bad("an invitation has one to four addresses of the authority").into());
        }
        if options.uses == 0 || options.lifetime.is_zero() {
            return Err(bad("an invitation has at least one use and lasts some time").into());
        }
        self.forget(now);
        if self.invites.len() >= MOST_INVITES {
            return Err(Refusal::Full.into());
        }
        let (id, secret) = (InviteId::random()?, Secret::random()?);
        let (roles, uses) = (options.roles, options.uses);
        let expires = time::after(now, options.lifetime);
        let tag = Der(secret.tag(self.cluster, id).to_vec());
        let left = uses;
        let offer = Offer {
            tag,
            roles,
            uses,
            left,
            expires,
        };
        self.invites.insert(id, offer);
        let until = time::stamp(expires);
        let mut line = format!("invited invite={id} roles={roles} uses={uses} until={until}");
        if let Some(by) = by {
            line.push_str(&format!(" by={by}"));
        }
        self.tell(now, &line);
        let cluster = self.cluster;
        Ok(Invite {
            cluster,
            fingerprint,
            id,
            secret,
            addresses,
        })
    }

    /// Whether the secret is this invitation's. An unknown invitation takes as long as a known one.
    pub(super) fn proves(&self, invite: InviteId, secret: &Secret) -> Result<&Offer, Refusal> {
        let offer = self.invites.get(&invite);
        let mut tag = [0; 32];
        if let Some(offer) = offer
            && let Ok(known) = offer.tag.0.as_slice().try_into()
        {
            tag = known;
        }
        let fits = secret.fits(self.cluster, invite, &tag);
        offer.filter(|_| fits).ok_or(Refusal::WrongInvite)
    }

    /// Uses the invitation once. A host that asks again with the same key becomes no second member.
    pub(super) fn redeem(
        &mut self,
        join: &JoinRequest,
        request: &CertificateRequest,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<MemberId, AuthorityError> {
        let offer = self.proves(join.invite, &join.secret)?;
        let proof = (join.invite, Der(request.key.0.to_vec()));
        let same = |member: &Member| member.invite.as_ref() == Some(&proof);
        if let Some((&id, member)) = self.members.iter().find(|(_, member)| same(member)) {
            if member.revoked.is_some() {
                return Err(Refusal::Revoked.into());
            }
            if member.renewed != member.joined {
                // Its certificate arrived, for it was renewed; who asks now has an old copy of the key.
                return Err(Refusal::Superseded.into());
            }
            self.tell(
                now,
                &format!("joined-again member={id} invite={}", join.invite),
            );
            return Ok(id);
        }
        if offer.expires <= now.as_secs() {
            return Err(Refusal::InviteExpired.into());
        }
        let Some(left) = offer.left.checked_sub(1) else {
            return Err(Refusal::InviteUsedUp.into());
        };
        let roles = offer.roles;
        let id = self.add(&join.name, roles, Some(proof), now)?;
        if let Some(offer) = self.invites.get_mut(&join.invite) {
            offer.left = left;
        }
        let (name, invite) = (&join.name, join.invite);
        let mut line = format!("joined member={id} name={name} roles={roles} invite={invite}");
        if let Some(address) = address {
            line.push_str(&format!(" address={address}"));
        }
        self.tell(now, &line);
        Ok(id)
    }

    pub(super) fn add(
        &mut self,
        name: &HostName,
        roles: Roles,
        invite: Option<(InviteId, Der)>,
        now: UnixTime,
    ) -> Result<MemberId, AuthorityError> {
        self.forget(now);
        if self.members.len() >= MOST_MEMBERS {
            return Err(Refusal::Full.into());
        }
        let id = crate::id::new_member()?;
        let member = Member {
            name: name.clone(),
            roles,
            joined: now.as_secs(),
            renewed: now.as_secs(),
            expires: now.as_secs(),
            invite,
            serials: (None, None),
            revoked: None,
        };
        self.members.insert(id, member);
        Ok(id)
    }

    pub(super) fn is_member(&self, id: MemberId) -> Result<&Member, Refusal> {
        let member = self.members.get(&id).ok_or(Refusal::UnknownMember)?;
        if member.revoked.is_some() {
            return Err(Refusal::Revoked);
        }
        Ok(member)
    }

    pub(super) fn may_renew(&self, peer: &Peer, now: UnixTime) -> Result<(), Refusal> {
        let member = self.is_member(peer.member)?;
        let (newest, before) = member.serials;
        if ![newest, before].contains(&Some(peer.serial)) {
            return Err(Refusal::Superseded);
        }
        if now.as_secs() > time::after(peer.expires, RENEWAL_GRACE) {
            return Err(Refusal::Lapsed);
        }
        Ok(())
    }

    /// Whether it was not revoked before.
    pub(super) fn revoke(
        &mut self,
        id: MemberId,
        by: Option<MemberId>,
        now: UnixTime,
    ) -> Result<bool, AuthorityError> {
        let missing = || AuthorityError::NoSuchMember(id.to_string());
        let member = self.members.get_mut(&id).ok_or_else(missing)?;
        if member.revoked.is_some() {
            return Ok(false);
        }
        member.revoked = Some(now.as_secs());
        let mut line = format!("revoked member={id} name={}", member.name);
        if let Some(by) = by {
            line.push_str(&format!(" by={by}"));
        }
        self.tell(now, &line);
        Ok(true)
    }

    /// Those whom a list made now has to name.
    pub(super) fn refused(&self, now: UnixTime) -> Vec<MemberId> {
        let ends = |member: &Member| member.expires.saturating_add(BACKDATE.as_secs());
        let named = self
            .members
            .iter()
            .filter(|(_, member)| member.revoked.is_some() && now.as_secs() <= ends(member));
        named.map(|(&id, _)| id).collect()
    }

    /// Everything that a new key changes; `before` was set by the caller.
    pub(super) fn rotated(&mut self, generation: u32, root: Vec<u8>, now: UnixTime) {
        self.generation = generation;
        self.root = Der(root);
        let until = match &self.before {
            Some(before) => {
                // Nobody can verify the old fingerprint after that.
                let last = before.until;
                for offer in self.invites.values_mut() {
                    offer.expires = offer.expires.min(last);
                }
                time::stamp(last)
            }
            None => {
                self.members.clear();
                self.invites.clear();
                "now".to_owned()
            }
        };
        self.tell(
            now,
            &format!("rotated generation={generation} old-until={until}"),
        );
    }

    /// Drops what nobody asks about any more.
    fn forget(&mut self, now: UnixTime) {
        let now = now.as_secs();
        let recent = |since: u64, span: Duration| now <= since.saturating_add(span.as_secs());
        self.members
            .retain(|_, member| recent(member.expires, MEMORY));
        self.invites
            .retain(|_, offer| recent(offer.expires, INVITE_MEMORY));
    }
}
