//! The line to the scheduler: found, connected, kept, found again. One task; it knows nothing of
//! slots and jobs.

mod backoff;
mod discover;
pub(crate) mod elected;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use icecream::{Message, Version};
use membership::{Peer, Role};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use transport::{Channel, Options, Passport, Schedulers, Sender, TransportError};

use crate::config::{Config, Find, SCHEDULER_PORT};
use crate::guard::Guard;
use backoff::Backoff;

/// Connecting and shaking hands. icecream's scheduler may take half a minute to notice a
/// connection when all its peers are quiet.
const CONNECT: Duration = Duration::from_secs(40);
/// A session that lasted this long was a good one.
const GOOD_SESSION: Duration = Duration::from_secs(10);
/// Messages waiting for a scheduler that does not read; then it is given up.
const OUTGOING: usize = 4096;

const NO_MEMBER: &str = "this host is no member of a cluster; `floe join LINE` makes it one";

/// What happens on the line.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    Found(Line),
    Said(Message),
    /// The session is over, or there was none; the cause is for people.
    Lost {
        why: String,
    },
}

/// One session with a scheduler.
#[derive(Debug)]
pub(crate) struct Line {
    /// Dropping it says good-bye.
    pub(crate) outgoing: mpsc::Sender<Message>,
    pub(crate) scheduler: SocketAddr,
    /// This host as the scheduler sees it, unless something translates addresses.
    pub(crate) own: Option<IpAddr>,
    pub(crate) version: Version,
    /// Whose grants hold here; known in a cluster of members.
    pub(crate) member: Option<Peer>,
}

/// Keeps the line until nobody listens to its events any more.
pub(crate) async fn run(
    config: Arc<Config>,
    events: mpsc::Sender<LinkEvent>,
    found: watch::Sender<Option<SocketAddr>>,
) {
    let surveyed = match config.scheduler {
        Find::Broadcast { port } => Some(port),
        Find::At(_) if config.gate.live().is_none() => Some(SCHEDULER_PORT),
        // Whoever keeps to members says nothing to the rest of the network.
        Find::At(_) | Find::OneOf(_) => None,
    };
    if let Some(port) = surveyed {
        let config = Arc::clone(&config);
        tokio::spawn(async move { discover::survey(&config, port).await });
    }

    if let Some(roles) = config.has_no_part() {
        // The scheduler would only close the line, again and again.
        let why = format!(
            "this host has only the roles {roles}, and compiles are for submit and execute: its daemon keeps off the line to the scheduler"
        );
        tracing::info!("{why}");
        if events.send(LinkEvent::Lost { why }).await.is_ok() {
            events.closed().await;
        }
        return;
    }
    let mut backoff = Backoff::new(config.tests);
    let mut last_cause = String::new();
    let mut schedulers = config.schedulers.clone();
    while !events.is_closed() {
        let began = Instant::now();
        if let Some(schedulers) = &mut schedulers {
            schedulers.mark_unchanged();
        }
        let connected = tokio::select! {
            connected = connect(&config) => connected,
            () = events.closed() => return,
        };
        let why = match connected {
            Ok((channel, member)) => {
                found.send_replace(channel.peer_addr().socket_addr());
                let mut guard = Guard::of(member.as_ref(), config.passport.live(), &config.recheck);
                let session = async {
                    tokio::select! {
                        ended = session(channel, member, &events) => ended,
                        why = guard.distrusted() => Err(format!("it may not be the scheduler any more: {why}")),
                    }
                };
                let Err(lost) = session.await else {
                    return;
                };
                let lost = config.fallen().unwrap_or(lost);
                found.send_replace(None);
                tracing::warn!("scheduler closed connection ({lost})");
                if began.elapsed() > GOOD_SESSION {
                    backoff.reset();
                }
                last_cause.clear();
                lost
            }
            Err(why) => {
                // What a scheduler's end of a connection looks like here says less.
                let why = config.fallen().unwrap_or(why);
                // Once, not every few seconds for a whole night.
                if why == last_cause {
                    tracing::debug!("still no scheduler: {why}");
                } else {
                    tracing::warn!("no scheduler: {why}");
                }
                last_cause.clone_from(&why);
                why
            }
        };
        if events.send(LinkEvent::Lost { why }).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep(backoff.delay()) => {}
            // The one that is elected now may be new to this host.
            () = others(schedulers.as_mut()) => backoff.reset(),
            () = events.closed() => return,
        }
    }
}

