//! The state of the cluster, and what each event changes in it.

mod choose;
mod hosts;
mod jobs;
mod local;
mod native;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use job::{HostId, JobId, NodeName};

use crate::algorithm::Chance;
use crate::index::Index;
use crate::queue::{Pass, Queue};
use crate::speed::Records;
use crate::{Action, Algorithm, Event, Host, Member, Task, Time, Toolchain, WhyHome};

use choose::Outlook;

pub use native::Unasked;

/// What a cluster is started with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub algorithm: Algorithm,
    /// For the algorithm that chooses by chance.
    pub seed: u64,
}

/// By what a host that logs in again is known to be the same. A member is nobody else, whatever address
/// and name it has; nobody else replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Named(IpAddr, NodeName),
    Member(Member),
}

impl Node {
    fn of(host: &Host) -> Self {
        match host.member {
            Some(member) => Self::Member(member),
            None => Self::Named(host.address, host.name.clone()),
        }
    }
}

/// A toolchain, and the member if it is one whose jobs wanted it.
type Regretted = (Option<Member>, Toolchain);

/// All hosts and jobs that the scheduler knows.
#[derive(Debug)]
pub struct Cluster {
    algorithm: Algorithm,
    chance: Chance,
    hosts: HashMap<HostId, Host>,
    /// Who is logged in as which node.
    nodes: HashMap<Node, HostId>,
    index: Index,
    tasks: HashMap<JobId, Task>,
    queue: Queue,
    last_job: u32,
    /// Counts assignments, for taking turns.
    turns: u64,
    /// Changes whenever a waiting job may find a host that it did not find before.
    state: u64,
    /// With so many jobs waiting, one may get a place behind others that it did not get before;
    /// or with more, if hosts have come and gone since.
    crowd: usize,
    blocked: BTreeSet<String>,
    /// When each running installation must be over.
    installs: BTreeSet<(Time, HostId)>,
    overall: Records,
    /// The average speed that the hosts' paces were last compared with.
    compared_with: f64,
    /// How much time was lost so far because a toolchain was not on a better host.
    regrets: HashMap<Regretted, u32>,
}

impl Cluster {
    /// How long a host may be busy installing.
    pub const INSTALL_LIMIT: Duration = Duration::from_secs(120);
    /// How long a job waits while all hosts that could take it refuse work. Two load reports of a
    /// daemon are at most half of that apart.
    pub const WILL_PATIENCE: Duration = Duration::from_secs(5);
    /// Jobs that one host may have open: waiting, assigned, running and local ones.
    pub const MAX_OPEN_JOBS: usize = 10_000;
    /// Entries of the list of blocked hosts.
    pub const MAX_BLOCKED: usize = 10_000;

    pub fn new(settings: Settings) -> Self {
        Self {
            algorithm: settings.algorithm,
            chance: Chance(settings.seed),
            hosts: HashMap::new(),
            nodes: HashMap::new(),
            index: Index::default(),
            tasks: HashMap::new(),
            queue: Queue::default(),
            last_job: 0,
            turns: 0,
            state: 0,
            crowd: usize::MAX,
            blocked: BTreeSet::new(),
            installs: BTreeSet::new(),
            overall: Records::default(),
            compared_with: 0.0,
            regrets: HashMap::new(),
        }
    }

    /// Takes note of what happened. Waiting jobs get hosts only in [`Self::place`].
    pub fn apply(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Login { host, login } => self.login(now, host, login, actions),
            Event::Toolchains { host, toolchains } => self.renewed(host, toolchains),
            Event::Load { host, load } => self.loaded(now, host, load, actions),
            Event::Probed { host, reachable } => self.probed(now, host, reachable),
            Event::Lost { host } => self.lost(host, actions),
            Event::Requested { host, request } => self.requested(now, host, request, actions),
            Event::Waits { host, job } => self.waits(host, job, actions),
            Event::Began { host, begin } => self.began(now, host, begin, actions),
            Event::Ended { host, report } => self.ended(host, &report, actions),
            Event::LocalBegan { host, local } => self.local_began(now, host, local, actions),
            Event::LocalEnded { host, client } => self.local_ended(host, client, actions),
            Event::Distrusted {
                host,
                address,
                toolchain,
            } => self.distrusted(host, address, &toolchain),
            Event::Remove { name } => self.remove(&name, actions),
            Event::Block { name } => self.block(name, actions),
            Event::Unblock { name } => _ = self.blocked.remove(&name),
            Event::Yield => self.disband(actions),
            Event::Tick => self.tick(now, actions),
        }
    }

    /// Gives waiting jobs to hosts, as far as there are any that can take them.
    pub fn place(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.queue.movable() >= self.crowd {
            self.state += 1; // who was not sent behind others before may be now
            self.crowd = usize::MAX;
        }
        let mut pass = Pass::default();
        while let Some(next) = self.queue.next(&mut pass, self.state) {
            if let Some(pick) = self.choose(&next.wants, next.submitter) {
                self.assign(now, &next, pick, actions);
                continue;
            }
            match self.outlook(&next) {
                Outlook::Hope(host) => self.queue.stuck(&next, self.state, Some(host), None),
                Outlook::Unwilling(since) => {
                    let end = Time(since.0 + Self::WILL_PATIENCE);
                    if end <= now {
                        self.send_home(now, &next, WhyHome::NobodyWilling, actions);
                    } else {
                        self.queue.stuck(&next, self.state, None, Some(end));
                    }
                }
                Outlook::Nobody => {
                    self.send_home(now, &next, WhyHome::NoSuitableHost, actions);
                }
            }
        }
    }

    /// When [`Event::Tick`] is due; `None` for not before something else happens.
    pub fn deadline(&self) -> Option<Time> {
        let install = self.installs.first().map(|(end, _)| *end);
        install.into_iter().chain(self.queue.patience()).min()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn host(&self, host: HostId) -> Option<&Host> {
        self.hosts.get(&host)
    }

    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// All hosts, in the order of their logins.
    pub fn hosts(&self) -> Vec<&Host> {
        let mut hosts: Vec<_> = self.hosts.values().collect();
        hosts.sort_unstable_by_key(|host| host.id);
        hosts
    }

    pub fn task(&self, job: JobId) -> Option<&Task> {
        self.tasks.get(&job)
    }

    /// All jobs that have not ended, by number.
    pub fn tasks(&self) -> Vec<&Task> {
        let mut tasks: Vec<_> = self.tasks.values().collect();
        tasks.sort_unstable_by_key(|task| task.id);
        tasks
    }

    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// The number of the last job.
    pub fn last_job(&self) -> u32 {
        self.last_job
    }

    /// The names and addresses that may not log in.
    pub fn blocked(&self) -> impl Iterator<Item = &str> {
        self.blocked.iter().map(String::as_str)
    }

    /// The host that goes by this name or address.
    pub fn called(&self, name: &str) -> Option<&Host> {
        self.hosts
            .values()
            .filter(|host| host.is_called(name))
            .min_by_key(|host| host.id)
    }
}

#[cfg(test)]
mod audit;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
