//! What the authority is asked and what it answers, as messages of floe's own protocol and back.

use std::net::SocketAddr;

use job::NodeName;
use membership::{
    Address, AgentCredentials, CertificateDer, ClusterId, HostName, InvalidName, InviteId, Issued,
    JoinRequest, Presence, Refusal, Request, RevocationList, RootData, SchedulerAt, Secret,
};
use wire::field::{Exactly, Field, Invalid, Line, List, Opaque};
use wire::message::{
    self, Certificate, Credentials, Denied, FetchRevoked, Renew, Retry, Root, SchedulerPlace,
};
use wire::name::{HostText, Port, Size, UnixSeconds};

use crate::link::{Exchange, Incoming, LinkError};
use crate::resolve::HostPort;

/// What arrived or was to be sent says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub(super) String);

impl From<Invalid> for Unfit {
    fn from(why: Invalid) -> Self {
        Self(why.to_string())
    }
}

impl From<InvalidName> for Unfit {
    fn from(why: InvalidName) -> Self {
        Self(why.to_string())
    }
}

fn opaque<const MOST: usize>(bytes: &[u8]) -> Result<Opaque<MOST>, Unfit> {
    Ok(Opaque::new(bytes.to_vec())?)
}

pub(super) fn join(request: &JoinRequest) -> Result<message::JoinRequest, Unfit> {
    Ok(message::JoinRequest {
        invite: Exactly(*request.invite.as_bytes()),
        secret: Exactly(*request.secret.as_bytes()),
        request: opaque(&request.csr)?,
        name: NodeName::display(request.name.as_str()),
        agent_request: opaque(&request.agent_csr)?,
    })
}

pub(super) fn read_join(request: &message::JoinRequest) -> Request {
    Request::Join(JoinRequest {
        invite: InviteId::from_bytes(request.invite.0),
        secret: Secret::from_bytes(request.secret.0),
        name: HostName::lossy(request.name.as_str()),
        csr: request.request.as_bytes().to_vec(),
        agent_csr: request.agent_request.as_bytes().to_vec(),
    })
}

pub(super) fn renew(csr: &[u8], agent_csr: &[u8]) -> Result<Renew, Unfit> {
    Ok(Renew {
        request: opaque(csr)?,
        agent_request: opaque(agent_csr)?,
    })
}

pub(super) fn read_renew(request: &Renew) -> Request {
    Request::Renew {
        csr: request.request.as_bytes().to_vec(),
        agent_csr: request.agent_request.as_bytes().to_vec(),
    }
}

pub(super) fn fetch(known: u64, scheduler: Option<&Presence>) -> Result<FetchRevoked, Unfit> {
    let port = scheduler.map(|presence| Port::new(presence.port.into()));
    let advertised = scheduler.map_or(&[][..], |presence| &presence.advertised);
    Ok(FetchRevoked {
        known,
        scheduler_port: port.transpose()?,
        scheduler_addresses: list(advertised.iter().map(address))?,
    })
}

pub(super) fn read_fetch(fetch: &FetchRevoked) -> Request {
    let port = fetch
        .scheduler_port
        .and_then(|port| port.get().try_into().ok());
    Request::Revocations {
        known: fetch.known,
        scheduler: port.map(|port| Presence {
            port,
            advertised: read_addresses(&fetch.scheduler_addresses),
        }),
    }
}

/// Those that can be said.
pub(super) fn schedulers(all: &[SchedulerAt]) -> List<SchedulerPlace, 16> {
    let place = |at: &SchedulerAt| {
        Some(SchedulerPlace {
            id: at.member,
            addresses: list(at.addresses.iter().map(address)).ok()?,
        })
    };
    List::new(all.iter().filter_map(place).take(16).collect()).unwrap_or_default()
}

pub(super) fn read_schedulers(places: &[SchedulerPlace]) -> Vec<SchedulerAt> {
    let read = places.iter().map(|place| SchedulerAt {
        member: place.id,
        addresses: read_addresses(&place.addresses),
    });
    read.collect()
}

/// Those that are some.
fn read_addresses(addresses: &[message::Address]) -> Vec<Address> {
    let read = addresses
        .iter()
        .filter_map(|one| host_port(one)?.to_string().parse().ok());
    read.collect()
}

fn address(address: &Address) -> Result<message::Address, Unfit> {
    address_of(address.host(), address.port())
}

fn root(root: &RootData) -> Result<Root, Unfit> {
    Ok(Root {
        certificate: opaque(&root.certificate)?,
        until: root.until.map(UnixSeconds::new).transpose()?,
    })
}

fn read_roots(roots: &[Root]) -> Vec<RootData> {
    let read = roots.iter().map(|root| RootData {
        certificate: root.certificate.as_bytes().to_vec(),
        until: root.until.map(UnixSeconds::get),
    });
    read.collect()
}

