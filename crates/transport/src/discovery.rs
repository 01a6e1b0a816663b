//! Asking the network for schedulers (icecream's UDP broadcast).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use icecream::Version;
use icecream::discovery::{self, Identity, MAX_DATAGRAM};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use crate::listen::pin_udp;

/// More schedulers than this in one window are somebody's flood.
const MAX_FOUND: usize = 256;

/// A scheduler that answered: connect to this address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub address: SocketAddr,
    pub identity: Identity,
}

/// A query that is under way.
#[derive(Debug)]
pub struct UdpDiscovery {
    socket: UdpSocket,
    own: Version,
}

impl UdpDiscovery {
    /// Sends the query to `port` of each target (see [`crate::broadcast_addresses`]).
    pub async fn start(port: u16, targets: &[Ipv4Addr]) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.set_broadcast(true)?;
        pin_udp(&socket)?;
        let own = Version::MAX;
        broadcast(&socket, &discovery::query(own), targets, port).await;
        Ok(Self { socket, own })
    }

    /// The next answer, for as long as it takes. Dropping the wait loses nothing.
    pub async fn next(&self) -> Found {
        let mut buffer = [0; MAX_DATAGRAM];
        loop {
            // An error here is an ICMP answer to one of the queries: another may still reply.
            let Ok((length, address)) = self.socket.recv_from(&mut buffer).await else {
                tokio::task::yield_now().await;
                continue;
            };
            if let Some(identity) = discovery::read_reply(&buffer[..length], self.own) {
                return Found { address, identity };
            }
        }
    }

    /// The answers that arrive within `window`.
    pub async fn collect(&self, window: Duration) -> Vec<Found> {
        let end = tokio::time::Instant::now() + window;
        let mut found: Vec<Found> = Vec::new();
        while found.len() < MAX_FOUND {
            let Ok(next) = timeout_at(end, self.next()).await else {
                break;
            };
            if !found.contains(&next) {
                found.push(next);
            }
        }
        found
    }
}

/// The scheduler to go to (see [`discovery::choose`]).
pub fn best<'a>(found: &'a [Found], net_name: &str) -> Option<&'a Found> {
    discovery::choose(found, |found| &found.identity, net_name)
}

/// Sends one datagram to each target. A network that cannot be reached now is skipped.
pub async fn broadcast(socket: &UdpSocket, datagram: &[u8], targets: &[Ipv4Addr], port: u16) {
    for target in targets {
        if let Err(error) = socket.send_to(datagram, (*target, port)).await {
            tracing::debug!(%target, port, %error, "a broadcast was not sent");
        }
    }
}
