//! The UDP port: answers to those who look for a scheduler, announcements to other schedulers, and
//! who yields to whom.

use std::net::SocketAddr;
use std::time::Duration;

use icecream::discovery::{self, Announcement, Datagram, Identity, MAX_DATAGRAM, Style};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use transport::{Reach, broadcast, broadcast_addresses};

use crate::core::Input;

const ANNOUNCE_PERIOD: Duration = Duration::from_secs(120);

/// This scheduler on the network.
#[derive(Debug)]
pub(crate) struct Beacon {
    pub(crate) socket: UdpSocket,
    pub(crate) identity: Identity,
    pub(crate) reach: Reach,
    /// The ports that announcements go to.
    pub(crate) ports: Vec<u16>,
}

impl Beacon {
    /// Answers and announces for ever.
    pub(crate) async fn shine(self, inputs: mpsc::Sender<Input>) {
        let mut announce = interval(ANNOUNCE_PERIOD);
        announce.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = [0; MAX_DATAGRAM];
        loop {
            tokio::select! {
                _ = announce.tick() => self.announce().await,
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.received(&buffer[..length], from, &inputs).await,
                    // An ICMP answer to something that was sent.
                    Err(_) => tokio::task::yield_now().await,
                },
            }
        }
    }

    async fn announce(&self) {
        let targets = match broadcast_addresses(self.reach) {
            Ok(targets) => targets,
            Err(error) => {
                tracing::warn!("the scheduler cannot announce itself: {error}");
                return;
            }
        };
        for datagram in discovery::announce(&self.identity) {
            for port in &self.ports {
                broadcast(&self.socket, &datagram, &targets, *port).await;
            }
        }
    }

    async fn received(&self, datagram: &[u8], from: SocketAddr, inputs: &mpsc::Sender<Input>) {
        match discovery::read(datagram) {
            Some(Datagram::Query(query)) => {
                tracing::debug!("broadcast from {from} (version {})", query.version());
                // Who asks again will be answered again.
                let _full = self
                    .socket
                    .try_send_to(&discovery::reply(query, &self.identity), from);
            }
            Some(Datagram::Announcement(other))
                if other.style == Style::Modern && other.identity != self.identity =>
            {
                self.heard(&other, from, inputs).await;
            }
            _ => {}
        }
    }

    async fn heard(&self, other: &Announcement, from: SocketAddr, inputs: &mpsc::Sender<Input>) {
        let Identity {
            version,
            start_time,
            net_name,
        } = &other.identity;
        let name = String::from_utf8_lossy(net_name);
        tracing::debug!(
            "Received scheduler announcement from {from} (version {version}, netname {name})"
        );
        if discovery::yields_to(&self.identity, other) {
            let text =
                format!("Scheduler from {from} (version {version}, start time {start_time})");
            let _stopping = inputs.send(Input::Outranked { text }).await;
        }
    }
}
