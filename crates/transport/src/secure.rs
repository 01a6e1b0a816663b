//! TLS on a connection, and telling it from icecream's protocol on the same port.
//!
//! Both begin with words of the connecting side. A TLS record of a handshake begins with the byte
//! 22 (RFC 8446, section 5.1); icecream's handshake begins with the version, least significant byte first, and no
//! version below 42 is spoken here, so one byte decides.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use membership::{ALPN, Expect, Live, Peer, UnixTime};
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::channel::connect_tcp_stream;
use crate::error::TransportError;
use crate::options::set_tcp_options;
use crate::stream::{Endpoint, Stream};
use wire::frame::Kind;

/// `ContentType.handshake`.
const TLS_HANDSHAKE: u8 = 22;

/// What a connecting peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Tls,
    Icecream,
}

/// Waits for the first byte of a connection and leaves it there.
pub(crate) async fn dialect(
    stream: &TcpStream,
    deadline: Duration,
) -> Result<Dialect, TransportError> {
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

/// Whether the first byte on a Unix stream, which is left there, begins floe's own protocol rather than
/// icecream's: a frame with the hello, whose kind is no version that is spoken here.
pub async fn is_native(stream: &UnixStream, deadline: Duration) -> io::Result<bool> {
    let mut first = [0];
    let peeking = stream.async_io(Interest::READABLE, || {
        let (_, length) = rustix::net::recv(stream, &mut first[..], RecvFlags::PEEK)?;
        Ok(length)
    });
    let peeked = timeout(deadline, peeking).await;
    peeked.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(first == [Kind::Message as u8])
}

/// The server's side of the handshake on an accepted connection: whose it is, and whether floe's own
/// protocol follows.
pub(crate) async fn accept(
    stream: TcpStream,
    live: &Live,
    deadline: Duration,
) -> Result<(Stream, Peer, bool), TransportError> {
    let endpoint = stream.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp);
    set_tcp_options(&stream);
    let accepting = TlsAcceptor::from(live.server()).accept(stream);
    let accepted = within(deadline, &endpoint, accepting).await?;
    let peer = Peer::accepted(accepted.get_ref().1, live, UnixTime::now());
    let peer = peer.map_err(|why| TransportError::Distrusted {
        peer: endpoint,
        why,
    })?;
    let native = accepted.get_ref().1.alpn_protocol() == Some(ALPN);
    Ok((TlsStream::from(accepted).into(), peer, native))
}

/// Connects and does the client's side of the handshake; the deadline is for both together.
pub(crate) async fn connect(
    address: SocketAddr,
    expect: Expect,
    protocol: &'static [u8],
    live: &Live,
    deadline: Duration,
    bind: Option<IpAddr>,
) -> Result<(Stream, Peer), TransportError> {
    let mut config = (*live.client()).clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = expect.server_name();
    let connected = connect_with(address, name, Arc::new(config), deadline, bind).await?;
    let peer = Peer::connected(connected.get_ref().1, expect, live, UnixTime::now());
    let peer = peer.map_err(|why| TransportError::Distrusted {
        peer: Endpoint::tcp(address),
        why,
    })?;
    Ok((connected.into(), peer))
}

/// The same with a configuration of its own, whose verifier reads `name`.
pub(crate) async fn connect_with(
    address: SocketAddr,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    deadline: Duration,
    bind: Option<IpAddr>,
) -> Result<TlsStream<TcpStream>, TransportError> {
    let began = Instant::now();
    let stream = connect_tcp_stream(address, deadline, bind).await?;
    set_tcp_options(&stream);
    let connecting = TlsConnector::from(config).connect(name, stream);
    let left = deadline.saturating_sub(began.elapsed());
    let connected = within(left, &Endpoint::tcp(address), connecting).await?;
    Ok(connected.into())
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
