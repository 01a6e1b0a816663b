//! The simulated hosts and clients around a [`Cluster`].

mod lives;

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
    /// Jobs of the whole build; without end when `None`.
    pub(super) jobs: Option<u64>,
    /// Seconds from a placement to the source's arrival.
    pub(super) way: f64,
    /// The part of jobs that take ten times as long as others.
    pub(super) heavy: f64,
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
            jobs: None,
            way: 0.03,
            heavy: 0.0,
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
    left: Option<u64>,
    /// When the last job ended.
    pub(super) last: Duration,
    /// Seconds that jobs waited on hosts while others had free slots.
    pub(super) astray: f64,
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
            left: None,
            last: Duration::ZERO,
            astray: 0.0,
        };
        world.left = world.shape.jobs;
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
        loop {
            let next = self.coming.peek().map(|Reverse((at, _, _))| *at);
            let due = self.cluster.deadline().map(|deadline| deadline.0);
            let Some(at) = next.into_iter().chain(due).min().filter(|at| *at <= end) else {
                break;
            };
            self.astray += (at - self.now).as_secs_f64() * self.waiting_in_vain() as f64;
            self.now = at;
            if due == Some(at) {
                self.tell(Event::Tick);
            } else if let Some(Reverse((_, _, coming))) = self.coming.pop() {
                self.step(coming);
            }
            if thorough {
                self.audit();
            }
        }
        self.now = end;
    }

    pub(super) fn audit(&self) {
        self.cluster.audit();
        self.cluster.audit_idle();
        self.cluster.audit_patience(Time(self.now));
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

    /// Jobs that wait on hosts for slots while other hosts have free ones.
    fn waiting_in_vain(&self) -> usize {
        let free = self.nodes.iter().map(|node| {
            let busy = node.running.len() + node.waiting.len();
            (node.slots as usize).saturating_sub(busy)
        });
        let waiting: usize = self.nodes.iter().map(|node| node.waiting.len()).sum();
        waiting.min(free.sum())
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
        let usual = 0.1 + 0.6 * -(1.0 - chance).ln();
        if self.shape.heavy > 0.0 && self.chance() < self.shape.heavy {
            return 10.0 * usual;
        }
        usual
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
                    self.last = self.now;
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
            Some(host) => self.later(self.shape.way, Coming::Arrives { host, job }),
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
