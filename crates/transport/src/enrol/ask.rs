//! A host asks the authority.

use std::net::SocketAddr;
use std::sync::Arc;

use membership::{
    ALPN_AUTHORITY, Address, Expect, Fallen, HostName, Identity, IdentityError, Invite, Issued,
    Joining, Live, Reply, Request, RevocationList, TlsError, UnixTime,
};
use std::path::Path;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use wire::message::Message;
use wire::{Limits, Side};

use super::words::{self, Unfit};
use super::{DEADLINE, hello};
use crate::error::TransportError;
use crate::link::{Exchange, Incoming, Link, LinkError};
use crate::resolve::HostPort;
use crate::secure;

/// Why the authority gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It answered, and said no; the text is its own.
    #[error("the cluster's authority refuses: {0}")]
    Denied(String),
    /// It said that this host is a member no more.
    #[error("{0}")]
    Fallen(Fallen),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the cluster's authority does not answer as one: {0}")]
    Answer(String),
    #[error("the cluster's authority did not answer within {} s", DEADLINE.as_secs())]
    TooSlow,
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The last of those that were tried.
    #[error("the cluster's authority was not reached at {addresses}: {last}{}", last.advice())]
    Unreachable { addresses: String, last: Box<Self> },
}

impl EnrolError {
    /// Something listens at the authority's address that answers as no authority does.
    fn advice(&self) -> &'static str {
        let is_strange = match self {
            Self::Transport(error) => matches!(
                error,
                TransportError::HandshakeTimeout { .. }
                    | TransportError::Tls { .. }
                    | TransportError::Closed { .. }
                    | TransportError::Broken { .. }
            ),
            Self::Link(_) | Self::Answer(_) => true,
            _ => false,
        };
        match is_strange {
            true => {
                "; `floe cluster serve` has to be what listens there: does it run, on this port?"
            }
            false => "",
        }
    }
}

impl From<Unfit> for EnrolError {
    fn from(unfit: Unfit) -> Self {
        Self::Answer(unfit.to_string())
    }
}

/// Makes this host a member: keys in `directory`, certificates from the authority that the invitation names.
/// Nothing is said to anybody else.
pub async fn join(
    invite: &Invite,
    directory: &Path,
    name: &HostName,
) -> Result<Identity, EnrolError> {
    let clock: Arc<dyn TimeProvider> = Arc::new(DefaultTimeProvider);
    let config = Arc::new(membership::join_client(invite, clock)?);
    let joining = Joining::begin(directory, invite)?;
    let request = joining.request(name)?;
    let Reply::Issued(issued) = ask_one_of(&invite.addresses, &config, &request).await? else {
        return Err(EnrolError::Answer("no certificate came".to_owned()));
    };
    Ok(joining.finish(&issued, UnixTime::now())?)
}

/// Asks as the member that this host is.
pub async fn ask(
    live: &Live,
    addresses: &[Address],
    request: &Request,
) -> Result<Reply, EnrolError> {
    let mut config = (*live.renewal_client()).clone();
    config.alpn_protocols = vec![ALPN_AUTHORITY.to_vec()];
    ask_one_of(addresses, &Arc::new(config), request).await
}

/// An answer is an answer; only an authority that cannot be reached is looked for elsewhere.
async fn ask_one_of(
    addresses: &[Address],
    config: &Arc<ClientConfig>,
    request: &Request,
) -> Result<Reply, EnrolError> {
    let mut last = EnrolError::Answer("no address of it is known".to_owned());
    for address in addresses {
        let asking = ask_at(address, config, request);
        match timeout(DEADLINE, asking).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error @ (EnrolError::Denied(_) | EnrolError::Fallen(_)))) => return Err(error),
            Ok(Err(error)) => last = error,
            Err(_) => last = EnrolError::TooSlow,
        }
    }
    let shown: Vec<_> = addresses.iter().map(Address::to_string).collect();
    Err(EnrolError::Unreachable {
        addresses: shown.join(", "),
        last: Box::new(last),
    })
}

async fn ask_at(
    address: &Address,
    config: &Arc<ClientConfig>,
    request: &Request,
) -> Result<Reply, EnrolError> {
    let place = HostPort {
        host: address.host().to_owned(),
        port: address.port(),
    };
    let address: SocketAddr = place.resolve().await?;
    let stream = secure::connect_with(
        address,
        Expect::Authority.server_name(),
        Arc::clone(config),
        DEADLINE,
        None,
    )
    .await?;
    let (link, _arrivals) = Link::start(stream.into(), Side::Connecting, &hello(), Limits::LEAST);
    let mut exchange = match request {
        Request::Join(join) => link.open(words::join(join)?).await?,
        Request::Renew { csr, agent_csr } => link.open(words::renew(csr, agent_csr)?).await?,
        Request::Revocations { known, scheduler } => {
            link.open(words::fetch(*known, scheduler.as_ref())?).await?
        }
        Request::Invite(_) | Request::Revoke { .. } | Request::Members => {
            return Err(EnrolError::Answer(
                "this is asked on the authority's own host only".to_owned(),
            ));
        }
    };
    exchange.finish().await?;
    let joins = matches!(request, Request::Join(_));
    answer(&mut exchange, joins).await
}

async fn answer(exchange: &mut Exchange, joins: bool) -> Result<Reply, EnrolError> {
    let first = match exchange.next().await? {
        Some(Incoming::Message(message)) => *message,
        Some(Incoming::Data(_)) => return Err(EnrolError::Answer("data came first".to_owned())),
        None => return Err(EnrolError::Answer("it said nothing".to_owned())),
    };
    let list = data(exchange).await?;
    match first {
        Message::Certificate(certificate) => {
            let issued: Issued = words::read_certificate(&certificate, list)?;
            Ok(Reply::Issued(Box::new(issued)))
        }
        Message::Revoked(revoked) => {
            let newer = !list.is_empty();
            Ok(Reply::Revocations {
                newer: newer.then_some((revoked.number, list)),
                schedulers: words::read_schedulers(&revoked.schedulers),
            })
        }
        // Who joins is none yet, and is told so in the authority's words.
        Message::Denied(denied) => Err(match Fallen::of_code(denied.code.as_str()) {
            Some(fallen) if !joins => EnrolError::Fallen(fallen),
            _ => EnrolError::Denied(denied.text.to_string()),
        }),
        other => Err(EnrolError::Answer(format!("{} came", other.name()))),
    }
}

/// What follows, to the end.
async fn data(exchange: &mut Exchange) -> Result<Vec<u8>, EnrolError> {
    let mut all = Vec::new();
    while let Some(incoming) = exchange.next().await? {
        let Incoming::Data(bytes) = incoming else {
            return Err(EnrolError::Answer("a second answer came".to_owned()));
        };
        all.extend_from_slice(&bytes);
        if all.len() as u64 > RevocationList::CAP {
            return Err(EnrolError::Answer(
                "its list of revoked members is too long".to_owned(),
            ));
        }
    }
    Ok(all)
}
