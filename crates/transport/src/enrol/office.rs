//! The authority's side: a thread of its own for what blocks on the disk, a task for each connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use membership::{
    Authority, AuthorityError, Caller, Endpoint, JoinService, Peer, Refusal, Reply, Request,
    UnixTime,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::time_provider::DefaultTimeProvider;
use tokio_rustls::server::TlsStream;
use wire::message::{Message, Revoked};
use wire::name::Size;
use wire::{Limits, ResetCode, Side};

use super::{DEADLINE, words};
use crate::complaints::Complaints;
use crate::error::TransportError;
use crate::link::{Exchange, Link, LinkError};
use crate::listen::accept_tcp;
use crate::lobby::{Guest, Lobby};
use crate::stream::Endpoint as Place;

/// Requests that wait for the disk.
const WAITING: usize = 64;
/// Connections at a time; each is over within [`DEADLINE`].
const CONNECTIONS: usize = 512;
/// How often the authority's own certificate and a rotation by another process are looked after.
const REFRESH: Duration = Duration::from_secs(60);

/// A cluster's authority at work. Cheap to clone.
#[derive(Clone)]
pub struct Office {
    desk: mpsc::Sender<Ask>,
    endpoint: Arc<Endpoint>,
    lobby: Lobby,
    complaints: Arc<Complaints>,
}

enum Ask {
    Request {
        request: Box<Request>,
        peer: Option<Box<Peer>>,
        address: Option<IpAddr>,
        answer: oneshot::Sender<Reply>,
    },
    Refresh,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Office")
    }
}

impl Office {
    /// Opens for business, within a runtime; the thread ends with the last copy of this.
    pub fn open(mut authority: Authority) -> Result<Self, AuthorityError> {
        let clock = Arc::new(DefaultTimeProvider);
        let endpoint = Endpoint::new(&mut authority, clock, UnixTime::now())?;
        let endpoint = Arc::new(endpoint);
        let serving = authority.serve()?;
        let (desk, asks) = mpsc::channel(WAITING);
        let refreshed = Arc::clone(&endpoint);
        let started = std::thread::Builder::new()
            .name("authority".to_owned())
            .spawn(move || {
                work(JoinService::new(authority), asks, &refreshed);
                drop(serving);
            });
        started.map_err(|error| AuthorityError::Failed(error.to_string()))?;
        tokio::spawn(look_after(desk.downgrade()));
        Ok(Self {
            desk,
            endpoint,
            lobby: Lobby::new(CONNECTIONS),
            complaints: Arc::default(),
        })
    }

    /// Serves a port on which there is nothing else, for ever.
    pub async fn keep(self, listener: TcpListener) {
        loop {
            let (stream, address) = accept_tcp(&listener).await;
            let (office, guest) = (self.clone(), self.lobby.enter(address.ip()));
            tokio::spawn(async move {
                let Err(error) = office.serve(stream, guest).await else {
                    return;
                };
                match office.complaints.about(error.address(), &error.kind()) {
                    Some(unsaid) => tracing::info!("{error}{unsaid}"),
                    None => tracing::debug!("{error}"),
                }
            });
        }
    }

    async fn serve(&self, stream: TcpStream, mut guest: Guest) -> Result<(), TransportError> {
        let peer = stream.peer_addr().map_or(Place::Unknown, Place::tcp);
        let served = timeout(DEADLINE, guest.stay(&peer, self.converse(stream, &peer)));
        served
            .await
            .unwrap_or(Err(TransportError::HandshakeTimeout {
                peer: peer.clone(),
                after: DEADLINE,
            }))
    }

    async fn converse(&self, stream: TcpStream, peer: &Place) -> Result<(), TransportError> {
        let failed = |error| TransportError::tls(peer.clone(), error);
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let start = start.await.map_err(failed)?;
        let config = {
            let hello = start.client_hello();
            let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
            self.endpoint.server(&offered)
        };
        let Some(config) = config else {
            return Err(TransportError::OtherService { peer: peer.clone() });
        };
        let stream = start.into_stream(config).await.map_err(failed)?;
        self.answer(stream, peer).await
    }

