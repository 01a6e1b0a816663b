//! Connecting to a scheduler that may be asleep.
//!
//! icecream's scheduler sleeps up to 36 s before it looks at its listening socket when the daemons
//! it knows are quiet (measured with 1.4: 36.0 s until its handshake). A discovery query wakes it:
//! with one each half second the same login took 0.9 s. Ours answers at once and is never asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use icecream::{Version, discovery};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use crate::channel::{Channel, Options};
use crate::error::TransportError;
use crate::listen::pin_udp;

/// How long the handshake may rest before the scheduler is nudged, and between two nudges.
const PATIENCE: Duration = Duration::from_millis(500);

/// [`Channel::connect_tcp_with`] to a scheduler, with a nudge for one that sleeps.
pub async fn connect_scheduler(
    address: SocketAddr,
    deadline: Duration,
    bind: Option<IpAddr>,
    options: Options,
) -> Result<Channel, TransportError> {
    let connecting = Channel::connect_tcp_with(address, deadline, bind, options);
    tokio::select! {
        connected = connecting => connected,
        never = nudge(address) => match never {},
    }
}

/// Sends discovery queries until it is dropped. Their answers are of no interest, nor is a failure.
async fn nudge(address: SocketAddr) -> std::convert::Infallible {
    sleep(PATIENCE).await;
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await;
    let socket = socket.and_then(|socket| pin_udp(&socket).map(|()| socket));
    loop {
        if let Ok(socket) = &socket {
            let _ = socket
                .send_to(&discovery::query(Version::MAX), address)
                .await;
        }
        sleep(PATIENCE).await;
    }
}
