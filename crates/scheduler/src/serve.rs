//! Starting, the one place where the scheduler waits, and stopping.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use icecream::Version;
use icecream::discovery::Identity;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use transport::{Gate, Reach, bind_udp, listen_all, listen_tcp};
use wire::name::Port;

use crate::connection::Door;
use crate::core::{Core, Input};
use crate::discovery::Beacon;
use crate::election::{Ballot, Candidate};
use crate::{Config, SchedulerError, control, election, vigil};

/// Inputs that may wait for the owner of the state.
const MAX_INPUTS: usize = 1024;
/// Inputs that are noted before jobs are placed.
const MAX_BATCH: usize = 256;
/// For last words at the end.
const FAREWELL: Duration = Duration::from_millis(200);

/// A scheduler that has its ports and does not work yet.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    peers: Vec<TcpListener>,
    control: TcpListener,
    started_ms: u64,
    /// None: members know where the scheduler is, and nobody else is told.
    beacon: Option<Beacon>,
}

/// Takes the ports.
// Sockets need a runtime, and async says so.
#[allow(clippy::unused_async)]
pub async fn bind(config: Config) -> Result<Bound, SchedulerError> {
    let control_port = match config.port {
        0 => 0,
        port => port.checked_add(1).ok_or(SchedulerError::NoControlPort)?,
    };
    let address = match config.listen.as_slice() {
        [] => Ipv4Addr::UNSPECIFIED.into(),
        [first, ..] => *first,
    };
    let peers = match (config.listen.as_slice(), &config.gate) {
        ([], Gate::Open) => vec![listen_tcp(SocketAddr::new(address, config.port))?],
        (listen, _) => listen_all(listen, config.port)?,
    };
    let own = peers.first().map(TcpListener::local_addr);
    let own = own.transpose().map_err(SchedulerError::OwnAddress)?;
    let own = SocketAddr::new(address, own.map_or(config.port, |own| own.port()));
    let started_ms = started_ms(config.fake_start_time);
    let members_only = matches!(config.gate, Gate::Members(_));
    let control_address = if members_only {
        Ipv4Addr::LOCALHOST.into()
    } else {
        address
    };
    let control = listen_tcp(SocketAddr::new(control_address, control_port))?;
    if members_only {
        return Ok(Bound {
            started_ms,
            config,
            peers,
            control,
            beacon: None,
        });
    }
    let socket = bind_udp(own)?;
    let ports = match config.broadcast_ports.as_slice() {
        [] => vec![own.port()],
        ports => ports.to_vec(),
    };
    let reach = if config.tests {
        Reach::Loopback
    } else {
        Reach::Network
    };
    let beacon = Beacon {
        socket,
        identity: Identity {
            version: Version::MAX.number(),
            start_time: started_ms / 1000,
            net_name: config.net_name.clone().into_bytes(),
        },
        reach,
        ports,
    };
    Ok(Bound {
        started_ms,
        config,
        peers,
        control,
        beacon: Some(beacon),
    })
}

/// Serves until `shutdown` ends.
pub async fn run(bound: Bound, shutdown: impl Future<Output = ()>) -> Result<(), SchedulerError> {
    bound.serve(shutdown).await;
    Ok(())
}

impl Bound {
    /// The port that daemons and monitors connect to.
    pub fn port(&self) -> Option<u16> {
        let address = self.peers.first()?.local_addr();
        address.ok().map(|address| address.port())
    }

    pub fn control_port(&self) -> Option<u16> {
        self.control.local_addr().ok().map(|address| address.port())
    }

    /// Has this scheduler stand for election, where there may be others.
    fn elect(&self, inputs: &mpsc::Sender<Input>, tasks: &mut JoinSet<()>) -> Option<Ballot> {
        let live = self.config.gate.live()?.clone();
        let schedulers = self.config.schedulers.clone()?;
        let port = Port::new(self.port()?.into()).ok()?;
        let own = Candidate {
            member: live.member()?,
            name: self.config.name.clone(),
            started_ms: self.started_ms,
            addresses: self.config.advertise.clone(),
        };
        let (ballot, count) = election::prepare(own, port);
        tasks.spawn(count.keep(live, schedulers, inputs.clone()));
        Some(ballot)
    }

    async fn serve(self, shutdown: impl Future<Output = ()>) {
        allow_many_connections();
        let (sender, mut inputs) = mpsc::channel(MAX_INPUTS);
        let mut core = Core::new(&self.config, sender.clone());
        let mut tasks = JoinSet::new();
        let ballot = self.elect(&sender, &mut tasks);
        let door = Door::new(sender.clone(), self.config.gate.clone(), ballot);
        for peers in self.peers {
            tasks.spawn(door.clone().keep(peers));
        }
        let whose = match self.config.gate {
            Gate::Members(_) => control::Whose::ItsOwner,
            Gate::Open | Gate::Mixed(_) => control::Whose::Everybody,
        };
        tasks.spawn(control::keep(self.control, whose, sender.clone()));
        if self.config.gate.live().is_some() {
            tasks.spawn(vigil::keep(self.config.papers.clone(), sender.clone()));
        }
        if let Some(beacon) = self.beacon {
            tasks.spawn(beacon.shine(sender));
        }
        tracing::info!("scheduler ready, algorithm: {}", self.config.algorithm);

        let mut shutdown = pin!(shutdown);
        let mut batch: Vec<Input> = Vec::with_capacity(MAX_BATCH);
        loop {
            let patience = core.patience();
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                _ = inputs.recv_many(&mut batch, MAX_BATCH) => {
                    for input in batch.drain(..) {
                        core.apply(core.now(), input);
                    }
                }
                () = tokio::time::sleep(patience.unwrap_or_default()), if patience.is_some() => {
                    core.tick(core.now());
                }
            }
            core.settle(core.now());
        }
        tracing::info!("scheduler stops");
        core.shut_down();
        tasks.shutdown().await;
        tokio::time::sleep(FAREWELL).await;
    }
}

/// Milliseconds since 1970. The order of schedulers, in icecream's election as in that of members.
fn started_ms(fake: bool) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    now.saturating_sub(if fake { 1_000_000 } else { 0 })
}

/// Each host is a connection, and shells give few file descriptors by default.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    ) {
        tracing::warn!("the limit of open files cannot be raised: {error}; see `ulimit -n`");
    }
}
