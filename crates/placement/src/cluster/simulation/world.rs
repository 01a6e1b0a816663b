//! The simulated hosts and clients around a [`Cluster`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use job::{ClientId, EnvironmentName, HostId, JobId, NodeName, Platform};

use crate::algorithm::Chance;
use crate::*;

/// What is simulated.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) seed: u64,
    pub(super) algorithm: Algorithm,
    /// One executor for each entry.
    pub(super) slots: Vec<u32>,
    /// How fast they are; all the same when empty.
    pub(super) speeds: Vec<f64>,
    /// One submitter without slots for each entry, with so many jobs open.
    pub(super) submitters: Vec<u32>,
    /// Whether hosts come and go, clients give up, and local jobs run.
    pub(super) troubles: bool,
}

impl Shape {
    pub(super) fn calm(seed: u64) -> Self {
        Self {
            seed,
            algorithm: Algorithm::Fastest,
            slots: Vec::new(),
            speeds: Vec::new(),
            submitters: Vec::new(),
            troubles: false,
        }
    }
}

/// What will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    /// The client of a submitting node asks for a host.
    Asks {
        node: usize,
        client: u32,
    },
    /// The client has given up, if its job has not ended.
    GivesUp {
        job: JobId,
    },
    /// The toolchain has arrived and is unpacked.
    Installed {
        host: HostId,
        job: JobId,
    },
    /// The source has arrived.
    Arrives {
        host: HostId,
        job: JobId,
    },
    /// The compiler ends.
    Ends {
        host: HostId,
        job: JobId,
    },
    LocalEnds {
        host: HostId,
        client: u32,
    },
    Joins {
        node: usize,
    },
    /// Something odd.
    Trouble,
}

/// A machine, whether logged in or not.
#[derive(Debug, Default)]
struct Node {
    host: Option<HostId>,
    slots: u32,
    speed: f64,
    open: u32,
    toolchains: HashSet<EnvironmentName>,
    running: HashSet<JobId>,
    waiting: VecDeque<JobId>,
    work: f64,
    jobs: u64,
    placed: u64,
}

/// A job as its client sees it.
#[derive(Debug)]
struct Work {
    node: usize,
    client: u32,
    seconds: f64,
    host: Option<HostId>,
}

pub(super) struct World {
    shape: Shape,
    cluster: Cluster,
    chance: Chance,
    now: Duration,
    coming: BinaryHeap<Reverse<(Duration, u64, Coming)>>,
    sequence: u64,
    nodes: Vec<Node>,
    node_of: HashMap<HostId, usize>,
    last_host: u32,
    works: HashMap<JobId, Work>,
    /// Sizes of the jobs that were asked for, by node and client.
    asked: HashMap<(usize, u32), f64>,
    /// Clients with a job, waiting or not.
    busy: HashSet<(usize, u32)>,
    pub(super) ended: u64,
}

impl World {
    pub(super) fn new(shape: Shape) -> Self {
        println!("seed {}, {}", shape.seed, shape.algorithm);
        let cluster = Cluster::new(Settings {
            algorithm: shape.algorithm,
            seed: shape.seed,
        });
        let executors = shape.slots.iter().enumerate().map(|(index, slots)| Node {
            slots: *slots,
            speed: shape.speeds.get(index).copied().unwrap_or(1.0),
            ..Node::default()
        });
        let submitters = shape.submitters.iter().map(|open| Node {
            open: *open,
            ..Node::default()
        });
        let nodes: Vec<Node> = executors.chain(submitters).collect();
        let mut world = Self {
            chance: Chance(shape.seed),
            shape,
            cluster,
            now: Duration::ZERO,
            coming: BinaryHeap::new(),
            sequence: 0,
            nodes,
            node_of: HashMap::new(),
            last_host: 0,
            works: HashMap::new(),
            asked: HashMap::new(),
            busy: HashSet::new(),
            ended: 0,
        };
        for node in 0..world.nodes.len() {
            world.join(node);
        }
        if world.shape.troubles {
            world.later(0.5, Coming::Trouble);
        }
        world
    }

    /// Goes on for a while; with `thorough`, checks everything after each step.
    pub(super) fn run(&mut self, time: Duration, thorough: bool) {
        let end = self.now + time;
        while let Some(Reverse((at, _, _))) = self.coming.peek()
            && *at <= end
        {
            if let Some(deadline) = self.cluster.deadline().filter(|deadline| deadline.0 <= *at) {
                self.now = deadline.0;
                self.tell(Event::Tick);
                continue;
            }
            let Some(Reverse((at, _, coming))) = self.coming.pop() else {
                return;
            };
            self.now = at;
            self.step(coming);
            if thorough {
                self.audit();
            }
        }
        self.now = end;
    }

