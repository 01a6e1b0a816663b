//! Whole clusters in one process: an authority, members and connections in memory.

mod attacks;
mod authority;
mod crashes;
mod joining;
mod members;
mod rotation;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};
use tempfile::TempDir;

use crate::*;

pub(super) const START: u64 = 1_800_000_000;
pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 24 * HOUR;

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub(super) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(super) fn now(&self) -> UnixTime {
        time::at(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(super) fn arc(&self) -> Arc<dyn TimeProvider> {
        Arc::new(self.clone())
    }
}

impl TimeProvider for Hands {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

/// An authority with its clock and its directory.
pub(super) struct Cluster {
    pub(super) directory: TempDir,
    pub(super) clock: Hands,
    pub(super) service: JoinService,
    hosts: u32,
}

/// A member with its directory.
pub(super) struct Host {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) live: Live,
}

pub(super) fn options(roles: Roles) -> InviteOptions {
    InviteOptions {
        roles,
        uses: 1,
        lifetime: Duration::from_secs(HOUR),
        addresses: Vec::new(),
    }
}

pub(super) fn caller() -> Caller<'static> {
    Caller {
        peer: None,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    }
}

impl Cluster {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Hands(Arc::new(AtomicU64::new(START)));
        let authority = create(&directory.path().join("authority"), &clock);
        Self {
            directory,
            clock,
            service: JoinService::new(authority),
            hosts: 0,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("authority")
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    pub(super) fn authority(&mut self) -> &mut Authority {
        self.service.authority()
    }

    pub(super) fn invite(&mut self, roles: Roles) -> Invite {
        let now = self.now();
        self.authority().invite(&options(roles), None, now).unwrap()
    }

    pub(super) fn ask(&mut self, request: &Request, peer: Option<&Peer>) -> Result<Reply, Refusal> {
        let caller = Caller { peer, ..caller() };
        let now = self.now();
        let (reply, trouble) = self.service.handle(request, caller, now);
        assert!(trouble.is_none(), "{trouble:?}");
        match reply {
            Reply::Refused(refusal) => Err(refusal),
            reply => Ok(reply),
        }
    }

    pub(super) fn issued(
        &mut self,
        request: &Request,
        peer: Option<&Peer>,
    ) -> Result<Issued, Refusal> {
        match self.ask(request, peer)? {
            Reply::Issued(issued) => Ok(*issued),
            other => panic!("{other:?}"),
        }
    }

    /// A new host that joins with an invitation of its own.
    pub(super) fn host(&mut self, roles: Roles) -> Host {
        let invite = self.invite(roles);
        self.joined(&invite).unwrap()
    }

    pub(super) fn joined(&mut self, invite: &Invite) -> Result<Host, Refusal> {
        self.hosts += 1;
        let path = self.directory.path().join(format!("host-{}", self.hosts));
        let joining = Joining::begin(&path, invite).unwrap();
        let name: HostName = format!("host-{}", self.hosts).parse().unwrap();
        let issued = self.issued(&joining.request(&name).unwrap(), None)?;
        let identity = joining.finish(&issued, self.now()).unwrap();
        let live = identity.live(self.clock.arc()).unwrap();
        Ok(Host {
            path,
            identity,
            live,
        })
    }

    /// Renews over a connection in memory, as a member does.
    pub(super) fn renew(&mut self, host: &mut Host) -> Result<(), RenewError> {
        let now = self.now();
        let clock = self.clock.arc();
        let endpoint = Endpoint::new(self.authority(), clock, now).unwrap();
        let server = endpoint.server(&[ALPN_AUTHORITY]).unwrap();
        let mut pair = Pair::new(host.live.renewal_client(), server, Expect::Authority);
        pair.shake().map_err(RenewError::Tls)?;
        let peer = endpoint.caller(&pair.server, now).unwrap();
        let (renewing, request) = host.identity.renewal().unwrap();
        let issued = self
            .issued(&request, peer.as_ref())
            .map_err(RenewError::Refused)?;
        host.identity
            .renewed(&renewing, &issued, &host.live, now)
            .unwrap();
        Ok(())
    }

    pub(super) fn revoke(&mut self, host: &Host) -> Vec<u8> {
        let (member, now) = (host.identity.member(), self.now());
        self.authority().revoke(member, None, now).unwrap();
        self.authority().revocations().unwrap().unwrap().1
    }

    pub(super) fn log(&self) -> String {
        let logs = ["audit.log", "renewals.log", "refusals.log"];
        let read = |name| std::fs::read_to_string(self.path().join(name)).unwrap_or_default();
        logs.map(read).concat()
    }
}

#[derive(Debug)]
pub(super) enum RenewError {
    Tls(Broken),
    Refused(Refusal),
}

pub(super) fn create(path: &Path, clock: &Hands) -> Authority {
    let addresses = vec!["authority.example:10245".parse().unwrap()];
    Authority::create(path, "test".parse().unwrap(), addresses, clock.now()).unwrap()
}

/// Both ends of a connection; bytes are carried by hand.
pub(super) struct Pair {
    pub(super) client: ClientConnection,
    pub(super) server: ServerConnection,
}

/// Which side refused, and why.
#[derive(Debug)]
pub(super) enum Broken {
    Client(Error),
    Server(Error),
}

impl Broken {
    pub(super) fn cause(&self) -> Option<Distrust> {
        match self {
            Self::Client(error) | Self::Server(error) => Distrust::of(error),
        }
    }
}

impl Pair {
    pub(super) fn new(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
        expect: Expect,
    ) -> Self {
        Self {
            client: ClientConnection::new(client, expect.server_name()).unwrap(),
            server: ServerConnection::new(server).unwrap(),
        }
    }

    pub(super) fn between(client: &Host, server: &Host, expect: Expect) -> Self {
        Self::new(client.live.client(), server.live.server(), expect)
    }

    /// Carries bytes until nobody has any left.
    pub(super) fn shake(&mut self) -> Result<(), Broken> {
        loop {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            let mut quiet = bytes.is_empty();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                self.server.read_tls(&mut rest).unwrap();
                self.server.process_new_packets().map_err(Broken::Server)?;
            }
            let mut bytes = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            quiet &= bytes.is_empty();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                self.client.process_new_packets().map_err(Broken::Client)?;
            }
            if quiet {
                return Ok(());
            }
        }
    }
}

/// Connects, and asks both ends who the other one is.
pub(super) fn meet(
    client: &Host,
    server: &Host,
    expect: Expect,
    now: UnixTime,
) -> Result<(Peer, Peer), Option<Distrust>> {
    let mut pair = Pair::between(client, server, expect);
    pair.shake().map_err(|broken| broken.cause())?;
    let at_server = Peer::accepted(&pair.server, &server.live, now).map_err(Some)?;
    let at_client = Peer::connected(&pair.client, expect, &client.live, now).map_err(Some)?;
    Ok((at_server, at_client))
}
