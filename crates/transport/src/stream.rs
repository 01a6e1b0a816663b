//! The kinds of stream a channel can run over, and their two halves.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::TlsStream;

/// A connected stream. The in-memory kind is for tests and simulations.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    /// After the TLS handshake.
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    Memory(DuplexStream),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<TlsStream<TcpStream>> for Stream {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<DuplexStream> for Stream {
    fn from(stream: DuplexStream) -> Self {
        Self::Memory(stream)
    }
}

impl Stream {
    /// The other end, as far as the kernel tells.
    pub fn peer(&self) -> Endpoint {
        if let Some(tcp) = self.tcp() {
            return tcp.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp);
        }
        match self {
            Self::Unix(stream) => match stream.peer_addr() {
                Ok(address) => Endpoint::Unix(address.as_pathname().map(Into::into)),
                Err(_) => Endpoint::Unix(None),
            },
            Self::Memory(_) => Endpoint::Memory,
            Self::Tcp(_) | Self::Tls(_) => Endpoint::Unknown,
        }
    }

    /// This end.
    pub(crate) fn local(&self) -> Endpoint {
        if let Some(tcp) = self.tcp() {
            return tcp.local_addr().map_or(Endpoint::Unknown, Endpoint::tcp);
        }
        match self {
            Self::Unix(stream) => match stream.local_addr() {
                Ok(address) => Endpoint::Unix(address.as_pathname().map(Into::into)),
                Err(_) => Endpoint::Unix(None),
            },
            Self::Memory(_) => Endpoint::Memory,
            Self::Tcp(_) | Self::Tls(_) => Endpoint::Unknown,
        }
    }

    /// The socket of a network's connection.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Unix(_) | Self::Memory(_) => None,
        }
    }

    /// The user at the other end of a Unix stream, as the kernel vouches for it.
    pub(crate) fn peer_uid(&self) -> Option<u32> {
        match self {
            Self::Unix(stream) => stream.peer_cred().ok().map(|credentials| credentials.uid()),
            Self::Tcp(_) | Self::Tls(_) | Self::Memory(_) => None,
        }
    }

    pub(crate) fn into_halves(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Tls(stream) => {
                let (read, write) = tokio::io::split(*stream);
                (ReadHalf::Tls(read), WriteHalf::Tls(write))
            }
            Self::Memory(stream) => {
                let (read, write) = tokio::io::split(stream);
                (ReadHalf::Memory(read), WriteHalf::Memory(write))
            }
        }
    }
}

/// One end of a stream, for logs and for the addresses that icecream's messages carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Tcp(SocketAddr),
    /// With the path, where the end has one.
    Unix(Option<PathBuf>),
    Memory,
    /// A connection that broke before its address could be asked for.
    Unknown,
}

impl Endpoint {
    /// A TCP end; IPv4 in IPv6 clothes is shown as the IPv4 address it is.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.socket_addr().map(|address| address.ip())
    }

    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Memory | Self::Unknown => None,
        }
    }

    /// A stream that cannot leave this host.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Memory)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Unix(Some(path)) => path.display().fmt(out),
            Self::Unix(None) => out.write_str("a local process"),
            Self::Memory => out.write_str("a peer in memory"),
            Self::Unknown => out.write_str("a peer that is gone"),
        }
    }
}

#[derive(Debug)]
pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Tls(tokio::io::ReadHalf<TlsStream<TcpStream>>),
    Unix(unix::OwnedReadHalf),
    Memory(tokio::io::ReadHalf<DuplexStream>),
}

#[derive(Debug)]
pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Tls(tokio::io::WriteHalf<TlsStream<TcpStream>>),
    Unix(unix::OwnedWriteHalf),
    Memory(tokio::io::WriteHalf<DuplexStream>),
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Self::Tls(half) => Pin::new(half).poll_read(cx, buf).map_err(plainly),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buf),
            Self::Memory(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

/// What happened, for people: rustls' own words are about TLS.
fn plainly(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let why = "it closed the connection without a farewell: its program was ended";
            io::Error::new(io::ErrorKind::UnexpectedEof, why)
        }
        _ => error,
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, buf),
            Self::Tls(half) => Pin::new(half).poll_write(cx, buf),
            Self::Unix(half) => Pin::new(half).poll_write(cx, buf),
            Self::Memory(half) => Pin::new(half).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_flush(cx),
            Self::Tls(half) => Pin::new(half).poll_flush(cx),
            Self::Unix(half) => Pin::new(half).poll_flush(cx),
            Self::Memory(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Self::Tls(half) => Pin::new(half).poll_shutdown(cx),
            Self::Unix(half) => Pin::new(half).poll_shutdown(cx),
            Self::Memory(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}
