//! Why a connection, or listening for one, failed: whose fault, and whether another host may help.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use icecream::{Fault, HandshakeError, ProtocolError};
use rustix::io::Errno;

use crate::stream::Endpoint;

/// Why a channel cannot be had or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("{peer}: {source}")]
    Protocol {
        peer: Endpoint,
        source: ProtocolError,
    },
    /// It ended in the middle of the handshake or of a message.
    #[error("{peer} closed the connection in the middle of {during}")]
    Closed {
        peer: Endpoint,
        during: &'static str,
    },
    /// What a reachability probe of icecream's scheduler looks like: nothing to log.
    #[error("{peer} connected and left without a word")]
    Probe { peer: Endpoint },
    #[error(
        "{peer} did not finish the handshake within {after:.0?}; is it one of icecream's programs, or another service?"
    )]
    HandshakeTimeout { peer: Endpoint, after: Duration },
    #[error(
        "{peer} speaks icecream's protocol, which says nothing of who it is, and only members of the cluster are admitted; `floe join` makes its host one"
    )]
    MembersOnly { peer: Endpoint },
    #[error(
        "{peer} wants a service that is not here; the cluster's authority serves those that join and renew"
    )]
    OtherService { peer: Endpoint },
    #[error("{peer} is turned away: too many connections are open already")]
    Busy { peer: Endpoint },
    #[error(
        "{peer} had not shown who it is when others needed the room: too many connections do so at a time"
    )]
    Crowded { peer: Endpoint },
    /// It showed a certificate that is not good enough.
    #[error("{peer} is refused: {why}")]
    Distrusted {
        peer: Endpoint,
        why: membership::Distrust,
    },
    /// The peer did not accept us, or we it.
    #[error("no encrypted connection with {peer}: {source}{}", tls_advice(source))]
    Tls {
        peer: Endpoint,
        source: tokio_rustls::rustls::Error,
    },
    #[error("cannot connect to {peer}: {source}{}", connect_advice(source))]
    Connect { peer: Endpoint, source: io::Error },
    #[error(
        "cannot connect to {peer}: no answer within {after:.0?}; is the host up, and does a firewall drop the connection?"
    )]
    ConnectTimeout { peer: Endpoint, after: Duration },
    #[error("{peer} has taken no data for {after:.0?}; the connection is given up")]
    Stalled { peer: Endpoint, after: Duration },
    #[error("the connection with {peer} broke while {doing}: {source}")]
    Broken {
        peer: Endpoint,
        doing: &'static str,
        source: io::Error,
    },
    #[error("cannot find the address of {host}: {source}; check the name, or give an IP address")]
    Resolve { host: String, source: io::Error },
}

impl TransportError {
    /// What a TLS handshake ended with: rustls' own errors come wrapped in one of I/O.
    pub(crate) fn tls(peer: Endpoint, error: io::Error) -> Self {
        match error.downcast::<tokio_rustls::rustls::Error>() {
            Ok(source) => match membership::Distrust::of(&source) {
                Some(why) => Self::Distrusted { peer, why },
                None => Self::Tls { peer, source },
            },
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => Self::Closed {
                peer,
                during: "the TLS handshake",
            },
            Err(source) => Self::Broken {
                peer,
                doing: "the TLS handshake",
                source,
            },
        }
    }

    /// Who has to change something for this not to happen again.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Protocol { source, .. } => source.fault(),
            Self::Closed { .. }
            | Self::MembersOnly { .. }
            | Self::OtherService { .. }
            | Self::Busy { .. }
            | Self::Crowded { .. }
            | Self::Distrusted { .. }
            | Self::Probe { .. }
            | Self::HandshakeTimeout { .. } => Fault::Peer,
            Self::Tls { source, .. } => tls_fault(source),
            Self::ConnectTimeout { .. } | Self::Stalled { .. } => Fault::Network,
            Self::Connect { source, .. } | Self::Broken { source, .. } => io_fault(source),
            Self::Resolve { .. } => Fault::Ours,
        }
    }

    /// Whether the same attempt with another host may succeed.
    pub fn retry_elsewhere(&self) -> bool {
        self.fault() != Fault::Ours
    }

    /// The version of a peer that was refused for its age.
    pub fn too_old(&self) -> Option<u32> {
        match self {
            Self::Protocol {
                source: ProtocolError::Handshake(HandshakeError::TooOld { version }),
                ..
            } => Some(*version),
            _ => None,
        }
    }

    /// What a host's answer to a TLS handshake looks like that does not know what it is. A member that
    /// refuses this one says so, in TLS.
    pub(crate) fn knows_no_tls(&self) -> bool {
        use tokio_rustls::rustls::Error::{InappropriateMessage, InvalidMessage};
        match self {
            Self::Tls { source, .. } => {
                matches!(source, InvalidMessage(_) | InappropriateMessage { .. })
            }
            Self::Closed { .. } | Self::Broken { .. } => true,
            _ => false,
        }
    }

    /// A connection that was closed before it said anything; not worth a log line.
    pub fn is_probe(&self) -> bool {
        matches!(self, Self::Probe { .. })
    }
}

