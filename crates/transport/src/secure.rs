//! TLS on a connection, and telling it from icecream's protocol on the same port.
//!
//! Both begin with words of the connecting side. A TLS record of a handshake begins with the byte
//! 22 (RFC 8446, section 5.1); icecream's handshake begins with the version, least significant byte first, and no
//! version below 42 is spoken here, so one byte decides.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::channel::connect_tcp_stream;
use crate::error::TransportError;
use crate::options::set_tcp_options;
use crate::stream::{Endpoint, Stream};

/// `ContentType.handshake`.
const TLS_HANDSHAKE: u8 = 22;

/// What a connecting peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Tls,
    Icecream,
}

/// Waits for the first byte of a connection and leaves it there.
pub async fn dialect(stream: &TcpStream, deadline: Duration) -> Result<Dialect, TransportError> {
    let peer = || stream.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp);
    let mut first = [0];
    match timeout(deadline, stream.peek(&mut first)).await {
        Err(_) => Err(TransportError::HandshakeTimeout {
            peer: peer(),
            after: deadline,
        }),
        Ok(Ok(0)) => Err(TransportError::Probe { peer: peer() }),
        Ok(Ok(_)) if first == [TLS_HANDSHAKE] => Ok(Dialect::Tls),
        Ok(Ok(_)) => Ok(Dialect::Icecream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
            Err(TransportError::Probe { peer: peer() })
        }
        Ok(Err(source)) => Err(TransportError::Broken {
            peer: peer(),
            doing: "waiting for its first word",
            source,
        }),
    }
}

/// The server's side of the handshake on an accepted connection.
pub async fn accept_tls(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    deadline: Duration,
) -> Result<Stream, TransportError> {
    let peer = stream.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp);
    set_tcp_options(&stream);
    let accepting = TlsAcceptor::from(config).accept(stream);
    let accepted = within(deadline, &peer, accepting).await?;
    Ok(tokio_rustls::TlsStream::from(accepted).into())
}

/// Connects and does the client's side of the handshake; the deadline is for both together. Whom the configuration
/// trusts is decided by the certificate alone: `address` serves as the name under which sessions are resumed.
pub async fn connect_tls(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    deadline: Duration,
    bind: Option<IpAddr>,
) -> Result<Stream, TransportError> {
    let began = Instant::now();
    let stream = connect_tcp_stream(address, deadline, bind).await?;
    set_tcp_options(&stream);
    let name = ServerName::IpAddress(address.ip().into());
    let connecting = TlsConnector::from(config).connect(name, stream);
    let left = deadline.saturating_sub(began.elapsed());
    let connected = within(left, &Endpoint::tcp(address), connecting).await?;
    Ok(tokio_rustls::TlsStream::from(connected).into())
}

async fn within<T>(
    deadline: Duration,
    peer: &Endpoint,
    shaking: impl Future<Output = io::Result<T>>,
) -> Result<T, TransportError> {
    let peer = || peer.clone();
    match timeout(deadline, shaking).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(TransportError::tls(peer(), source)),
        Err(_) => Err(TransportError::HandshakeTimeout {
            peer: peer(),
            after: deadline,
        }),
    }
}
