//! What a scheduler is started with.

use membership::Signer;
use placement::Algorithm;
use tokio::sync::watch;
use transport::Gate;

/// Everything that options and environment decide.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name by which daemons choose among schedulers (`-n`).
    pub net_name: String,
    /// TCP and UDP port (`-p`); the control port is the next one. 0 takes free ports, for tests.
    pub port: u16,
    /// Listen on this interface's address only (`-i`); `lo` is 127.0.0.1.
    pub interface: Option<String>,
    /// Whose daemons and monitors are taken. With members only, nobody else gets an answer: the control port
    /// is this host's alone, and nothing is broadcast.
    pub gate: Gate,
    /// Who signs members' grants; without one there are none. Whoever keeps this host's certificate and the list of
    /// revoked members up to date sends the signer again whenever either has changed, be it the same signer:
    /// all members who are connected are then asked anew whether they are still trusted.
    pub signer: Option<watch::Receiver<Option<Signer>>>,
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
            interface: None,
            gate: Gate::Open,
            signer: None,
            algorithm: Algorithm::Fastest,
            persistent_clients: false,
            tests: false,
            broadcast_ports: Vec::new(),
            fake_start_time: false,
            seed: 0,
        }
    }
}