/// What we lack ourselves is our fault; all else happened on the way.
fn io_fault(error: &io::Error) -> Fault {
    match Errno::from_io_error(error) {
        Some(
            Errno::MFILE
            | Errno::NFILE
            | Errno::NOMEM
            | Errno::NOBUFS
            | Errno::ACCESS
            | Errno::PERM
            | Errno::ADDRNOTAVAIL
            | Errno::AFNOSUPPORT,
        ) => Fault::Ours,
        _ => Fault::Network,
    }
}

/// A peer that sends an alert has refused us; all other errors are what we think of the peer.
fn tls_fault(error: &tokio_rustls::rustls::Error) -> Fault {
    use tokio_rustls::rustls::Error;
    match error {
        Error::AlertReceived(_) => Fault::Ours,
        Error::General(_) | Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            Fault::Ours
        }
        _ => Fault::Peer,
    }
}

fn tls_advice(error: &tokio_rustls::rustls::Error) -> &'static str {
    use tokio_rustls::rustls::{AlertDescription as Alert, Error};
    match error {
        Error::AlertReceived(Alert::CertificateRevoked) => {
            "; this host's membership was revoked: ask for a new invitation"
        }
        Error::AlertReceived(Alert::CertificateExpired) => {
            "; this host's certificate is out of date: can it reach the cluster's authority, and is its clock right?"
        }
        Error::AlertReceived(Alert::CertificateRequired) => {
            "; that host admits members only: `floe join` makes this host one"
        }
        Error::AlertReceived(Alert::UnknownCA | Alert::BadCertificate) => {
            "; that host does not know this host's cluster: were both invited to the same one?"
        }
        Error::AlertReceived(Alert::AccessDenied) => {
            "; this host's role does not allow it: `floe cluster members` shows the roles"
        }
        Error::InvalidMessage(_) => {
            "; it does not speak TLS: is it one of icecream's programs, or another service?"
        }
        _ => "",
    }
}

fn connect_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; nothing listens there: is the program running, and is the port right?"
        }
        io::ErrorKind::NotFound => "; is the daemon running?",
        io::ErrorKind::PermissionDenied => "; the socket's permissions or a firewall forbid it",
        io::ErrorKind::AddrNotAvailable => {
            "; the address to connect from is not an address of this host"
        }
        _ => "",
    }
}

/// Why a port or a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "port {} of {} ({transport}) is in use, most likely by {}; stop it (`ss -lnp 'sport = :{}'` shows who it is) or choose another port with -p",
        address.port(), address.ip(), likely_holder(address.port()), address.port()
    )]
    PortInUse {
        address: SocketAddr,
        transport: &'static str,
    },
    #[error(
        "cannot listen on {address} ({transport}): {source}{}",
        listen_advice(source)
    )]
    Port {
        address: SocketAddr,
        transport: &'static str,
        source: io::Error,
    },
    #[error(
        "the socket path {} is {length} bytes long and the kernel's limit is 107; choose a shorter directory", path.display()
    )]
    PathTooLong { path: PathBuf, length: usize },
    #[error("a program already answers at {}; stop it or choose another path", path.display())]
    PathInUse { path: PathBuf },
    #[error("{} exists and is not a socket; it is left alone: remove it or choose another path", path.display())]
    NotASocket { path: PathBuf },
    #[error("cannot listen at {}: {source}; check that its directory exists and is writable", path.display())]
    Path { path: PathBuf, source: io::Error },
}

fn likely_holder(port: u16) -> &'static str {
    match port {
        8765 | 8766 => "another scheduler (icecc-scheduler or floe scheduler)",
        10245 => "another daemon (iceccd or floe daemon)",
        _ => "another instance of this program",
    }
}

fn listen_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; ports below 1024 need root",
        io::ErrorKind::AddrNotAvailable => "; this host has no such address",
        _ => "",
    }
}
