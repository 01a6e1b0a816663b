//! The one task that owns the daemon's state. It waits in one place ([`Desk::next`]) and changes
//! things in another ([`Desk::apply`]), which never waits.

mod load;
mod report;
mod scheduler;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use icecream::{GetCs, Message, StatusText};
use job::{ClientId, JobId};
use tokio::sync::mpsc;
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::claim::Claim;
use crate::compile::Post;
use crate::config::Config;
use crate::core::{Action, Core, Event};
use crate::link::{Line, LinkEvent};
use crate::listen::Arrival;
use crate::load::{Announcer, Meter, Reading, Sample};
use crate::native::{Front, Ordered, Signers};
use crate::session::{ORDERS, Order, Said, Session};
use crate::shop::Shop;
use crate::supply::Supply;
use crate::wire;

/// How often the load is read until a scheduler says otherwise.
const SAMPLING: Duration = Duration::from_secs(3);
/// How long compiles of members that run may go on when the daemon is to end. Service managers wait longer.
const STAY: Duration = Duration::from_secs(10);

/// Where events come from.
pub(crate) struct Inboxes {
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    /// Compiles that members order on connections of floe's own protocol.
    pub(crate) ordered: mpsc::Receiver<Ordered>,
    pub(crate) link: mpsc::Receiver<LinkEvent>,
}

/// Something for [`Desk::apply`].
enum Input {
    Arrived(Box<Arrival>),
    Ordered(Box<Ordered>),
    Said(ClientId, Said),
    Link(LinkEvent),
    Sampled(Sample),
    SampleDue,
    ToolchainsChanged,
    SessionEnded(TaskId, Option<JoinError>),
    Tick,
}

impl Input {
    fn session_ended(ended: Result<(TaskId, ()), JoinError>) -> Self {
        match ended {
            Ok((id, ())) => Self::SessionEnded(id, None),
            Err(error) => Self::SessionEnded(error.id(), Some(error)),
        }
    }
}

/// A connected client, as the desk sees it.
struct Seat {
    orders: mpsc::Sender<Order>,
    address: String,
}

pub(crate) struct Desk {
    config: Arc<Config>,
    shop: Arc<Shop>,
    /// Whose grants hold.
    signers: Arc<Signers>,
    /// None where nobody brings toolchains file by file.
    supply: Option<Arc<Supply>>,
    began: Instant,
    core: Core,
    inboxes: Inboxes,
    to_desk: mpsc::Sender<(ClientId, Said)>,
    said: mpsc::Receiver<(ClientId, Said)>,
    sessions: JoinSet<()>,
    /// The same of members: each is one job.
    members: JoinSet<()>,
    /// Which client a session's task serves, should it die without a word.
    tasks: HashMap<TaskId, ClientId>,
    seats: HashMap<ClientId, Seat>,
    line: Option<Line>,
    /// Why there is no line.
    cause: String,
    sampler: JoinSet<Sample>,
    sampling: Duration,
    next_sample: Instant,
    last_sample: Instant,
    meter: Meter,
    claim: Claim,
    announcer: Announcer,
    /// None until the first sample is in.
    reading: Option<Reading>,
    /// Its helper process died: this host takes no compiles until the daemon is started anew.
    sandbox_lost: bool,
    /// Processor time of foreign compiles that ended since the last sample.
    ended: Duration,
}

impl Desk {
    pub(crate) fn new(
        config: Arc<Config>,
        shop: Arc<Shop>,
        signers: Arc<Signers>,
        supply: Option<Arc<Supply>>,
        inboxes: Inboxes,
    ) -> Self {
        let now = Instant::now();
        let slots = config.slots;
        let (to_desk, said) = mpsc::channel(1024);
        Self {
            shop,
            signers,
            supply,
            began: now,
            core: Core::new(slots, config.memory()).with_grants_only(config.grants_only),
            inboxes,
            to_desk,
            said,
            sessions: JoinSet::new(),
            members: JoinSet::new(),
            tasks: HashMap::new(),
            seats: HashMap::new(),
            line: None,
            cause: "still looking".to_owned(),
            sampler: JoinSet::new(),
            sampling: SAMPLING,
            next_sample: now,
            last_sample: now,
            meter: Meter::new(slots),
            claim: Claim::new(config.owner),
            announcer: Announcer::default(),
            reading: None,
            sandbox_lost: false,
            ended: Duration::ZERO,
            config,
        }
    }

