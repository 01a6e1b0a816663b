//! One kind of job: its stream to the scheduler and its grants. One task owns both; jobs send it orders.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use job::Reason;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::debug;
use transport::{Exchange, Incoming, LinkError, host_port};
use wire::field::List;
use wire::message::{Elected, GiveBack, Lack, Message, Placed, Want};
use wire::name::GrantNumber;

use super::Cluster;
use super::grants::{Action, Event, Granted, Grants, Token, Without};
use super::ticket::{Desk, Order, Ticket};
use super::want::Kind;
use crate::cluster::Failure;

/// A stream without a job for so long is ended.
const KEPT: Duration = Duration::from_secs(120);
/// Grants in one message that gives them back.
const TOGETHER: usize = 1024;

/// Starts the task of one kind of job.
pub(super) fn open(cluster: Weak<Cluster>, kind: Kind) -> Desk {
    // A job sends a few orders and waits for the answer: the number of jobs bounds it.
    let (orders, received) = mpsc::unbounded_channel();
    let task = Task {
        cluster,
        kind,
        orders: orders.downgrade(),
        grants: Grants::default(),
        answers: Vec::new(),
        stream: Stream::None,
        generation: 0,
        began: Instant::now(),
        used: Instant::now(),
    };
    tokio::spawn(task.run(received));
    Desk::new(orders)
}

type Opening = Pin<Box<dyn Future<Output = Result<Exchange, String>> + Send>>;

enum Stream {
    None,
    Opening(Opening, u32),
    Open {
        exchange: Box<Exchange>,
        /// Whether the scheduler said anything on it.
        heard: bool,
    },
}

/// What the task waits for.
enum Input {
    Order(Option<Order>),
    Opened(Result<Exchange, String>),
    Heard(Result<Option<Incoming>, LinkError>),
    Due,
}