/// Waits until other schedulers are known than before.
async fn others(schedulers: Option<&mut watch::Receiver<Schedulers>>) {
    if let Some(schedulers) = schedulers
        && schedulers.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

async fn connect(config: &Config) -> Result<(Channel, Option<Peer>), String> {
    if let (Passport::Member(live), Find::At(_) | Find::OneOf(_)) =
        (&config.passport, &config.scheduler)
    {
        return elected::connect(config, live).await;
    }
    let places = match &config.scheduler {
        Find::At(place) => std::slice::from_ref(place),
        Find::OneOf(places) => places,
        Find::Broadcast { port } => {
            let address = discover::discover(config, *port).await?;
            return connect_at(config, address).await;
        }
    };
    let mut last = NO_MEMBER.to_owned();
    for place in places {
        let connected = match place.resolve().await {
            Ok(address) => connect_at(config, address).await,
            Err(error) => Err(error.to_string()),
        };
        match connected {
            Ok(connected) => return Ok(connected),
            Err(why) => last = why,
        }
    }
    Err(last)
}

async fn connect_at(
    config: &Config,
    address: SocketAddr,
) -> Result<(Channel, Option<Peer>), String> {
    let bind = config.bind;
    let options = Options {
        slow_network: config.slow_network,
        ..Options::default()
    };
    let connecting = config
        .passport
        .connect_known(Role::Schedule, address, CONNECT, bind, options);
    connecting.await.map_err(|error| refused(address, &error))
}

fn refused(address: SocketAddr, error: &TransportError) -> String {
    match error.too_old() {
        Some(version) => format!(
            "scheduler at {address} speaks version {version}, and {} is the oldest that works; update it to icecc 1.3 or later, or to floe",
            Version::MIN.number()
        ),
        None => error.to_string(),
    }
}

/// Carries messages both ways until the scheduler is lost, or until this daemon is ending.
async fn session(
    channel: Channel,
    member: Option<Peer>,
    events: &mpsc::Sender<LinkEvent>,
) -> Result<(), String> {
    let (outgoing, mut orders) = mpsc::channel(OUTGOING);
    let scheduler = channel.peer_addr().socket_addr();
    let scheduler = scheduler.ok_or("it ended before it began")?;
    let (own, version) = (channel.local_addr().ip(), channel.version());
    let line = Line {
        outgoing,
        scheduler,
        own,
        version,
        member,
    };
    if events.send(LinkEvent::Found(line)).await.is_err() {
        return Ok(());
    }
    let (mut receiver, mut sender) = channel.split();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(message) => {
                    let sent = send(&mut sender, message, &mut orders).await;
                    sent.map_err(|error| error.to_string())?;
                }
                None if events.is_closed() => {
                    // icecream takes END from a daemon as its logout; the close says it, too.
                    let _gone = sender.send(&Message::End).await;
                    return Ok(());
                }
                None => return Err("this daemon gave it up".to_owned()),
            },
            message = receiver.receive() => {
                let message = message.map_err(|error| error.to_string())?;
                let message = message.ok_or("the scheduler closed it")?;
                // Fails when this daemon is ending; then the orders end, too.
                let _ending = events.send(LinkEvent::Said(message)).await;
            }
        }
    }
}

/// Sends a message and whatever waits behind it in one go.
async fn send(
    sender: &mut Sender,
    message: Message,
    orders: &mut mpsc::Receiver<Message>,
) -> Result<(), TransportError> {
    feed(sender, &message);
    while let Ok(next) = orders.try_recv() {
        feed(sender, &next);
    }
    sender.flush().await
}

/// A message that cannot be put into a frame is some client's doing: it alone suffers.
fn feed(sender: &mut Sender, message: &Message) {
    if let Err(error) = sender.feed(message) {
        tracing::warn!("a message for the scheduler is left out: {error}");
    }
}
