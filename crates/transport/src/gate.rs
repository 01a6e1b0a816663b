//! Who may come in at a TCP port, and as whom this host goes out.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::channel::{Channel, Options};
use crate::error::TransportError;
use crate::secure::{Dialect, accept_tls, connect_tls, dialect};
use crate::stream::{Endpoint, Stream};

/// What a member of a cluster shows and whom it trusts. All holders of one see what is put in later: a
/// certificate lives for hours, a daemon for months.
#[derive(Clone)]
pub struct Credentials(Arc<RwLock<Pair>>);

#[derive(Clone)]
struct Pair {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Credentials {
    pub fn new(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Self {
        Self(Arc::new(RwLock::new(Pair { server, client })))
    }

    /// For connections from now on.
    pub fn replace(&self, server: Arc<ServerConfig>, client: Arc<ClientConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Pair { server, client };
    }

    fn current(&self) -> Pair {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials")
    }
}

/// Whom a listening port admits.
#[derive(Clone, Debug)]
pub enum Gate {
    /// Anybody who speaks icecream's protocol.
    Open,
    /// Members of the cluster, by TLS.
    Members(Credentials),
    /// Members by TLS, and anybody who speaks icecream's protocol.
    Mixed(Credentials),
}

impl Gate {
    /// Lets a connection in, as far as TLS is concerned, or says why not.
    pub async fn admit(
        &self,
        stream: TcpStream,
        deadline: Duration,
    ) -> Result<Stream, TransportError> {
        let credentials = match self {
            Self::Open => return Ok(stream.into()),
            Self::Members(credentials) | Self::Mixed(credentials) => credentials,
        };
        let began = Instant::now();
        match dialect(&stream, deadline).await? {
            Dialect::Tls => {
                let left = deadline.saturating_sub(began.elapsed());
                accept_tls(stream, credentials.current().server, left).await
            }
            Dialect::Icecream if matches!(self, Self::Mixed(_)) => Ok(stream.into()),
            Dialect::Icecream => Err(TransportError::MembersOnly {
                peer: stream.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp),
            }),
        }
    }
}

/// How this host connects to others.
#[derive(Clone, Debug, Default)]
pub enum Passport {
    /// As icecream does: without a name, in the clear.
    #[default]
    None,
    /// As a member of a cluster, to members of it only.
    Member(Credentials),
}

impl Passport {
    /// Connects and shakes hands; the deadline is for everything together.
    pub async fn connect(
        &self,
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
        options: Options,
    ) -> Result<Channel, TransportError> {
        let Self::Member(credentials) = self else {
            return Channel::connect_tcp_with(address, deadline, bind, options).await;
        };
        let began = Instant::now();
        let config = credentials.current().client;
        let stream = connect_tls(address, config, deadline, bind).await?;
        let left = deadline.saturating_sub(began.elapsed());
        Channel::accept_with(stream, left, options).await
    }
}
