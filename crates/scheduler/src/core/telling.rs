//! What the core says: to peers, to monitors, to the log.

use icecream::Message;
use job::HostId;
use membership::Peer as Member;
use placement::{Assignment, Dismissal, Notice, Place, WhyHome};

use super::Core;
use crate::connection::Peer;
use crate::monitor;
use crate::outbox::Outbox;

impl Core {
    pub(super) fn announce(&mut self, notice: &Notice) {
        monitor::log(&self.cluster, notice);
        if self.monitors.is_empty() {
            return;
        }
        let Some(message) = monitor::message(&self.cluster, notice) else {
            return;
        };
        for (peer, monitor) in &mut self.monitors {
            if monitor.outbox.push(message.clone()) {
                self.filled.push(*peer);
            }
        }
    }

    pub(super) fn outbox(&mut self, peer: Peer) -> Option<&mut Outbox> {
        match self.daemons.get_mut(&peer) {
            Some(daemon) => Some(&mut daemon.outbox),
            None => self
                .monitors
                .get_mut(&peer)
                .map(|monitor| &mut monitor.outbox),
        }
    }

    /// Queues a message for a connection, if it still is one.
    pub(super) fn tell(&mut self, peer: Peer, message: Message) {
        if let Some(outbox) = self.outbox(peer)
            && outbox.push(message)
        {
            self.filled.push(peer);
        }
    }

    pub(super) fn log_assignment(&self, assignment: &Assignment) {
        let job = assignment.job;
        match &assignment.place {
            Place::Home(WhyHome::NoSuitableHost) => {
                tracing::info!("No suitable host found, assigning submitter (job {job})");
            }
            Place::Home(WhyHome::NobodyWilling) => {
                tracing::info!(
                    "job {job} goes back to its submitter: every host that could take it has refused work for {} s",
                    placement::Cluster::WILL_PATIENCE.as_secs()
                );
            }
            Place::Home(why) => tracing::debug!("job {job} stays with its submitter: {why:?}"),
            Place::Host {
                host,
                has_toolchain,
                ..
            } => {
                let installs = if *has_toolchain {
                    ""
                } else {
                    " (will install now)"
                };
                tracing::debug!("put {job} in joblist of {}{installs}", self.name(*host));
            }
        }
    }

    pub(super) fn log_unreachable(&self, peer: Peer) {
        if let Some(host) = self.cluster.host(HostId(peer.0)) {
            tracing::warn!(
                "host {} gets no jobs: its port {} at {} cannot be reached from here; is it open in its firewall?",
                host.name,
                host.port,
                host.address
            );
        }
    }

    pub(super) fn name(&self, host: HostId) -> &str {
        self.cluster
            .host(host)
            .map_or("<unknown>", |host| host.name.as_str())
    }
}

/// What the log says of a host that is disconnected, and of the member that it was.
pub(super) fn dismissed(host: HostId, why: &Dismissal, member: Option<&Member>) {
    match (why, member) {
        (Dismissal::Replaced { from: Some(_) }, Some(member)) => {
            tracing::warn!("{} ({}) is disconnected: {why}", member.name, member.member);
        }
        _ => tracing::info!("host {host} is disconnected: {why}"),
    }
}
