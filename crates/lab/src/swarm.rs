//! A load for any icecream scheduler: many daemons that only pretend to compile, over real sockets.
//!
//! Each daemon logs in from a loopback address of its own (127.16.x.y), by which a scheduler's
//! answer tells which of them got the job; one listener answers all reachability probes. Each
//! submitter keeps a number of jobs open, as `make -jN` does: it asks, "compiles" for about the same time each,
//! and asks again. Run it where nobody minds, in a network namespace with `lo` up.

mod messages;
mod plan;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use icecream::{Environment, Login, Message};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use transport::{Channel, Receiver, Sender};

use messages::{begin, done, idle, request};
pub use plan::{Findings, Plan};

const PLATFORM: &str = "x86_64";
const TOOLCHAIN: &str = "swarm";
/// The first address of the executors; submitters follow from [`SUBMITTERS`].
const EXECUTORS: u32 = 0x7f10_0001;
const SUBMITTERS: u32 = 0x7f20_0001;

/// Logs everybody in, runs the load, and counts.
pub async fn run(plan: &Plan) -> Result<Findings> {
    allow_many_connections()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let _probe = listener.accept().await; // closed at once
        }
    });

    let began = Instant::now();
    let executors = login_all(plan, EXECUTORS, plan.daemons, plan.slots, port).await?;
    let logins = began.elapsed();
    let submitters = login_all(plan, SUBMITTERS, plan.submitters, 0, 0).await?;

    let mut hosts = Vec::with_capacity(executors.len());
    for (index, channel) in executors.into_iter().enumerate() {
        let (receiver, mut sender) = channel.split();
        sender
            .send(&Message::Stats(idle()))
            .await
            .with_context(|| format!("daemon {index}"))?;
        tasks.spawn(drain(receiver));
        hosts.push(Mutex::new(Host { sender, jobs: 0 }));
    }
    let floor = Arc::new(Floor {
        hosts,
        over: AtomicBool::new(false),
    });
    let mut loads = JoinSet::new();
    let began = Instant::now();
    for channel in submitters {
        loads.spawn(Submitter::new(plan, channel, Arc::clone(&floor)).work());
    }
    sleep(plan.run).await;
    floor.over.store(true, Ordering::Relaxed);
    let elapsed = began.elapsed();
    let mut counts = Counts::default();
    while let Some(count) = loads.join_next().await {
        counts.add(count??);
    }
    findings(logins, elapsed, &counts, &floor)
}

fn findings(
    logins: Duration,
    elapsed: Duration,
    counts: &Counts,
    floor: &Floor,
) -> Result<Findings> {
    let mut waits = counts.waits.clone();
    if waits.is_empty() {
        bail!("the scheduler placed no job at all; its log says why");
    }
    waits.sort_unstable();
    let at = |part: usize| Duration::from_micros(waits[(waits.len() - 1) * part / 100].into());
    let jobs: Vec<u64> = floor.hosts.iter().map(|host| lock(host).jobs).collect();
    Ok(Findings {
        logins,
        placements: counts.waits.len() as u64,
        sent_home: counts.sent_home,
        per_second: counts.waits.len() as f64 / elapsed.as_secs_f64(),
        median: at(50),
        p99: at(99),
        worst: at(100),
        share: (
            jobs.iter().copied().min().unwrap_or(0),
            jobs.iter().copied().max().unwrap_or(0),
        ),
    })
}

/// Logs `count` daemons in, all at once, and waits until each has its configuration.
async fn login_all(
    plan: &Plan,
    first: u32,
    count: u32,
    slots: u32,
    port: u16,
) -> Result<Vec<Channel>> {
    let mut logins = JoinSet::new();
    for index in 0..count {
        let (scheduler, patience) = (plan.scheduler, plan.patience);
        logins.spawn(async move {
            let address = Ipv4Addr::from(first + index);
            let one = login(scheduler, address, slots, port, patience);
            let channel = timeout(patience, one).await;
            let channel =
                channel.with_context(|| format!("{address} was not let in within {patience:?}"))?;
            anyhow::Ok((index, channel?))
        });
    }
    let mut channels: Vec<_> = Vec::with_capacity(count as usize);
    while let Some(done) = logins.join_next().await {
        channels.push(done??);
    }
    channels.sort_unstable_by_key(|(index, _)| *index);
    Ok(channels.into_iter().map(|(_, channel)| channel).collect())
}

async fn login(
    scheduler: SocketAddr,
    address: Ipv4Addr,
    slots: u32,
    port: u16,
    patience: Duration,
) -> Result<Channel> {
    let mut channel = Channel::connect_tcp(scheduler, patience, Some(IpAddr::V4(address))).await?;
    let environment = Environment {
        platform: PLATFORM.to_owned(),
        name: TOOLCHAIN.to_owned(),
    };
    let login = Login {
        port: port.into(),
        max_kids: slots,
        environments: vec![environment],
        node_name: format!("swarm-{address}"),
        host_platform: PLATFORM.to_owned(),
        chroot_possible: true,
        no_remote: port == 0,
        features: 3,
    };
    channel.send(&Message::Login(login)).await?;
    loop {
        match channel.receive().await? {
            Some(Message::CsConf(_)) => return Ok(channel),
            Some(_) => {}
            None => bail!("the scheduler closed the connection of {address}"),
        }
    }
}

/// What is said to an executor is read and forgotten.
async fn drain(mut receiver: Receiver) {
    while let Ok(Some(_)) = receiver.receive().await {}
}

/// The executors.
struct Floor {
    hosts: Vec<Mutex<Host>>,
    over: AtomicBool,
}