fn address_of(host: &str, port: u16) -> Result<message::Address, Unfit> {
    Ok(message::Address {
        host: HostText::parse(host)?,
        port: Port::new(port.into())?,
    })
}

/// What an agent is handed; the list of revoked members goes behind it. `trouble`: why no member talks to
/// this host any more.
pub fn credentials(
    agent: &AgentCredentials,
    scheduler: Option<SocketAddr>,
    mixed: bool,
    trouble: Option<&str>,
) -> Result<Credentials, Unfit> {
    let scheduler = scheduler.into_iter().map(|address| {
        let host = address.ip().to_canonical().to_string();
        address_of(&host, address.port())
    });
    Ok(Credentials {
        cluster: Exactly(*agent.cluster.as_bytes()),
        key: opaque(&agent.key)?,
        chain: chain(&agent.chain)?,
        roots: list(agent.roots.iter().map(root))?,
        scheduler: list(scheduler)?,
        mixed,
        list_size: Size::new(agent.revocations.len() as u64)?,
        trouble: Line::new(trouble.unwrap_or_default()),
    })
}

/// The same from the agent's side, with the list that came behind it.
pub fn read_credentials(credentials: &Credentials, list: Vec<u8>) -> AgentCredentials {
    AgentCredentials {
        cluster: ClusterId::from_bytes(credentials.cluster.0),
        key: credentials.key.as_bytes().to_vec(),
        chain: read_chain(&credentials.chain),
        roots: read_roots(&credentials.roots),
        revocations: list,
    }
}

/// Where a message says that somebody is reached.
pub fn host_port(address: &message::Address) -> Option<HostPort> {
    Some(HostPort {
        host: address.host.as_str().to_owned(),
        port: u16::try_from(address.port.get()).ok()?,
    })
}

/// The list of revoked members that follows credentials. One that breaks off or is longer than any is
/// refused by whoever reads it.
pub async fn receive_list(
    exchange: &mut Exchange,
    credentials: &Credentials,
) -> Result<Vec<u8>, LinkError> {
    let announced = credentials.list_size.get().min(RevocationList::CAP);
    let mut list = Vec::new();
    while (list.len() as u64) < announced {
        match exchange.next().await? {
            Some(Incoming::Data(bytes)) => list.extend_from_slice(&bytes),
            Some(Incoming::Message(_)) | None => break,
        }
    }
    Ok(list)
}

/// The message; the list of revoked members goes behind it.
pub(super) fn certificate(issued: &Issued) -> Result<Certificate, Unfit> {
    let addresses = issued.addresses.iter().map(address);
    Ok(Certificate {
        chain: chain(&issued.chain)?,
        agent_chain: chain(&issued.agent_chain)?,
        roots: list(issued.roots.iter().map(root))?,
        cluster: Exactly(*issued.cluster.as_bytes()),
        cluster_name: Line::new(&issued.cluster_name.to_string()),
        addresses: list(addresses)?,
    })
}

pub(super) fn read_certificate(
    message: &Certificate,
    revocations: Vec<u8>,
) -> Result<Issued, Unfit> {
    let address = |address: &message::Address| {
        let host = address.host.as_str();
        let text = if host.contains(':') {
            format!("[{host}]:{}", address.port.get())
        } else {
            format!("{host}:{}", address.port.get())
        };
        Ok::<_, Unfit>(text.parse::<Address>()?)
    };
    Ok(Issued {
        cluster: ClusterId::from_bytes(message.cluster.0),
        cluster_name: message.cluster_name.as_str().parse()?,
        chain: read_chain(&message.chain),
        agent_chain: read_chain(&message.agent_chain),
        roots: read_roots(&message.roots),
        revocations,
        addresses: message
            .addresses
            .iter()
            .map(address)
            .collect::<Result<_, _>>()?,
    })
}

pub(super) fn denied(refusal: &Refusal) -> Denied {
    let retry = if refusal.retry_helps() {
        Retry::Here
    } else {
        Retry::Never
    };
    Denied {
        text: Line::new(&refusal.to_string()),
        retry,
        code: Line::new(refusal.code()),
    }
}

fn chain(certificates: &[CertificateDer<'_>]) -> Result<List<Opaque<8192>, 4>, Unfit> {
    list(certificates.iter().map(|one| opaque(one)))
}

fn read_chain(chain: &List<Opaque<8192>, 4>) -> Vec<CertificateDer<'static>> {
    let der = |one: &Opaque<8192>| CertificateDer::from(one.as_bytes().to_vec());
    chain.iter().map(der).collect()
}

fn list<T: Field, const MOST: usize>(
    entries: impl Iterator<Item = Result<T, Unfit>>,
) -> Result<List<T, MOST>, Unfit> {
    Ok(List::new(entries.collect::<Result<_, Unfit>>()?)?)
}