    pub(super) fn audit(&self) {
        self.cluster.audit();
        self.cluster.audit_idle();
    }

    /// Lets everything end and checks that nothing is left over.
    pub(super) fn finish(&mut self) {
        self.shape.troubles = false;
        for node in &mut self.nodes {
            node.open = 0;
        }
        self.run(Duration::from_secs(3600), false);
        self.audit();
        assert_eq!(
            self.cluster.task_count(),
            0,
            "seed {}: jobs are left over",
            self.shape.seed
        );
        assert!(
            self.works.is_empty(),
            "seed {}: {:?}",
            self.shape.seed,
            self.works
        );
        for host in self.cluster.hosts() {
            assert_eq!(
                host.occupied(),
                0,
                "seed {}: {} has lost a slot",
                self.shape.seed,
                host.name
            );
        }
    }

    pub(super) fn work_by_node(&self) -> Vec<f64> {
        self.nodes[..self.shape.slots.len()]
            .iter()
            .map(|node| node.work)
            .collect()
    }

    pub(super) fn jobs_by_node(&self) -> Vec<u64> {
        self.nodes[..self.shape.slots.len()]
            .iter()
            .map(|node| node.jobs)
            .collect()
    }

    pub(super) fn placed_by_submitter(&self) -> Vec<u64> {
        self.nodes[self.shape.slots.len()..]
            .iter()
            .map(|node| node.placed)
            .collect()
    }

    fn later(&mut self, seconds: f64, coming: Coming) {
        self.sequence += 1;
        let at = self.now + Duration::from_secs_f64(seconds);
        self.coming.push(Reverse((at, self.sequence, coming)));
    }

    fn chance(&mut self) -> f64 {
        self.chance.below(1_000_000) as f64 / 1e6
    }

    /// Compile times as builds have them: many short ones, a few long ones.
    fn size(&mut self) -> f64 {
        let chance = self.chance();
        0.1 + 0.6 * -(1.0 - chance).ln()
    }

    fn step(&mut self, coming: Coming) {
        match coming {
            Coming::Asks { node, client } => self.ask(node, client),
            Coming::GivesUp { job } => self.give_up(job),
            Coming::Installed { host, job } => self.installed(host, job),
            Coming::Arrives { host, job } => self.arrive(host, job),
            Coming::Ends { host, job } => self.end(host, job),
            Coming::LocalEnds { host, client } => {
                self.tell(Event::LocalEnded {
                    host,
                    client: ClientId(client),
                });
            }
            Coming::Joins { node } => self.join(node),
            Coming::Trouble => self.trouble(),
        }
    }

