//! What hosts ask of the authority, and its answers: the seam for whoever carries the bytes.
//!
//! [`JoinService::handle`] blocks on the disk. It does not ask who may ask: the caller hands in the
//! [`Peer`] that [`Peer::at_authority`] found, or none when the connection is one for joining.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};

use crate::audit::Refusals;
use crate::authority::{Authority, AuthorityError, InviteOptions, MemberRow};
use crate::der::Der;
use crate::id::{ClusterId, InviteId};
use crate::invite::{Invite, Secret};
use crate::name::{Address, ClusterName, HostName};
use crate::peer::Peer;
use crate::schedulers::{Presence, Register, SchedulerAt};
use crate::tries::{Guesses, Renewals};
use job::{MemberId, Role};

/// The longest request or answer, but for the list of revoked members.
pub(crate) const LONGEST_CERTIFICATE: usize = 4096;
/// What a host asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// On [`crate::ALPN_JOIN`].
    Join(JoinRequest),
    /// All others on [`crate::ALPN_AUTHORITY`]. A new key each time; both are requests in PKCS #10.
    Renew {
        csr: Vec<u8>,
        agent_csr: Vec<u8>,
    },
    /// The list of revoked members, if its number is higher than the one known.
    Revocations {
        known: u64,
        /// Of a scheduler: others are to know where it is.
        scheduler: Option<Presence>,
    },
    /// By a member with the role `admin`, as the others below.
    Invite(InviteOptions),
    Revoke {
        member: MemberId,
    },
    Members,
}

#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub invite: InviteId,
    pub secret: Secret,
    pub name: HostName,
    /// The daemon's key.
    pub csr: Vec<u8>,
    /// The key for the agents of the host's users.
    pub agent_csr: Vec<u8>,
}

/// What the authority answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Issued(Box<Issued>),
    Revocations {
        /// None when there is no newer list.
        newer: Option<(u64, Vec<u8>)>,
        /// Those that were heard lately.
        schedulers: Vec<SchedulerAt>,
    },
    Invited(Box<Invite>),
    Revoked,
    Members(Vec<MemberRow>),
    Refused(Refusal),
}

/// Certificates for a member, and what else it has to know.
#[derive(Clone, Debug)]
pub struct Issued {
    pub cluster: ClusterId,
    pub cluster_name: ClusterName,
    /// The daemon's certificate and those that lead from it to a root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The agents'; empty if the member may not submit.
    pub agent_chain: Vec<CertificateDer<'static>>,
    pub roots: Vec<RootData>,
    /// Signed; empty if nobody ever was revoked.
    pub revocations: Vec<u8>,
    /// Where the authority is reached.
    pub addresses: Vec<Address>,
}

/// A certificate to believe, and until when.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootData {
    #[serde(with = "as_der")]
    pub certificate: Vec<u8>,
    pub until: Option<u64>,
}

impl fmt::Debug for RootData {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "RootData({} bytes, until {:?})",
            self.certificate.len(),
            self.until
        )
    }
}

mod as_der {
    use super::{Der, Deserialize, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        Der(bytes.to_vec()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<u8>, D::Error> {
        Der::deserialize(from).map(|der| der.0)
    }
}

/// Why the authority does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "there is no such invitation, or its secret is another one: copy the line again, or ask for a new one"
    )]
    WrongInvite,
    #[error("the invitation was used as often as it may be: ask for a new one")]
    InviteUsedUp,
    #[error("the invitation has expired: ask for a new one")]
    InviteExpired,
    /// The same request helps later.
    #[error("too many wrong secrets were tried for this invitation: try again in {seconds} s")]
    TooManyGuesses { seconds: u64 },
    #[error("the request for a certificate is malformed or not signed by its own key")]
    BadRequest,
    #[error("this protocol serves hosts that join, and nothing else")]
    NotAMember,
    #[error("this host is no member any more: `floe join` it again")]
    UnknownMember,
    #[error("this host was revoked")]
    Revoked,
    /// Somebody else renewed with this member's key, or this host runs an old copy of its files.
    #[error(
        "this certificate was renewed by somebody else since: if this host is no copy of another one, its key is known to others; revoke it and `floe join` it again"
    )]
    Superseded,
    /// The same request helps later.
    #[error("this host renewed its certificate often enough for now: try again in {seconds} s")]
    TooSoon { seconds: u64 },
    #[error("the certificate ended too long ago to be renewed: `floe join` this host again")]
    Lapsed,
    #[error("this needs the role {0}")]
    Role(Role),
    #[error("agents do not ask the authority; their daemon does")]
    Agent,
    #[error("the cluster has as many members or invitations as it can have: revoke some")]
    Full,
    #[error("{0}")]
    BadOptions(String),
    /// The same request helps later.
    #[error("the authority cannot write its files now; try again")]
    Unavailable,
}

impl Refusal {
    pub fn retry_helps(&self) -> bool {
        matches!(
            self,
            Self::TooManyGuesses { .. } | Self::TooSoon { .. } | Self::Unavailable
        )
    }

