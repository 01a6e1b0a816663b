//! What a daemon is told at its start. Option parsing is the program's business.

use std::net::IpAddr;
use std::path::PathBuf;

use job::Role;
use membership::Roles;
use tokio::sync::watch;
use transport::{Gate, HostPort, Papers, Passport, Schedulers};

use crate::guard::Recheck;
use crate::load::{self, ProcPaths};
use crate::openness::Openness;
use crate::owner::Owner;

/// The TCP port for compiles.
pub const DEFAULT_PORT: u16 = 10245;
/// The scheduler's port, TCP and UDP.
pub const SCHEDULER_PORT: u16 = 8765;

/// How the scheduler is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Find {
    /// By broadcast to this UDP port; only schedulers of our net are used.
    Broadcast { port: u16 },
    /// It is there, whatever its net.
    At(HostPort),
    /// At the first of these that lets this host in; nowhere if there is none.
    OneOf(Vec<HostPort>),
}

impl Default for Find {
    fn default() -> Self {
        Self::Broadcast {
            port: SCHEDULER_PORT,
        }
    }
}

impl Find {
    /// Reads `HOST`, `HOST:PORT`, or `:PORT` for a broadcast to that port, as `-s` and
    /// ICECC_SCHEDULER give them. Nothing at all is the usual broadcast.
    pub fn parse(given: &str) -> Result<Self, String> {
        let given = given.trim();
        if given.is_empty() {
            return Ok(Self::default());
        }
        let Some(port) = given.strip_prefix(':').filter(|rest| !rest.contains(':')) else {
            return HostPort::parse(given, SCHEDULER_PORT).map(Self::At);
        };
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self::Broadcast { port }),
            _ => Err(format!(
                "{given:?} is no place for a scheduler: the port must be 1 to 65535"
            )),
        }
    }
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
    pub scheduler: Find,
    /// Toolchains live below it. What is there and was not made by a daemon stays.
    pub base_dir: PathBuf,
    pub cache_limit_bytes: u64,
    pub port: u16,
    /// Connect from this address.
    pub bind: Option<IpAddr>,
    /// Listen on these addresses (and on 127.0.0.1) instead of all.
    pub listen: Vec<IpAddr>,
    /// All addresses are those of IPv6 as well. icecream knows none.
    pub ipv6: bool,
    /// Where other members reach this host, if not at the address that the scheduler sees.
    pub advertise: Vec<HostPort>,
    /// Whose compiles are taken.
    pub gate: Gate,
    /// As whom this host goes to the scheduler.
    pub passport: Passport,
    /// What this host's agents show to other members, where this host is one.
    pub papers: Option<watch::Receiver<Papers>>,
    /// The cluster's schedulers, of which one is elected; they are asked besides those of `scheduler`.
    pub schedulers: Option<watch::Receiver<Schedulers>>,
    /// Compiles only under grants: by floe's own protocol and not by icecream's messages. Only where all
    /// are members.
    pub grants_only: bool,
    /// Has members' connections looked at again.
    pub recheck: Recheck,
    /// What this host may do as a member.
    pub roles: Option<Roles>,
    /// Take no foreign compiles: no TCP port at all.
    pub no_remote: bool,
    /// No sandbox works here, which has the same effect. The daemon itself finds that out.
    pub no_sandbox: bool,
    pub owner: Owner,
    /// Account to run as when started by root.
    pub user: Option<String>,
    /// Where clients of this host connect. None: the usual place.
    pub socket: Option<PathBuf>,
    /// What this host can unpack, as LOGIN says it: bit 0 xz, bit 1 zstd.
    pub features: u32,
    /// Zstandard level of what is sent.
    pub compression: i32,
    /// ICECC_SLOW_NETWORK: small writes.
    pub slow_network: bool,
    /// ICECC_TESTS: broadcast on loopback only, reconnect fast.
    pub tests: bool,
    /// ICECC_TEST_SCHEDULER_PORTS: ports that every discovery broadcast goes to.
    pub test_scheduler_ports: Vec<u16>,
    pub proc_paths: ProcPaths,
}

impl Config {
    /// Bytes of memory for all foreign compiles together.
    pub fn memory(&self) -> u64 {
        let given = self.owner.memory.map(|size| size.0);
        given.unwrap_or_else(|| load::share_of_memory(&self.proc_paths))
    }

    /// Who may ask for compiles.
    pub fn openness(&self) -> Openness {
        match (&self.gate, &self.scheduler) {
            (Gate::Open, Find::OneOf(_)) => Openness::Nobody,
            (Gate::Open, _) => Openness::Everybody,
            (Gate::Members(_), _) => Openness::Members,
            (Gate::Mixed(_), _) => Openness::Mixed,
        }
    }

    /// The roles of a member that may not execute: the scheduler sends it nothing.
    pub(crate) fn not_executing(&self) -> Option<Roles> {
        self.roles.filter(|roles| !roles.may(Role::Execute))
    }

    /// The roles of a member that has nothing to do with compiles.
    pub(crate) fn has_no_part(&self) -> Option<Roles> {
        self.not_executing()
            .filter(|roles| !roles.may(Role::Submit))
    }

    /// Why this host is a member of its cluster no more, as far as is known.
    pub(crate) fn fallen(&self) -> Option<String> {
        self.papers.as_ref()?.borrow().fallen.clone()
    }

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
            scheduler: Find::default(),
            base_dir,
            cache_limit_bytes: 256 << 20,
            port: DEFAULT_PORT,
            bind: None,
            listen: Vec::new(),
            ipv6: false,
            advertise: Vec::new(),
            gate: Gate::Open,
            passport: Passport::None,
            papers: None,
            schedulers: None,
            grants_only: false,
            recheck: Recheck::default(),
            roles: None,
            no_remote: false,
            no_sandbox: false,
            owner: Owner::default(),
            user: None,
            socket: None,
            features: 3,
            compression: icecream::chunk::DEFAULT_LEVEL,
            slow_network: false,
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
    fn the_forms_of_a_schedulers_place_are_read() {
        let at = |host: &str, port| {
            Ok(Find::At(HostPort {
                host: host.to_owned(),
                port,
            }))
        };
        assert_eq!(Find::parse("box"), at("box", 8765));
        assert_eq!(Find::parse("10.0.0.1:8767"), at("10.0.0.1", 8767));
        assert_eq!(Find::parse("::1"), at("::1", 8765));
        assert_eq!(Find::parse(":8767"), Ok(Find::Broadcast { port: 8767 }));
        assert_eq!(Find::parse(""), Ok(Find::Broadcast { port: 8765 }));
        for bad in ["box:", "box:0", "box:x", "box:70000", ":"] {
            assert!(Find::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_admin_executes_and_a_monitor_does_not() {
        for (role, executes) in [
            (Role::Admin, true),
            (Role::Execute, true),
            (Role::Monitor, false),
            (Role::Schedule, false),
        ] {
            let mut config = Config::new("/nowhere".into());
            assert_eq!(config.not_executing(), None);
            config.roles = Some(Roles::only(role));
            assert_eq!(config.not_executing().is_none(), executes, "{role}");
        }
    }
}
