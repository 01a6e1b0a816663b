//! What a scheduler is started with.

use std::net::IpAddr;

use placement::Algorithm;
use tokio::sync::watch;
use transport::{Gate, HostPort, Papers, Schedulers};

/// Everything that options and environment decide.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name by which daemons choose among schedulers (`-n`).
    pub net_name: String,
    /// TCP and UDP port (`-p`); the control port is the next one. 0 takes free ports, for tests.
    pub port: u16,
    /// Listen on these addresses only (`-i`, `--listen`); without any on all, those of IPv6 only where all are
    /// members: icecream knows none.
    pub listen: Vec<IpAddr>,
    /// Whose daemons and monitors are taken. With members only, nobody else gets an answer: the control port
    /// is this host's alone, and nothing is broadcast.
    pub gate: Gate,
    /// What this host is as a member: its key signs members' grants, and without it there are none. At each
    /// change all members who are connected are asked anew whether they are still trusted.
    pub papers: Option<watch::Receiver<Papers>>,
    /// The cluster's other schedulers, of which one is elected. Without it this one is.
    pub schedulers: Option<watch::Receiver<Schedulers>>,
    /// This host's name as a member, for people.
    pub name: String,
    /// Where others reach this scheduler, if not where they are told to look.
    pub advertise: Vec<HostPort>,
    /// How to choose hosts (`-a`).
    pub algorithm: Algorithm,
    /// Keep the daemons when a better scheduler announces itself (`-r`).
    pub persistent_clients: bool,
    /// Broadcast on loopback only (`ICECC_TESTS`).
    pub tests: bool,
    /// The ports to send announcements to (`ICECC_TEST_SCHEDULER_PORTS`); empty for `port` alone.
    pub broadcast_ports: Vec<u16>,
    /// Claim to have started 1000 s earlier (`ICECC_FAKE_STARTTIME`).
    pub fake_start_time: bool,
    /// Seed of the algorithm that chooses by chance.
    pub seed: u64,
}

impl Config {
    pub const DEFAULT_PORT: u16 = 8765;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            net_name: icecream::discovery::DEFAULT_NET_NAME.to_owned(),
            port: Self::DEFAULT_PORT,
            listen: Vec::new(),
            gate: Gate::Open,
            papers: None,
            schedulers: None,
            name: "this host".to_owned(),
            advertise: Vec::new(),
            algorithm: Algorithm::Fastest,
            persistent_clients: false,
            tests: false,
            broadcast_ports: Vec::new(),
            fake_start_time: false,
            seed: 0,
        }
    }
}
