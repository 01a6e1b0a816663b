//! Who is at the other end of a connection.

use std::time::Duration;

use rustls::CommonState;
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::certificate::Leaf;
use crate::expect::Expect;
use crate::id::Serial;
use crate::key::PublicKey;
use crate::live::Live;
use crate::name::HostName;
use crate::role::Roles;
use crate::subject::Subject;
use crate::trust::{Distrust, Trust};
use crate::{ALPN, ALPN_AUTHORITY, ALPN_ICECREAM, RENEWAL_GRACE, time};
use job::{MemberId, Role};

const BETWEEN_MEMBERS: &[&[u8]] = &[ALPN, ALPN_ICECREAM];

/// A member, as its certificate and this cluster's trust had it when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub member: MemberId,
    pub name: HostName,
    pub roles: Roles,
    /// An agent of that host's users, and not its daemon.
    pub is_agent: bool,
    /// When its certificate ends, and with it every connection that was made with it.
    pub expires: UnixTime,
    pub(crate) serial: Serial,
    pub(crate) key: PublicKey,
}

impl Peer {
    /// Who connected to this member. To be asked once the handshake is complete and before anything is
    /// read, of each connection: a resumed one shows what was verified hours ago, to a verifier that
    /// was not asked again.
    pub fn accepted(tls: &CommonState, live: &Live, now: UnixTime) -> Result<Self, Distrust> {
        let leaf = leaf(tls, BETWEEN_MEMBERS, &live.trust(), now, Duration::ZERO)?;
        Self::of(leaf)
    }

    /// Whom this member reached; to be asked likewise before anything is said.
    pub fn connected(
        tls: &CommonState,
        expect: Expect,
        live: &Live,
        now: UnixTime,
    ) -> Result<Self, Distrust> {
        let leaf = leaf(tls, BETWEEN_MEMBERS, &live.trust(), now, Duration::ZERO)?;
        expect.check(&leaf)?;
        Self::of(leaf)
    }

    /// Who connected to the authority, perhaps with a certificate that has ended.
    pub fn at_authority(tls: &CommonState, trust: &Trust, now: UnixTime) -> Result<Self, Distrust> {
        let leaf = leaf(tls, &[ALPN_AUTHORITY], trust, now, RENEWAL_GRACE)?;
        Self::of(leaf)
    }

    /// Who signed something, by the chain sent with it.
    pub fn of_chain(
        chain: &[CertificateDer<'_>],
        live: &Live,
        now: UnixTime,
    ) -> Result<Self, Distrust> {
        Self::of(live.trust().check(chain, now, Duration::ZERO)?)
    }

    pub(crate) fn of(leaf: Leaf) -> Result<Self, Distrust> {
        let subject = leaf.named.subject;
        let (member, roles) = subject.member().ok_or(Distrust::NoMember)?;
        Ok(Self {
            member,
            name: leaf.name,
            roles,
            is_agent: matches!(subject, Subject::Agent { .. }),
            expires: time::at(leaf.not_after),
            serial: leaf.serial,
            key: leaf.key,
        })
    }

    /// Whether it may go on: to be asked of running connections when the list of revoked members
    /// changed, and when its certificate ends. After a rotation without overlap that is not enough:
    /// end all connections then.
    pub fn is_still_trusted(&self, live: &Live, now: UnixTime) -> Result<(), Distrust> {
        let (end, now) = (self.expires.as_secs(), now.as_secs());
        if now > end {
            return Err(Distrust::Expired { end, now });
        }
        live.trust().admits(self.member)
    }

    pub fn needs(&self, role: Role) -> Result<(), Distrust> {
        if self.roles.may(role) {
            Ok(())
        } else {
            let has = self.roles;
            Err(Distrust::Role { has, needs: role })
        }
    }
}

/// The checked certificate of the other end.
pub(crate) fn leaf(
    tls: &CommonState,
    protocols: &[&[u8]],
    trust: &Trust,
    now: UnixTime,
    grace: Duration,
) -> Result<Leaf, Distrust> {
    let agreed = tls.alpn_protocol();
    if !agreed.is_some_and(|agreed| protocols.contains(&agreed)) {
        return Err(Distrust::OtherProtocol);
    }
    let chain = tls.peer_certificates().ok_or(Distrust::NoCertificate)?;
    trust.check(chain, now, grace)
}
