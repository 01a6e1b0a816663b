//! A cluster in one process: real identities and TLS, a scheduler that signs what is wanted, executors
//! with a manner each.

mod agent;
mod executor;
mod scheduler;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use membership::{
    Authority, Caller, Identity, Invite, InviteOptions, JoinService, Joining, Live, MemberId,
    Reply, Request, Role, Roles, UnixTime,
};
use rustls::time_provider::DefaultTimeProvider;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(super) use agent::Agent;
pub(super) use executor::{Executor, Manner, OBJECT, Seen};
pub(super) use scheduler::Scheduler;

pub(super) const SOON: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

/// An authority and whom it made members.
pub(super) struct World {
    pub(super) directory: TempDir,
    service: JoinService,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority");
        let name = "home".parse().unwrap();
        let authority = Authority::create(&path, name, Vec::new(), UnixTime::now()).unwrap();
        Self {
            directory,
            service: JoinService::new(authority),
        }
    }

    fn invite(&mut self, roles: &[Role]) -> Invite {
        let options = InviteOptions {
            roles: Roles::of(roles).unwrap(),
            uses: 1,
            lifetime: HOUR,
            addresses: vec!["127.0.0.1:1".parse().unwrap()],
        };
        let authority = self.service.authority();
        authority.invite(&options, None, UnixTime::now()).unwrap()
    }

    pub(super) fn member(&mut self, name: &str, roles: &[Role]) -> Identity {
        let invite = self.invite(roles);
        let path = self.directory.path().join(name);
        let joining = Joining::begin(&path, &invite).unwrap();
        let request = joining.request(&name.parse().unwrap()).unwrap();
        let Reply::Issued(issued) = self.ask(&request) else {
            panic!("no certificate came");
        };
        joining.finish(&issued, UnixTime::now()).unwrap()
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let caller = Caller {
            peer: None,
            address: Some(Ipv4Addr::LOCALHOST.into()),
        };
        self.service.handle(request, caller, UnixTime::now()).0
    }

    /// The list with this member on it.
    pub(super) fn revoke(&mut self, member: MemberId) -> Vec<u8> {
        let authority = self.service.authority();
        authority.revoke(member, None, UnixTime::now()).unwrap();
        authority.revocations().unwrap().unwrap().1
    }
}

/// A cluster of one executor, with an agent that has joined it.
pub(super) async fn pair(manner: Manner) -> (World, Executor, Agent, Scheduler) {
    let mut world = World::new();
    let executor = Executor::start(&mut world, "executor", manner).await;
    let agent = Agent::new(&mut world);
    let submitter = agent.identity.member();
    let scheduler = Scheduler::start(&mut world, submitter, &[&executor], true).await;
    agent.joins(&scheduler);
    (world, executor, agent, scheduler)
}

pub(super) fn live(identity: &Identity) -> Live {
    identity.live(Arc::new(DefaultTimeProvider)).unwrap()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