    fn join(&mut self, node: usize) {
        if self.nodes[node].host.is_some() {
            return;
        }
        self.last_host += 1;
        let host = HostId(self.last_host);
        self.node_of.insert(host, node);
        let own = &mut self.nodes[node];
        own.host = Some(host);
        let login = Login {
            name: NodeName::display(&format!("node{node}")),
            address: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + node as u32)),
            port: 10245,
            slots: own.slots,
            platform: platform(),
            chroot_possible: true,
            no_remote: own.slots == 0,
            features: 3,
            version: 43,
            toolchains: own.toolchains.iter().cloned().map(toolchain).collect(),
        };
        let open = own.open;
        self.tell(Event::Login { host, login });
        self.tell(Event::Probed {
            host,
            reachable: true,
        });
        let load = 50 + (self.chance() * 400.0) as u32; // memory in use and the like
        self.tell(Event::Load {
            host,
            load: Load {
                load,
                ..Load::default()
            },
        });
        for client in 1..=open {
            let wait = self.chance();
            self.later(wait, Coming::Asks { node, client });
        }
    }

    fn leave(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        let Some(host) = own.host.take() else { return };
        own.running.clear();
        own.waiting.clear();
        self.node_of.remove(&host);
        self.works.retain(|_, work| work.node != node);
        self.asked.retain(|(from, _), _| *from != node);
        self.busy.retain(|(from, _)| *from != node);
        self.tell(Event::Lost { host });
        // Clients notice that their executor is gone, and compile at home.
        let mut orphans: Vec<_> = self
            .works
            .iter()
            .filter(|(_, work)| work.host == Some(host))
            .map(|(job, _)| *job)
            .collect();
        orphans.sort_unstable();
        for job in orphans {
            self.client_done(job);
        }
        self.later(5.0, Coming::Joins { node });
    }

    fn ask(&mut self, node: usize, client: u32) {
        let Some(host) = self.nodes[node]
            .host
            .filter(|_| client <= self.nodes[node].open)
        else {
            return;
        };
        if !self.busy.insert((node, client)) {
            return; // it asked again after its host had been away
        }
        let size = self.size();
        self.asked.insert((node, client), size);
        let name = if self.shape.troubles && self.chance() < 0.3 {
            "clang"
        } else {
            "gcc"
        };
        let name = EnvironmentName::parse(name).unwrap();
        let offer = Offer {
            runs_on: platform(),
            name,
        };
        let wants = Wants::new(&platform(), [offer], String::new(), 21, 0);
        let request = Request {
            client: ClientId(client),
            wants,
            file: Arc::from(&b"x.cpp"[..]),
            language: 1,
            count: 1,
            arg_flags: 8,
            niceness: 0,
            client_count: self.nodes[node].open,
        };
        self.tell(Event::Requested { host, request });
    }

    fn installed(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        let name = if job.0.is_multiple_of(3) {
            "clang"
        } else {
            "gcc"
        };
        // Which one was sent is the client's affair: both are there in the end.
        self.nodes[node]
            .toolchains
            .insert(EnvironmentName::parse(name).unwrap());
        for name in ["gcc", "clang"] {
            self.nodes[node]
                .toolchains
                .insert(EnvironmentName::parse(name).unwrap());
        }
        let toolchains = self.nodes[node]
            .toolchains
            .iter()
            .cloned()
            .map(toolchain)
            .collect();
        self.tell(Event::Toolchains { host, toolchains });
        if self.works.contains_key(&job) {
            self.later(0.01, Coming::Arrives { host, job });
        }
    }

    fn arrive(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        if self.works.contains_key(&job) {
            self.nodes[node].waiting.push_back(job);
            self.start(node);
        }
    }

    /// Starts what there are slots for.
    fn start(&mut self, node: usize) {
        let Some(host) = self.nodes[node].host else {
            return;
        };
        while self.nodes[node].running.len() < self.nodes[node].slots as usize {
            let Some(job) = self.nodes[node].waiting.pop_front() else {
                return;
            };
            let Some(work) = self.works.get(&job) else {
                continue;
            };
            let seconds = work.seconds / self.nodes[node].speed;
            self.nodes[node].running.insert(job);
            self.later(seconds, Coming::Ends { host, job });
            let begin = Begin {
                job,
                start_time: 1,
                client_count: 1,
            };
            self.tell(Event::Began { host, begin });
        }
    }

    fn end(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        self.nodes[node].running.remove(&job);
        if let Some(work) = self.works.get(&job) {
            let user = work.seconds / self.nodes[node].speed;
            self.nodes[node].work += work.seconds;
            self.nodes[node].jobs += 1;
            // Files differ in how much output a second of work makes.
            let output = work.seconds * 100_000.0 * (0.3 + 1.4 * self.chance());
            let figures = Figures {
                user_msec: (user * 1000.0) as u32,
                out_uncompressed: output as u32,
                ..Figures::default()
            };
            self.report(host, job.0, figures, false, false);
            self.client_done(job);
        } else {
            self.report(host, job.0, Figures::default(), false, false); // its client is gone
        }
        self.start(node);
    }

    /// The client has what it wanted, or compiles at home, and starts the next job.
    fn client_done(&mut self, job: JobId) {
        if let Some(work) = self.works.remove(&job) {
            self.busy.remove(&(work.node, work.client));
            self.later(
                0.02,
                Coming::Asks {
                    node: work.node,
                    client: work.client,
                },
            );
        }
    }

    fn give_up(&mut self, job: JobId) {
        let Some(work) = self.works.remove(&job) else {
            return;
        };
        let Some(host) = self.nodes[work.node].host else {
            return;
        };
        self.busy.remove(&(work.node, work.client));
        self.report(
            host,
            job.0,
            Figures {
                exit_code: 118,
                ..Figures::default()
            },
            false,
            true,
        );
        self.later(
            0.1,
            Coming::Asks {
                node: work.node,
                client: work.client,
            },
        );
    }

    fn report(
        &mut self,
        host: HostId,
        number: u32,
        figures: Figures,
        by_client: bool,
        from_submitter: bool,
    ) {
        let report = Report {
            number,
            by_client,
            from_submitter,
            figures,
            client_count: 0,
        };
        self.tell(Event::Ended { host, report });
    }

    /// One of the things that happen in real clusters.
    fn trouble(&mut self) {
        if !self.shape.troubles {
            return;
        }
        self.later(0.3, Coming::Trouble);
        let node = self.chance.below(self.nodes.len());
        let Some(host) = self.nodes[node].host else {
            return;
        };
        match self.chance.below(7) {
            0 if self.chance() < 0.3 => self.leave(node),
            1 => {
                let load = self.chance.below(1001) as u32;
                self.tell(Event::Load {
                    host,
                    load: Load {
                        load,
                        ..Load::default()
                    },
                });
            }
            2 => {
                let client = 10_000 + self.chance.below(5) as u32;
                let full = self.chance() < 0.2;
                let local = LocalBegin {
                    client: ClientId(client),
                    file: Arc::from(&b"a.out"[..]),
                    start_time: 1,
                    full,
                };
                self.tell(Event::LocalBegan { host, local });
                let seconds = 3.0 * self.chance();
                self.later(seconds, Coming::LocalEnds { host, client });
            }
            3 => {
                // A client goes away before it knows its job's number, if it has one at all.
                let client = 1 + self.chance.below(self.nodes[node].open.max(1) as usize) as u32;
                if self.asked.remove(&(node, client)).is_some() {
                    self.busy.remove(&(node, client));
                    self.report(host, client, Figures::default(), true, true);
                    self.later(0.2, Coming::Asks { node, client });
                }
            }
            4 => {
                let mut jobs: Vec<_> = self.works.keys().copied().collect();
                jobs.sort_unstable();
                if !jobs.is_empty() {
                    let job = jobs[self.chance.below(jobs.len())];
                    self.give_up(job);
                }
            }
            5 => {
                let reachable = self.chance() < 0.7;
                self.tell(Event::Probed { host, reachable });
            }
            _ => {
                let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + self.chance.below(5) as u32));
                let name = EnvironmentName::parse("clang").unwrap();
                self.tell(Event::Distrusted {
                    host,
                    address,
                    toolchain: toolchain(name),
                });
            }
        }
    }

    /// Lets the cluster know, and does what it says.
    fn tell(&mut self, event: Event) {
        let mut actions = Vec::new();
        let now = Time(self.now);
        self.cluster.apply(now, event, &mut actions);
        self.cluster.place(now, &mut actions);
        let mut ended: BTreeMap<JobId, u32> = BTreeMap::new();
        for action in actions {
            match action {
                Action::Assign(assignment) => self.assigned(&assignment),
                Action::Notice(Notice::Ended { job, .. }) => {
                    self.ended += 1;
                    *ended.entry(job).or_default() += 1;
                    assert!(
                        self.cluster.task(job).is_none(),
                        "seed {}: {job} goes on",
                        self.shape.seed
                    );
                }
                Action::Disconnect { host, why } => {
                    panic!(
                        "seed {}: host {host} is disconnected: {why}",
                        self.shape.seed
                    )
                }
                Action::Notice(_) => {}
            }
        }
        assert!(
            ended.values().all(|times| *times == 1),
            "seed {}: {ended:?}",
            self.shape.seed
        );
    }

    fn assigned(&mut self, assignment: &Assignment) {
        let job = assignment.job;
        let Some(&node) = self.node_of.get(&assignment.submitter) else {
            return;
        };
        let client = assignment.client.0;
        let seconds = self
            .asked
            .remove(&(node, client))
            .expect("an answer to a question");
        self.nodes[node].placed += 1;
        let (host, installs) = match assignment.place {
            Place::Home(_) => (None, false),
            Place::Host {
                host,
                has_toolchain,
                ..
            } => (Some(host), !has_toolchain),
        };
        self.works.insert(
            job,
            Work {
                node,
                client,
                seconds,
                host,
            },
        );
        match host {
            Some(host) if installs => {
                let seconds = 0.5 + self.chance();
                self.later(seconds, Coming::Installed { host, job });
            }
            Some(host) => self.later(0.03, Coming::Arrives { host, job }),
            // At home: ends with the client's report.
            None => self.later(seconds, Coming::GivesUp { job }),
        }
    }
}

fn platform() -> Platform {
    Platform::parse("x86_64").unwrap()
}

fn toolchain(name: EnvironmentName) -> Toolchain {
    Toolchain {
        target: platform(),
        name,
    }
}
