//! Sockets to listen on, and accepting without stumbling over one bad connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener, UnixStream};

use crate::error::ListenError;
use crate::pin;

const BACKLOG: u32 = 1024;
/// `sun_path` has 108 bytes, one of them for the NUL.
const MAX_PATH: usize = 107;

/// Listens on a TCP address; port 0 takes any free one.
pub fn listen_tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    listen_at(address, false, None)
}

/// Listens on all addresses of this host, IPv4 and IPv6, with one socket.
pub fn listen_everywhere(port: u16) -> Result<TcpListener, ListenError> {
    let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match listen_at(everywhere, true, None) {
        // A kernel without IPv6, or with none of its addresses.
        Err(ListenError::Port { .. }) => listen_tcp((Ipv4Addr::UNSPECIFIED, port).into()),
        listening => listening,
    }
}

/// Listens on these addresses, or on all of this host where there are none.
pub fn listen_all(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    match addresses {
        [] => Ok(vec![listen_everywhere(port)?]),
        some => {
            let mut listeners = Vec::new();
            for ip in some {
                for device in devices(*ip) {
                    let address = SocketAddr::new(*ip, port);
                    listeners.push(listen_at(address, false, device.as_deref())?);
                }
            }
            Ok(listeners)
        }
    }
}

/// What a listener is bound to besides its address. Answers to those who connect go by the routing table, too, so
/// that of a pinned service is bound to its interface; whoever connects from this host comes by the loopback.
fn devices(ip: IpAddr) -> Vec<Option<Arc<str>>> {
    match pin::pinned() {
        Some(interface) if !ip.is_loopback() => vec![Some(interface), Some("lo".into())],
        _ => vec![None],
    }
}

fn listen_at(
    address: SocketAddr,
    dual: bool,
    device: Option<&str>,
) -> Result<TcpListener, ListenError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        if address.is_ipv6() {
            // Another socket may have the port's IPv4 side.
            rustix::net::sockopt::set_ipv6_v6only(&socket, !dual)?;
        }
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| port_error(address, "TCP", source))
}

/// A UDP socket for discovery: it may broadcast, and nobody else may share its port.
pub fn bind_udp(address: SocketAddr) -> Result<UdpSocket, ListenError> {
    let bind = || {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        pin_udp(&socket)?;
        UdpSocket::from_std(socket)
    };
    bind().map_err(|source| port_error(address, "UDP", source))
}

/// Datagrams go where connections go, and come from there.
pub(crate) fn pin_udp(socket: impl AsFd) -> io::Result<()> {
    let socket = rustix::io::dup(socket)?;
    match pin::pinned().as_deref() {
        Some("lo") | None => Ok(()),
        Some(device) => UdpSocket::from_std(socket.into())?.bind_device(Some(device.as_bytes())),
    }
}

fn port_error(address: SocketAddr, transport: &'static str, source: io::Error) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::PortInUse { address, transport },
        _ => ListenError::Port {
            address,
            transport,
            source,
        },
    }
}

/// Listens on a Unix socket with exactly these permission bits. A socket file that nobody answers
/// at any more is replaced; one that a program answers at, and any other file, is left alone.
pub async fn listen_unix(path: &Path, mode: u32) -> Result<UnixListener, ListenError> {
    let length = path.as_os_str().len();
    if length > MAX_PATH {
        return Err(ListenError::PathTooLong {
            path: path.to_owned(),
            length,
        });
    }
    let failed = |source: io::Error| ListenError::Path {
        path: path.to_owned(),
        source,
    };
    // Two starting at once must not both find the old socket dead, or the slower one would remove
    // the faster one's new socket. The lock goes with the descriptor, and leaves no file behind.
    let _lock = lock_directory(path).await;
    let socket = match bind_unix(path, mode) {
        Err(Errno::ADDRINUSE) => {
            let kind = path.symlink_metadata().map_err(failed)?.file_type();
            if !kind.is_socket() {
                return Err(ListenError::NotASocket {
                    path: path.to_owned(),
                });
            }
            if somebody_answers(path) {
                return Err(ListenError::PathInUse {
                    path: path.to_owned(),
                });
            }
            std::fs::remove_file(path).map_err(failed)?;
            bind_unix(path, mode)
        }
        other => other,
    };
    let socket = socket.map_err(|errno| failed(errno.into()))?;
    UnixListener::from_std(socket.into()).map_err(failed)
}

/// Creates, binds and listens. The mode is on the socket before it has a name, so that at no
/// moment more may connect than in the end.
fn bind_unix(path: &Path, mode: u32) -> Result<OwnedFd, Errno> {
    let socket = unix_socket()?;
    let mode = Mode::from_raw_mode(mode);
    rustix::fs::fchmod(&socket, mode)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    // The umask took bits away from the name; give them back.
    rustix::fs::chmod(path, mode)?;
    rustix::net::listen(&socket, i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket)
}

fn unix_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Whether a program listens at a socket file. Only a plain refusal counts as no.
fn somebody_answers(path: &Path) -> bool {
    let connect = || rustix::net::connect(unix_socket()?, &SocketAddrUnix::new(path)?);
    !matches!(connect(), Err(Errno::CONNREFUSED))
}

async fn lock_directory(path: &Path) -> Option<OwnedFd> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::open(directory.unwrap_or(Path::new(".")), flags, Mode::empty()).ok()?;
    // Whoever holds it needs microseconds. In a directory like /tmp anybody can hold it for ever:
    // then go on without.
    for _ in 0..100 {
        if rustix::fs::flock(directory.as_fd(), FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Some(directory);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

/// The next connection. What fails for one connection is skipped; what this host lacks (file
/// descriptors, memory) is waited for. Dropping the wait loses nothing.
pub async fn accept_tcp(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                return (stream, from);
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// [`accept_tcp`] for a Unix socket.
pub async fn accept_unix(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_failed(error: &io::Error) {
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    if Errno::from_io_error(error).is_some_and(|errno| lacking.contains(&errno)) {
        tracing::warn!(%error, "cannot accept a connection; raise the limit of open files (ulimit -n)");
        tokio::time::sleep(Duration::from_millis(100)).await;
    } else {
        tracing::debug!(%error, "a connection ended before it was accepted");
        tokio::task::yield_now().await;
    }
}
