//! What a daemon is told at its start. Option parsing is the program's business.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::load::ProcPaths;

/// The TCP port for compiles.
pub const DEFAULT_PORT: u16 = 10245;
/// The scheduler's port, TCP and UDP.
pub const SCHEDULER_PORT: u16 = 8765;

/// A host and perhaps a port, as `-s` and ICECC_SCHEDULER give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Empty: look for the scheduler by broadcast, on this port.
    pub host: String,
    pub port: Option<u16>,
}

impl HostPort {
    /// Reads `HOST`, `HOST:PORT` or `:PORT`.
    pub fn parse(given: &str) -> Result<Self, BadHostPort> {
        let bad = |why| BadHostPort {
            given: given.to_owned(),
            why,
        };
        let (host, port) = match given.rsplit_once(':') {
            None => (given, None),
            Some((host, port)) => match port.parse() {
                Ok(port) if port > 0 => (host, Some(port)),
                _ => return Err(bad("the part behind the colon is no port (1 to 65535)")),
            },
        };
        if host.is_empty() && port.is_none() {
            return Err(bad("it is empty"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Why a scheduler's address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scheduler {given:?} is not HOST[:PORT]: {why}")]
pub struct BadHostPort {
    given: String,
    why: &'static str,
}

/// Everything a daemon is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Only schedulers of this net are used, unless `scheduler` names one.
    pub netname: String,
    pub node_name: String,
    /// Compiles at once. 0 takes no foreign ones and still runs one local job at a time.
    pub slots: u32,
    /// Added to foreign compiles.
    pub nice: u8,
    pub scheduler: Option<HostPort>,
    /// Toolchains live below it. What is there and was not made by a daemon stays.
    pub base_dir: PathBuf,
    pub cache_limit_bytes: u64,
    pub port: u16,
    /// Listen on this address (and on 127.0.0.1) instead of all.
    pub bind: Option<Ipv4Addr>,
    /// Take no foreign compiles: no TCP port at all.
    pub no_remote: bool,
    /// Account to run as when started by root.
    pub user: Option<String>,
    /// Where clients of this host connect. None: the usual place.
    pub socket: Option<PathBuf>,
    /// Zstandard level of what is sent.
    pub compression: i32,
    /// ICECC_TESTS: broadcast on loopback only, reconnect fast.
    pub tests: bool,
    /// ICECC_TEST_SCHEDULER_PORTS: ports that every discovery broadcast goes to.
    pub test_scheduler_ports: Vec<u16>,
    pub proc_paths: ProcPaths,
}

impl Config {
    /// A daemon that looks for its scheduler by itself and keeps its toolchains in `base_dir`.
    pub fn new(base_dir: PathBuf) -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        let node = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Self {
            netname: icecream::discovery::DEFAULT_NET_NAME.to_owned(),
            node_name: node,
            slots: u32::try_from(slots).unwrap_or(1),
            nice: 5,
            scheduler: None,
            base_dir,
            cache_limit_bytes: 256 << 20,
            port: DEFAULT_PORT,
            bind: None,
            no_remote: false,
            user: None,
            socket: None,
            compression: icecream::chunk::DEFAULT_LEVEL,
            tests: false,
            test_scheduler_ports: Vec::new(),
            proc_paths: ProcPaths::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_schedulers_address_are_read() {
        let of = |host: &str, port| {
            Ok(HostPort {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(HostPort::parse("box"), of("box", None));
        assert_eq!(HostPort::parse("10.0.0.1:8767"), of("10.0.0.1", Some(8767)));
        assert_eq!(HostPort::parse(":8767"), of("", Some(8767)));
        for bad in ["", "box:", "box:0", "box:x", "box:70000", ":"] {
            assert!(HostPort::parse(bad).is_err(), "{bad}");
        }
    }
}