    /// Works until `shutdown`; then no client gets anything more and compiles locally. Members hear it, and
    /// what runs for them may end.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>, front: Option<&Front>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                input = self.next() => self.apply(input),
            }
        }
        self.inboxes.link.close();
        self.line = None;
        // icecream's clients would take any answer for a result.
        self.sessions.shutdown().await;
        if let Some(front) = front {
            self.leave(front).await;
        }
    }

    async fn leave(&mut self, front: &Front) {
        self.decide(Event::Leaving, None);
        let mut leaving = std::pin::pin!(front.leave());
        let mut limit = std::pin::pin!(sleep(STAY));
        loop {
            tokio::select! {
                () = &mut leaving => return,
                () = &mut limit => {
                    let left = self.members.len();
                    return tracing::info!("{left} jobs of members are ended: they took longer than {STAY:?}");
                }
                input = self.next() => self.apply(input),
            }
        }
    }

    async fn next(&mut self) -> Input {
        let tick = self
            .core
            .deadline()
            .map_or(self.next_sample, |at| self.began + at);
        tokio::select! {
            Some((client, said)) = self.said.recv() => Input::Said(client, said),
            Some(event) = self.inboxes.link.recv() => Input::Link(event),
            Some(arrival) = self.inboxes.arrivals.recv() => Input::Arrived(Box::new(arrival)),
            Some(ordered) = self.inboxes.ordered.recv() => Input::Ordered(Box::new(ordered)),
            Some(ended) = self.sessions.join_next_with_id() => Input::session_ended(ended),
            Some(ended) = self.members.join_next_with_id() => Input::session_ended(ended),
            () = self.shop.toolchains.changed.notified() => Input::ToolchainsChanged,
            Some(sample) = self.sampler.join_next() => Input::Sampled(sample.unwrap_or_default()),
            () = sleep_until(self.next_sample), if self.sampler.is_empty() => Input::SampleDue,
            () = sleep_until(tick), if tick != self.next_sample => Input::Tick,
        }
    }

    fn apply(&mut self, input: Input) {
        match input {
            Input::Arrived(arrival) => self.arrived(*arrival),
            Input::Ordered(ordered) => self.ordered(*ordered),
            Input::Said(client, said) => self.heard(client, said),
            Input::Link(event) => self.linked(event),
            Input::SampleDue => self.take_sample(),
            Input::ToolchainsChanged => self.announce_toolchains(),
            Input::Sampled(sample) => self.sampled(&sample),
            Input::SessionEnded(task, error) => self.session_ended(task, error),
            Input::Tick => self.decide(Event::Tick, None),
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let address = arrival.peer.shown.clone();
        let post = self.post(arrival.peer.place.may_submit(), &address);
        tracing::debug!("client {} connected from {address}", post.id);
        let id = post.id;
        let task = self.sessions.spawn(Session::new(post, arrival).run());
        self.tasks.insert(task.id(), id);
    }

    /// Each job of a member's connection is a client of its own.
    fn ordered(&mut self, ordered: Ordered) {
        let post = self.post(false, ordered.from());
        let id = post.id;
        let task = self.members.spawn(ordered.run(post));
        self.tasks.insert(task.id(), id);
    }

    fn post(&mut self, is_local: bool, address: &str) -> Post {
        let id = self.core.arrive(is_local);
        let (orders, inbox) = mpsc::channel(ORDERS);
        let address = address.to_owned();
        self.seats.insert(id, Seat { orders, address });
        Post {
            id,
            orders: inbox,
            desk: self.to_desk.clone(),
            shop: Arc::clone(&self.shop),
        }
    }

    fn heard(&mut self, client: ClientId, said: Said) {
        let event = match said {
            Said::HostsWanted(request) => {
                let (count, niceness) = (request.count, request.niceness);
                let wanted = Event::HostsWanted {
                    client,
                    count,
                    niceness,
                };
                return self.decide(wanted, Some(*request));
            }
            Said::LocalWanted { outfile, full } => {
                let kind = if full { "full local job" } else { "local job" };
                tracing::debug!("pushed {kind} {client}");
                Event::LocalWanted {
                    client,
                    outfile,
                    full,
                }
            }
            Said::HomeBegun(job) => Event::HomeBegun { client, job },
            Said::HomeDone(done) => Event::HomeDone {
                client,
                job: JobId(done.job_id),
                usage: wire::usage(&done),
            },
            Said::CompileWanted(job, like) => Event::CompileWanted { client, job, like },
            Said::CompileUses(bytes) => Event::CompileUses { client, bytes },
            Said::CompilePeaked(peak) => Event::CompilePeaked { client, peak },
            Said::CompileEvicted => Event::CompileEvicted { client },
            Said::CompileRejected { job, usage } => Event::CompileRejected { job, usage },
            Said::CompileEnded(usage) => {
                self.ended +=
                    Duration::from_millis(u64::from(usage.user_msec) + u64::from(usage.sys_msec));
                Event::CompileEnded { client, usage }
            }
            Said::InstallBegan => Event::InstallBegan { client },
            Said::InstallEnded => {
                // Also tells the scheduler that this host takes work again.
                self.announce_toolchains();
                self.next_sample = Instant::now();
                Event::InstallEnded { client }
            }
            Said::SandboxLost => return self.sandbox_lost(),
            Said::ToolchainsChanged => return self.announce_toolchains(),
            Said::Blacklist(blacklist) => return self.report(Message::BlacklistHostEnv(blacklist)),
            Said::StatusWanted => {
                let text = self.status();
                return self.order(
                    client,
                    Order::Send(Message::StatusText(StatusText { text })),
                );
            }
            Said::Left { farewell } => {
                self.seats.remove(&client);
                Event::ClientLeft { client, farewell }
            }
        };
        self.decide(event, None);
    }

    /// Hands the core one event and does what it decides. `request` is the one that the event is
    /// about.
    fn decide(&mut self, event: Event, mut request: Option<GetCs>) {
        let now = self.began.elapsed();
        for action in self.core.apply(now, event) {
            match action {
                Action::Report(report) => self.tell_scheduler(report, &mut request),
                Action::Place { client, placement } => {
                    self.order(client, Order::Send(wire::use_host(client, placement)));
                }
                Action::CompileAtHome { client, job, why } => {
                    let answer = wire::use_home(job, self.port(), self.line.is_some(), why);
                    self.order(client, Order::Send(answer));
                }
                Action::StartLocal { client, .. } => {
                    self.order(client, Order::Send(wire::start_local()));
                }
                Action::StartCompile { client } => {
                    let memory = self.core.memory().limit();
                    self.order(client, Order::StartCompile { memory });
                }
                Action::RefuseCompile { client, why } => {
                    self.order(client, Order::RefuseCompile(why));
                }
                Action::EvictCompile { client, again } => {
                    self.order(client, Order::EvictCompile { again });
                }
                Action::HandBack { client } => self.order(client, Order::HandBack),
                Action::Drop { client, why } => {
                    tracing::info!("client {client} is dropped: {why}");
                    self.seats.remove(&client);
                }
            }
        }
    }

    fn order(&mut self, client: ClientId, order: Order) {
        let Some(seat) = self.seats.get(&client) else {
            return;
        };
        if seat.orders.try_send(order).is_err() {
            // Its session ends by that, and then the core hears of it.
            self.seats.remove(&client);
        }
    }

    fn session_ended(&mut self, task: TaskId, error: Option<JoinError>) {
        let client = self.tasks.remove(&task);
        let Some((error, client)) = error.zip(client) else {
            return;
        };
        tracing::error!("internal error: the session of client {client} failed: {error}");
        self.seats.remove(&client);
        self.decide(
            Event::ClientLeft {
                client,
                farewell: false,
            },
            None,
        );
    }

    /// The port that other hosts' clients reach this daemon at; 0 for none.
    fn port(&self) -> u16 {
        if self.shop.takes_compiles() {
            self.config.port
        } else {
            0
        }
    }
}

fn unix_seconds() -> u32 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Wraps in 2106, like every clock of this protocol.
    since.as_secs() as u32
}
