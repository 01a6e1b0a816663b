//! The daemon of this host, by its Unix socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use icecream::{JobLocalBegin, Message, UseCs};
use job::Reason;
use transport::{Channel, Options, TransportError};

use super::{Places, Seat, Slot, Spares, broken, next, words};
use crate::cluster::{self, Cluster, Failure, Place, Wish};

/// icecream's daemon answers one newcomer after the other and lets a silent one keep it for 15 s.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A daemon whose backlog is full refuses at once; it is asked again for so long.
const FULL_BACKLOG: Duration = Duration::from_secs(20);

/// How long a local job may wait for its slot, as in icecream.
const SLOT: Duration = Duration::from_secs(2400);
const ALL_SLOTS: Duration = Duration::from_secs(7200);

/// How long the scheduler may take to name a host; nice jobs wait for idle hosts.
const PLACEMENT: Duration = Duration::from_secs(240);
const NICE_PLACEMENT: Duration = Duration::from_secs(3600);

/// Where icecream's daemon listens for TCP.
const DAEMON_PORT: u16 = 10245;

/// A connection to the daemon, good for one job.
#[derive(Debug)]
pub(crate) struct Daemon {
    channel: Channel,
    slow_network: bool,
    /// What else is known of it.
    cluster: Option<Arc<Cluster>>,
}

impl Daemon {
    /// A connection to the first daemon that answers, ready or new.
    pub(crate) async fn find(
        spares: &Arc<Spares>,
        places: &Places,
        slow_network: bool,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Self, Failure> {
        let channel = match spares.take(places) {
            Some(channel) => channel,
            None => connect_to_one(places).await?,
        };
        spares.replenish(places);
        Ok(Self {
            channel,
            slow_network,
            cluster,
        })
    }

    /// The socket, for display.
    pub(crate) fn address(&self) -> String {
        self.channel.peer_addr().to_string()
    }

    /// Waits until this host has a slot for a compiler.
    pub(crate) async fn slot(mut self, output: &Path, all_slots: bool) -> Result<Slot, Failure> {
        let begin = JobLocalBegin {
            start_time: unix_seconds(),
            outfile: output.as_os_str().as_bytes().to_vec(),
            id: 0,
            full: all_slots,
        };
        let asked = self.channel.send(&Message::JobLocalBegin(begin)).await;
        asked.map_err(|error| lost(&broken(&error)))?;
        let limit = if all_slots { ALL_SLOTS } else { SLOT };
        match next(&mut self.channel, limit, "a slot").await {
            Ok(Message::JobLocalBegin(_)) => Ok(Slot::local(self.channel)),
            Ok(_) => Err(unexpected("a slot")),
            Err(failure) => Err(lost(&failure)),
        }
    }

    /// Asks the scheduler, through the daemon, where a job may run. `remote_on_loopback`: 127.0.0.1
    /// is a host like any other.
    pub(crate) async fn place(
        mut self,
        wish: &Wish,
        remote_on_loopback: bool,
    ) -> Result<Place, Failure> {
        let asked = self
            .channel
            .send(&Message::GetCs(words::get_cs(wish)))
            .await;
        asked.map_err(|error| lost(&broken(&error)))?;
        let limit = if wish.niceness > 0 {
            NICE_PLACEMENT
        } else {
            PLACEMENT
        };
        let place = match next(&mut self.channel, limit, "a host").await {
            Ok(Message::UseCs(place)) => place,
            Ok(_) => return Err(unexpected("a host")),
            Err(failure) if failure.reason == Reason::PeerTimeout => {
                return Err(Failure::here(Reason::AssignmentTimeout, failure.detail));
            }
            Err(failure) => return Err(lost(&failure)),
        };
        if place.hostname == "127.0.0.1" && !(remote_on_loopback && place.port != 0) {
            return self.sent_home(&place).await;
        }
        let toolchain = wish
            .toolchains
            .iter()
            .find(|have| have.platform == place.host_platform);
        let Some(toolchain) = toolchain.or(wish.toolchains.first()) else {
            return Err(unexpected("a host of a platform that the toolchain is for"));
        };
        let (toolchain, slow_network) = (toolchain.clone(), self.slow_network);
        let seat = Seat::new(self.channel, place, toolchain, slow_network, self.cluster);
        Ok(Place::Elsewhere(Box::new(cluster::Seat::Icecream(seat))))
    }

    /// The scheduler chose this host, or there is no scheduler: the daemon has granted a slot.
    async fn sent_home(mut self, place: &UseCs) -> Result<Place, Failure> {
        let notice = Message::CompileFile(words::compiled_here(place.job_id));
        self.channel
            .send(&notice)
            .await
            .map_err(|error| lost(&broken(&error)))?;
        // icecream's daemon always answers with client 1, floe's with 0 when it has no scheduler.
        let reason = match place.client_id {
            0 => Reason::NoScheduler,
            UseCs::WITH_REASON => Reason::of_answer(place.matched_job_id),
            _ => Reason::NoHost,
        };
        Ok(Place::Here {
            slot: Slot::sent_home(self.channel, place.job_id),
            reason,
        })
    }
}

pub(super) async fn connect_to_one(places: &Places) -> Result<Channel, Failure> {
    let mut last = None;
    for socket in &places.sockets {
        match connect(socket).await {
            Ok(channel) => return Ok(channel),
            Err(error) => last = Some(error),
        }
    }
    if places.loopback {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, DAEMON_PORT));
        match Channel::connect_tcp(address, HANDSHAKE, None).await {
            Ok(channel) => return Ok(channel),
            Err(error) => last = last.or(Some(error)),
        }
    }
    let detail = last.map_or_else(String::new, |error| error.to_string());
    Err(Failure::here(Reason::DaemonUnavailable, detail))
}

async fn connect(socket: &Path) -> Result<Channel, TransportError> {
    let began = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let error = match Channel::connect_unix_with(socket, HANDSHAKE, Options::default()).await {
            Ok(channel) => return Ok(channel),
            Err(error) => error,
        };
        let full = matches!(
            &error,
            TransportError::Connect { source, .. } if source.kind() == io::ErrorKind::WouldBlock
        );
        if !full || began.elapsed() > FULL_BACKLOG {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A daemon that breaks off is one that is not there: no executor can be had without it.
fn lost(failure: &Failure) -> Failure {
    Failure::here(Reason::DaemonUnavailable, failure.detail.clone())
}

fn unexpected(wanted: &str) -> Failure {
    let detail = format!("the daemon answered something else when asked for {wanted}");
    Failure::here(Reason::DaemonUnavailable, detail)
}

fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX))
}