struct Host {
    sender: Sender,
    jobs: u64,
}

impl Floor {
    /// The host at an address tells the scheduler something of a job.
    fn report(&self, host: usize, messages: &[Message]) -> Result<()> {
        let mut host = lock(&self.hosts[host]);
        for message in messages {
            host.sender.feed(message)?;
        }
        host.sender.try_flush()?; // the rest, if any, goes with the next report
        Ok(())
    }
}

fn lock(host: &Mutex<Host>) -> std::sync::MutexGuard<'_, Host> {
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Counts {
    /// Microseconds from request to answer.
    waits: Vec<u32>,
    sent_home: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.sent_home += other.sent_home;
    }
}

/// A job that "compiles"; the one that ends first is the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Running {
    ends: tokio::time::Instant,
    /// 0 for one that only fills the time until its client's first request.
    job: u32,
    /// The executor; `None` at home.
    host: Option<usize>,
    client: u32,
}

/// How long a job takes: up to a quarter more or less than `mean`. Jobs of one length would end together
/// for ever after one hiccup of the machine, and each answer would then wait for all the others'.
fn length(mean: Duration, job: u32) -> Duration {
    const STEPS: u32 = 1024;
    let step = job.wrapping_mul(0x9e37_79b1) >> 22; // Fibonacci hashing: neighbours differ
    mean * 3 / 4 + mean * step / (2 * STEPS)
}

struct Submitter {
    open: u32,
    job: Duration,
    receiver: Receiver,
    sender: Sender,
    floor: Arc<Floor>,
    /// When each client asked.
    asked: Vec<Instant>,
    running: BinaryHeap<Reverse<Running>>,
    counts: Counts,
}

impl Submitter {
    fn new(plan: &Plan, channel: Channel, floor: Arc<Floor>) -> Self {
        let (receiver, sender) = channel.split();
        let asked = vec![Instant::now(); plan.open as usize];
        let (open, job) = (plan.open, plan.job);
        Self {
            open,
            job,
            receiver,
            sender,
            floor,
            asked,
            running: BinaryHeap::new(),
            counts: Counts::default(),
        }
    }

    async fn work(mut self) -> Result<Counts> {
        // Not all at once: the answers' delays are to show the scheduler, not one huge burst.
        let now = tokio::time::Instant::now();
        for client in 0..self.open {
            let ends = now + self.job * client / self.open;
            self.running.push(Reverse(Running {
                ends,
                job: 0,
                host: None,
                client,
            }));
        }
        while !self.floor.over.load(Ordering::Relaxed) {
            let next = self.running.peek().map(|first| first.0.ends);
            tokio::select! {
                received = timeout(Duration::from_millis(100), self.receiver.receive()) => {
                    let Ok(received) = received else { continue };
                    let mut next = received?;
                    if next.is_none() {
                        bail!("the scheduler closed a submitter's connection");
                    }
                    while let Some(message) = next {
                        self.answered(message)?;
                        next = self.receiver.buffered()?;
                    }
                }
                () = sleep_until(next.unwrap_or_else(tokio::time::Instant::now)), if next.is_some() => {
                    let now = tokio::time::Instant::now();
                    while self.running.peek().is_some_and(|first| first.0.ends <= now) {
                        let Some(Reverse(ended)) = self.running.pop() else { break };
                        self.ended(&ended)?;
                    }
                }
            }
            self.sender.flush().await?;
        }
        Ok(self.counts)
    }

    fn ask(&mut self, client: u32) -> Result<()> {
        self.asked[client as usize] = Instant::now();
        self.sender
            .feed(&Message::GetCs(request(client + 1, self.open)))?;
        Ok(())
    }

    fn answered(&mut self, message: Message) -> Result<()> {
        let (job, client, host) = match message {
            Message::UseCs(answer) => {
                let address: Ipv4Addr = answer.hostname.parse()?;
                let index = u32::from(address).wrapping_sub(EXECUTORS) as usize;
                (answer.job_id, answer.client_id, Some(index))
            }
            Message::NoCs(answer) => (answer.job_id, answer.client_id, None),
            _ => return Ok(()),
        };
        let client = client.wrapping_sub(1);
        let asked = self
            .asked
            .get(client as usize)
            .context("an answer for nobody")?;
        let wait = u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX);
        match host {
            Some(host) => {
                self.counts.waits.push(wait);
                lock(self.floor.hosts.get(host).context("an unknown host")?).jobs += 1;
            }
            None => self.counts.sent_home += 1,
        }
        let running = Running {
            ends: tokio::time::Instant::now() + length(self.job, job),
            job,
            host,
            client,
        };
        if self.job.is_zero() {
            return self.finish(&running, &[begin(job), done(job, host.is_none())]);
        }
        match host {
            Some(host) => self.floor.report(host, &[begin(job)])?,
            None => self.sender.feed(&begin(job))?,
        }
        self.running.push(Reverse(running));
        Ok(())
    }

    fn ended(&mut self, running: &Running) -> Result<()> {
        if running.job == 0 {
            return self.ask(running.client);
        }
        self.finish(running, &[done(running.job, running.host.is_none())])
    }

    fn finish(&mut self, running: &Running, messages: &[Message]) -> Result<()> {
        match running.host {
            Some(host) => self.floor.report(host, messages)?,
            None => {
                for message in messages {
                    self.sender.feed(message)?;
                }
            }
        }
        self.ask(running.client)
    }
}

fn allow_many_connections() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .context("the limit of open files cannot be raised")
}