    async fn answer(
        &self,
        stream: TlsStream<TcpStream>,
        place: &Place,
    ) -> Result<(), TransportError> {
        let caller = self.endpoint.caller(stream.get_ref().1, UnixTime::now());
        let member = caller.map_err(|why| TransportError::Distrusted {
            peer: place.clone(),
            why,
        })?;
        let stream = tokio_rustls::TlsStream::from(stream).into();
        let (_link, mut arrivals) =
            Link::start(stream, Side::Accepting, &super::hello(), Limits::LEAST);
        let Some((message, exchange)) = arrivals.next().await else {
            return Ok(());
        };
        let request = match message {
            Message::JoinRequest(join) => Some(words::read_join(&join)),
            Message::Renew(renew) => Some(words::read_renew(&renew)),
            Message::FetchRevoked(list) => Some(words::read_fetch(&list)),
            _ => None,
        };
        let Some(request) = request else {
            exchange.reset(ResetCode::OUT_OF_PLACE);
            return Ok(());
        };
        let reply = self.ask(request, member, place.ip()).await;
        if let Err(error) = say(exchange, reply).await {
            tracing::debug!("{place}: {error}");
        }
        // The task of the connection sends what is left; the other end closes.
        while arrivals.next().await.is_some() {}
        Ok(())
    }

    async fn ask(&self, request: Request, peer: Option<Peer>, address: Option<IpAddr>) -> Reply {
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Request {
            request: Box::new(request),
            peer: peer.map(Box::new),
            address,
            answer,
        };
        let unavailable = Reply::Refused(Refusal::Unavailable);
        match self.desk.send(ask).await {
            Ok(()) => answered.await.unwrap_or(unavailable),
            Err(_) => unavailable,
        }
    }
}

async fn say(mut exchange: Exchange, reply: Reply) -> Result<(), LinkError> {
    match reply {
        Reply::Issued(issued) => match words::certificate(&issued) {
            Ok(certificate) => {
                exchange.send(certificate).await?;
                exchange.send_data(issued.revocations).await?;
            }
            Err(unfit) => {
                tracing::warn!("a certificate cannot be sent: {unfit}");
                exchange.send(words::denied(&Refusal::Unavailable)).await?;
            }
        },
        Reply::Revocations { newer, schedulers } => {
            let (number, list) = newer.unwrap_or_default();
            let revoked = Revoked {
                number,
                size: Size::new(list.len() as u64).unwrap_or(Size::LEAST),
                schedulers: words::schedulers(&schedulers),
            };
            exchange.send(revoked).await?;
            exchange.send_data(list).await?;
        }
        Reply::Refused(refusal) => exchange.send(words::denied(&refusal)).await?,
        Reply::Invited(_) | Reply::Revoked | Reply::Members(_) => {
            exchange.send(words::denied(&Refusal::BadRequest)).await?;
        }
    }
    exchange.finish().await?;
    while exchange.next().await?.is_some() {}
    Ok(())
}

async fn look_after(desk: mpsc::WeakSender<Ask>) {
    loop {
        tokio::time::sleep(REFRESH).await;
        let Some(desk) = desk.upgrade() else { return };
        if desk.send(Ask::Refresh).await.is_err() {
            return;
        }
    }
}

/// The thread that owns the authority's files.
fn work(mut service: JoinService, mut asks: mpsc::Receiver<Ask>, endpoint: &Endpoint) {
    while let Some(ask) = asks.blocking_recv() {
        let trouble = match ask {
            Ask::Refresh => endpoint.refresh(service.authority(), UnixTime::now()).err(),
            Ask::Request {
                request,
                peer,
                address,
                answer,
            } => {
                let caller = Caller {
                    peer: peer.as_deref(),
                    address,
                };
                let (reply, trouble) = service.handle(&request, caller, UnixTime::now());
                // Who asked may have left.
                let _gone = answer.send(reply);
                trouble
            }
        };
        if let Some(trouble) = trouble {
            tracing::warn!("the cluster's authority has trouble: {trouble}");
        }
    }
}