    /// For the audit log, and for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongInvite => "wrong-invite",
            Self::InviteUsedUp => "invite-used-up",
            Self::InviteExpired => "invite-expired",
            Self::TooManyGuesses { .. } => "too-many-guesses",
            Self::BadRequest => "bad-request",
            Self::NotAMember => "not-a-member",
            Self::UnknownMember => "unknown-member",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::TooSoon { .. } => "too-soon",
            Self::Lapsed => "lapsed",
            Self::Role(_) => "role",
            Self::Agent => "agent",
            Self::Full => "full",
            Self::BadOptions(_) => "bad-options",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    pub peer: Option<&'a Peer>,
    pub address: Option<IpAddr>,
}

/// Answers hosts that join and members that renew.
#[derive(Debug)]
pub struct JoinService {
    authority: Authority,
    guesses: Guesses,
    renewals: Renewals,
    refusals: Refusals,
    schedulers: Register,
}

impl JoinService {
    pub fn new(authority: Authority) -> Self {
        Self {
            authority,
            guesses: Guesses::default(),
            renewals: Renewals::default(),
            refusals: Refusals::default(),
            schedulers: Register::default(),
        }
    }

    pub fn authority(&mut self) -> &mut Authority {
        &mut self.authority
    }

    /// The answer, and what this host's own log should say about trouble with the authority's files.
    pub fn handle(
        &mut self,
        request: &Request,
        caller: Caller<'_>,
        now: UnixTime,
    ) -> (Reply, Option<AuthorityError>) {
        let (refusal, mut trouble) = match self.answer(request, caller, now) {
            Ok(reply) => return (reply, None),
            Err(AuthorityError::Refused(refusal)) => (refusal, None),
            Err(error) => (Refusal::Unavailable, Some(error)),
        };
        let line = refused(request, caller, &refusal);
        if let Err(error) = self.authority.note(&mut self.refusals, &line, now) {
            trouble.get_or_insert(error);
        }
        (Reply::Refused(refusal), trouble)
    }

    fn answer(
        &mut self,
        request: &Request,
        caller: Caller<'_>,
        now: UnixTime,
    ) -> Result<Reply, AuthorityError> {
        if let Request::Join(join) = request {
            return self.join(join, caller, now);
        }
        let peer = caller.peer.ok_or(Refusal::NotAMember)?;
        if peer.is_agent {
            return Err(Refusal::Agent.into());
        }
        let admin = || {
            let needed = peer.needs(Role::Admin);
            needed.map_err(|_| Refusal::Role(Role::Admin))
        };
        let authority = &mut self.authority;
        match request {
            Request::Join(_) => Err(Refusal::BadRequest.into()),
            Request::Renew { csr, agent_csr } => {
                authority.may_renew(peer, now)?;
                self.renewals.admit(peer.member, now)?;
                let issued = authority.renew(peer, csr, agent_csr, now)?;
                Ok(Reply::Issued(Box::new(issued)))
            }
            Request::Revocations { known, scheduler } => {
                authority.is_member(peer)?;
                if let Some(presence) = scheduler
                    && peer.needs(Role::Schedule).is_ok()
                {
                    let (who, from) = (peer.member, caller.address);
                    let own = authority.addresses();
                    self.schedulers.note(who, presence, from, own, now);
                }
                let newer = authority
                    .revocations()?
                    .filter(|(number, _)| number > known);
                let schedulers = self.schedulers.list(now);
                Ok(Reply::Revocations { newer, schedulers })
            }
            Request::Invite(options) => {
                authority.is_member(peer)?;
                admin()?;
                let invite = authority.invite(options, Some(peer.member), now)?;
                Ok(Reply::Invited(Box::new(invite)))
            }
            Request::Revoke { member } => {
                authority.is_member(peer)?;
                admin()?;
                authority.revoke(*member, Some(peer.member), now)?;
                self.schedulers.remove(*member);
                Ok(Reply::Revoked)
            }
            Request::Members => {
                authority.is_member(peer)?;
                admin()?;
                Ok(Reply::Members(authority.members(now)?))
            }
        }
    }

    fn join(
        &mut self,
        join: &JoinRequest,
        caller: Caller<'_>,
        now: UnixTime,
    ) -> Result<Reply, AuthorityError> {
        if let Some(seconds) = self.guesses.rests(join.invite, now) {
            return Err(Refusal::TooManyGuesses { seconds }.into());
        }
        let joined = self.authority.join(join, caller.address, now);
        if matches!(joined, Err(AuthorityError::Refused(Refusal::WrongInvite)))
            && self.authority.knows(join.invite)
        {
            self.guesses.wrong(join.invite, now);
        }
        Ok(Reply::Issued(Box::new(joined?)))
    }
}

fn refused(request: &Request, caller: Caller<'_>, refusal: &Refusal) -> String {
    let what = match request {
        Request::Join(join) => format!("join name={} invite={}", join.name, join.invite),
        Request::Renew { .. } => "renew".to_owned(),
        Request::Revocations { .. } => "revocations".to_owned(),
        Request::Invite(_) => "invite".to_owned(),
        Request::Revoke { member } => format!("revoke of={member}"),
        Request::Members => "members".to_owned(),
    };
    let mut line = format!("refused {} to {what}", refusal.code());
    if let Some(peer) = caller.peer {
        line.push_str(&format!(" member={} name={}", peer.member, peer.name));
    }
    if let Some(address) = caller.address {
        line.push_str(&format!(" address={address}"));
    }
    line
}