struct Task {
    cluster: Weak<Cluster>,
    kind: Kind,
    orders: mpsc::WeakUnboundedSender<Order>,
    grants: Grants<Placed>,
    answers: Vec<(Token, oneshot::Sender<Result<Ticket, Failure>>)>,
    stream: Stream,
    /// Of the stream: what came on an earlier one is void.
    generation: u64,
    began: Instant,
    used: Instant,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let input = self.wait(&mut orders).await;
            if !self.apply(input).await {
                return;
            }
        }
    }

    async fn wait(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Input {
        let due = match self.grants.wake_at() {
            Some(at) => Some(self.began + at),
            None if self.rests() => Some(self.used + KEPT),
            None => None,
        };
        let stream = async {
            match &mut self.stream {
                Stream::None => pending().await,
                Stream::Opening(opening, _) => Input::Opened(opening.await),
                Stream::Open { exchange, .. } => Input::Heard(exchange.next().await),
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => Input::Order(order),
            input = stream => input,
            () = sleep_until(due.unwrap_or(self.began)), if due.is_some() => Input::Due,
        }
    }

    /// Whether it has a stream and no use for it.
    fn rests(&self) -> bool {
        self.grants.is_idle() && !matches!(self.stream, Stream::None)
    }

    /// False: nobody needs the task any more.
    async fn apply(&mut self, input: Input) -> bool {
        match input {
            Input::Order(None) => return false,
            Input::Order(Some(order)) => self.order(order).await,
            Input::Opened(Ok(exchange)) => {
                let asked = match &self.stream {
                    Stream::Opening(_, asked) => *asked,
                    _ => 0,
                };
                self.stream = Stream::Open {
                    exchange: Box::new(exchange),
                    heard: false,
                };
                self.generation += 1;
                // Jobs may have come and gone while it was opened.
                if self.grants.wanted() != asked {
                    self.say_want(self.grants.wanted()).await;
                }
            }
            Input::Opened(Err(why)) => {
                self.stream = Stream::None;
                self.feed(Event::NoScheduler(why)).await;
            }
            Input::Heard(Ok(Some(Incoming::Message(message)))) => self.heard(*message).await,
            Input::Heard(Ok(Some(Incoming::Data(_)))) => self.over("it sent data").await,
            Input::Heard(Ok(None)) => self.over("it ended the stream").await,
            Input::Heard(Err(error)) => self.over(&error.to_string()).await,
            Input::Due => {
                self.feed(Event::Tick).await;
                if self.rests() && self.used.elapsed() >= KEPT {
                    // Dropped, it is ended; the next job opens another one.
                    self.stream = Stream::None;
                    self.feed(Event::StreamOver).await;
                }
            }
        }
        true
    }

    async fn order(&mut self, order: Order) {
        self.used = Instant::now();
        match order {
            Order::Coming => self.feed(Event::Coming).await,
            Order::Want(token, answer) => {
                self.answers.push((token, answer));
                self.feed(Event::Wanted(token)).await;
            }
            Order::Left(token) => {
                self.answers.retain(|(waiting, _)| *waiting != token);
                self.feed(Event::Left(token)).await;
            }
            Order::Unused(generation, grant) => {
                if generation == self.generation {
                    self.feed(Event::Unused(*grant)).await;
                }
            }
            Order::Over(generation, over) => {
                if generation != self.generation {
                    return;
                }
                if over.avoid {
                    self.feed(Event::Avoid(over.executor)).await;
                }
                self.feed(Event::Over(over.report.grant.get())).await;
                self.say(over.report).await;
            }
        }
    }

    async fn heard(&mut self, message: Message) {
        if let Stream::Open { heard, .. } = &mut self.stream
            && !std::mem::replace(heard, true)
            && let Some(cluster) = self.cluster.upgrade()
        {
            cluster.line.useful().await;
        }
        match message {
            Message::Grants(grants) => {
                let grants = grants.grants.into_vec().into_iter();
                let grants: Vec<_> = grants.filter_map(|placed| self.granted(placed)).collect();
                self.feed(Event::Granted(grants)).await;
            }
            Message::NoGrants(none) => {
                let text = none.text.as_str().to_owned();
                let without = match none.reason {
                    Lack::NobodyWilling => Without::NobodyWilling(text),
                    _ if none.possible => Without::Nobody(text),
                    _ => Without::NoHost(text),
                };
                self.feed(Event::Nothing(without)).await;
            }
            Message::Elected(elected) => self.elected(&elected).await,
            other => {
                self.over(&format!("it sent {} here", other.name())).await;
            }
        }
    }

    /// A grant as the agent keeps it, if it is one for a single executor that can be read.
    fn granted(&self, placed: Placed) -> Option<Granted<Placed>> {
        let read = placed.grant.read_grant();
        let grant = read.inspect_err(|why| debug!("a grant is passed over: {why}"));
        let grant = grant.ok()?;
        let lifetime = grant.expires.get().saturating_sub(grant.not_before.get());
        Some(Granted {
            number: grant.number.get(),
            executor: grant.executor,
            lifetime: Duration::from_secs(lifetime.min(3600)),
            what: placed,
        })
    }

    async fn elected(&mut self, elected: &Elected) {
        debug!("another scheduler was elected: {}", elected.why);
        if let Some(cluster) = self.cluster.upgrade() {
            let places = elected.addresses.iter().filter_map(host_port);
            cluster.follow(elected.scheduler, places.collect());
        }
        self.stream = Stream::None;
        self.feed(Event::StreamOver).await;
    }

    /// The stream is of no use any more.
    async fn over(&mut self, why: &str) {
        let was_heard = matches!(self.stream, Stream::Open { heard: true, .. });
        debug!("the scheduler's stream is over: {why}");
        self.stream = Stream::None;
        if !was_heard && let Some(cluster) = self.cluster.upgrade() {
            let generation = cluster.generation();
            cluster.line.useless(generation, why).await;
        }
        // Those who wait are asked for once more, on a new stream.
        self.feed(Event::StreamOver).await;
    }

    async fn feed(&mut self, event: Event<Placed>) {
        let now = self.began.elapsed();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.grants.apply(event, now) {
                match action {
                    Action::Give(token, grant) => {
                        if let Some(back) = self.give(token, grant) {
                            events.push(Event::Unused(back));
                        }
                    }
                    Action::Refuse(token, without) => self.refuse(token, without),
                    Action::Want(count) => self.say_want(count).await,
                    Action::GiveBack(numbers) => self.give_back(&numbers).await,
                }
            }
        }
    }

    fn take(&mut self, token: Token) -> Option<oneshot::Sender<Result<Ticket, Failure>>> {
        let at = self
            .answers
            .iter()
            .position(|(waiting, _)| *waiting == token)?;
        Some(self.answers.swap_remove(at).1)
    }

    /// Hands a grant to a job; gives it back if the job is gone.
    fn give(&mut self, token: Token, grant: Granted<Placed>) -> Option<Granted<Placed>> {
        let (Some(answer), Some(orders)) = (self.take(token), self.orders.upgrade()) else {
            return Some(grant);
        };
        let ticket = Ticket::new(grant, self.generation, orders);
        // One that nobody takes comes back by being dropped.
        let _ = answer.send(Ok(ticket));
        None
    }

    fn refuse(&mut self, token: Token, without: Without) {
        let Some(answer) = self.take(token) else {
            return;
        };
        let failure = match without {
            Without::NoHost(text) | Without::Nobody(text) => Failure::here(Reason::NoHost, text),
            Without::NobodyWilling(text) => Failure::here(Reason::NobodyWilling, text),
            // There is one, and it does not talk to this host.
            Without::NoScheduler(text) if self.is_outside() => {
                Failure::here(Reason::NoMember, text)
            }
            Without::NoScheduler(text) => Failure::here(Reason::NoScheduler, text),
            Without::TooLate => {
                let detail = "the scheduler named no host in time";
                Failure::here(Reason::AssignmentTimeout, detail)
            }
        };
        let _ = answer.send(Err(failure));
    }

    fn is_outside(&self) -> bool {
        let cluster = self.cluster.upgrade();
        cluster.is_some_and(|cluster| cluster.is_outside())
    }

    async fn say_want(&mut self, count: u32) {
        let Ok(want) = self.kind.want(count) else {
            return;
        };
        match &mut self.stream {
            Stream::Open { .. } => self.say(want).await,
            Stream::Opening(..) => {}
            Stream::None if count > 0 => {
                let Some(cluster) = self.cluster.upgrade() else {
                    return;
                };
                self.stream = Stream::Opening(Box::pin(open_stream(cluster, want)), count);
            }
            Stream::None => {}
        }
    }

    async fn give_back(&mut self, numbers: &[u64]) {
        for some in numbers.chunks(TOGETHER) {
            let some = some.iter().filter_map(|one| GrantNumber::new(*one).ok());
            if let Ok(grants) = List::new(some.collect()) {
                self.say(GiveBack { grants }).await;
            }
        }
    }

    async fn say<M: wire::message::Body + Send + Sync + 'static>(&mut self, message: M) {
        if let Stream::Open { exchange, .. } = &mut self.stream {
            // A stream that is over tells so when it is listened to.
            let _ = exchange.send(message).await;
        }
    }
}

async fn open_stream(cluster: Arc<Cluster>, want: Want) -> Result<Exchange, String> {
    let target = cluster.target();
    let target = target.ok_or("this host is no member of its cluster any more")?;
    let generation = target.generation;
    let link = cluster.line.link(&target).await?;
    match link.open(want).await {
        Ok(exchange) => Ok(exchange),
        Err(error) => {
            let why = error.to_string();
            if error.is_final() {
                cluster.line.useless(generation, &why).await;
            }
            Err(why)
        }
    }
}
