//! What the authority signs.

use rustls::pki_types::{CertificateDer, UnixTime};

use super::AuthorityError;
use super::state::State;
use crate::certificate::Ca;
use crate::id::Serial;
use crate::join::{Issued, Refusal};
use crate::key::{CertificateRequest, Key};
use crate::name::HostName;
use crate::revocation::RevocationList;
use crate::subject::{Named, Subject};
use crate::{LIFETIME, mint, time};
use job::{MemberId, Role};

/// The authority's key with its certificate.
pub(super) struct Issuer<'a> {
    pub(super) root: Ca,
    pub(super) der: CertificateDer<'a>,
    pub(super) key: &'a Key,
}

impl<'a> Issuer<'a> {
    pub(super) fn of(state: &State, key: &'a Key) -> Option<Self> {
        let root = Ca::read(&state.root.0)?;
        let der = CertificateDer::from(state.root.0.clone());
        Some(Self { root, der, key })
    }

    /// Whether the certificates in the state are some.
    pub(super) fn is_readable(state: &State) -> bool {
        let is_ca = |der: &[u8]| Ca::read(der).is_some();
        let before = state.before.as_ref();
        let is_whole = before.is_none_or(|old| is_ca(&old.root.0) && is_ca(&old.cross.0));
        is_ca(&state.root.0) && is_whole
    }
}

/// Gives a member certificates for its keys. `asked` is the certificate that asked for it.
pub(super) fn issue(
    state: &mut State,
    issuer: &Issuer<'_>,
    id: MemberId,
    (host, agent): &(CertificateRequest, CertificateRequest),
    asked: Option<Serial>,
    now: UnixTime,
) -> Result<Issued, AuthorityError> {
    let until = time::after(now, LIFETIME);
    let cluster = state.cluster;
    let member = state.members.get_mut(&id).ok_or(Refusal::UnknownMember)?;
    let (name, roles) = (member.name.clone(), member.roles);
    let by = (&issuer.der, issuer.key);
    let subject = Subject::Member { id, roles };
    let named = Named { cluster, subject };
    let (leaf, serial) = mint::leaf(by, named, &name, &host.for_rcgen, now, until)?;
    let agent_leaf = if roles.may(Role::Submit) {
        let subject = Subject::Agent { id };
        let named = Named { cluster, subject };
        Some(mint::leaf(by, named, &name, &agent.for_rcgen, now, until)?.0)
    } else {
        None
    };
    member.serials = (Some(serial), asked);
    if asked.is_some() {
        member.renewed = now.as_secs();
    }
    member.expires = until;
    let cross = state
        .predecessor(now)
        .map(|before| before.cross.0.clone().into());
    let chain = |leaf| std::iter::once(leaf).chain(cross.clone()).collect();
    Ok(Issued {
        cluster,
        cluster_name: state.name.clone(),
        chain: chain(leaf),
        agent_chain: agent_leaf.map(chain).unwrap_or_default(),
        roots: state.roots(now),
        revocations: state.revocations.0.clone(),
        addresses: state.addresses.clone(),
    })
}

/// The authority's own certificate for answering, with everything that leads a joiner to a fingerprint,
/// the present one or the one before.
pub(super) fn voice(
    state: &State,
    issuer: &Issuer<'_>,
    key: &Key,
    now: UnixTime,
) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let named = Named {
        cluster: state.cluster,
        subject: Subject::Authority,
    };
    let by = (&issuer.der, issuer.key);
    let name = HostName::lossy("authority");
    let pair = key
        .pair()
        .map_err(|error| AuthorityError::Failed(error.to_string()))?;
    let (leaf, _) = mint::leaf(by, named, &name, &pair, now, time::after(now, LIFETIME))?;
    let mut chain = vec![leaf];
    if let Some(before) = state.predecessor(now) {
        chain.push(before.cross.0.clone().into());
        chain.push(before.root.0.clone().into());
    }
    chain.push(state.root.0.clone().into());
    Ok(chain)
}

/// Signs the list of revoked members under the next number.
pub(super) fn sign_list(state: &mut State, issuer: &Issuer<'_>, now: UnixTime) {
    let members = state.refused(now);
    state.epoch = (state.epoch + 1).max(now.as_secs());
    let cross = state
        .predecessor(now)
        .map(|before| before.cross.0.as_slice());
    let numbers = (state.epoch, now.as_secs());
    let list = RevocationList::sign(state.cluster, numbers, &members, (issuer.key, cross));
    state.revocations.0 = list;
}
