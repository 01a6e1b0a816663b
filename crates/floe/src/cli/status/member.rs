//! Asking the scheduler of a cluster of members: its control port answers on its own host only, so this goes
//! the agents' way, with the credentials that the daemon here gives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use membership::{Expect, Live, Role, UnixTime};
use rustls::time_provider::DefaultTimeProvider;
use tokio::net::UnixStream;
use transport::{
    Exchange, HostPort, Incoming, Link, Passport, hello, host_port, read_credentials, receive_list,
};
use wire::message::{self, Body, Elected, Message, WantCredentials};
use wire::{Limits, Side};

/// For connecting to the scheduler.
const CONNECT: Duration = Duration::from_secs(3);
/// From the daemon's scheduler to the elected one.
const HOPS: u32 = 3;
/// The most that is read of a scheduler's answer.
const LONGEST: usize = 8 << 20;

/// The scheduler's greeting, hosts and jobs, each in the form of its control port, and where it is.
pub(super) async fn look(socket: &Path) -> Result<(String, [String; 3])> {
    let (live, schedulers) = credentials(socket).await?;
    let scheduler = schedulers.first().context("the daemon has no scheduler")?;
    let (mut at, mut whom) = (scheduler.clone(), Expect::Any(Role::Schedule));
    for _ in 0..HOPS {
        match look_at(&live, &at, whom).await? {
            Look::Seen(text) => {
                let parts: Vec<_> = text.split('\0').map(str::to_owned).collect();
                let Ok(parts) = parts.try_into() else {
                    bail!("the scheduler's answer is none");
                };
                return Ok((at.to_string(), parts));
            }
            Look::Elsewhere(elected) => {
                let place = elected.addresses.iter().find_map(host_port);
                at = place.with_context(|| format!("nobody says where: {}", elected.why))?;
                whom = Expect::Member(elected.scheduler, Role::Schedule);
            }
        }
    }
    bail!("the schedulers name each other; in some seconds one of them is elected")
}

/// What a scheduler answers.
enum Look {
    Seen(String),
    /// Another one is elected.
    Elsewhere(Elected),
}

async fn look_at(live: &Live, at: &HostPort, whom: Expect) -> Result<Look> {
    let address = at.resolve().await?;
    let (stream, _) = Passport::connect_native(live, whom, address, CONNECT, None).await?;
    let (_link, mut exchange) = open(stream, message::Look {}).await?;
    exchange.finish().await?;
    let mut all = Vec::new();
    while let Some(incoming) = exchange.next().await? {
        match incoming {
            Incoming::Data(bytes) => all.extend_from_slice(&bytes),
            Incoming::Message(message) => match *message {
                Message::Overview(_) => {}
                Message::Elected(elected) => return Ok(Look::Elsewhere(elected)),
                Message::Denied(denied) => bail!("{}", denied.text),
                other => bail!("the scheduler answered with {}", other.name()),
            },
        }
        if all.len() > LONGEST {
            bail!("the scheduler's answer is too long");
        }
    }
    Ok(Look::Seen(String::from_utf8_lossy(&all).into_owned()))
}

/// As whom this user may ask, and where.
async fn credentials(socket: &Path) -> Result<(Live, Vec<HostPort>)> {
    let stream = UnixStream::connect(socket).await?;
    let (_link, mut exchange) = open(stream.into(), WantCredentials {}).await?;
    let given = loop {
        let said = match exchange.next().await? {
            Some(Incoming::Message(message)) => *message,
            _ => bail!("the daemon said nothing"),
        };
        match said {
            Message::Pinned(pinned) => {
                transport::pin_to(Some(pinned.interface.as_str()));
            }
            Message::Credentials(given) => break given,
            Message::Denied(denied) => bail!("{}", denied.text),
            other => bail!("the daemon answered with {}", other.name()),
        }
    };
    let list = receive_list(&mut exchange, &given).await?;
    let schedulers = given.scheduler.iter().filter_map(host_port).collect();
    let credentials = read_credentials(&given, list);
    let live = credentials.live(Arc::new(DefaultTimeProvider), UnixTime::now())?;
    Ok((live, schedulers))
}

async fn open<M>(stream: transport::Stream, message: M) -> Result<(Link, Exchange)>
where
    M: Body + Clone + Send + Sync + 'static,
{
    let (link, _opens_none) = Link::start(stream, Side::Connecting, &hello(), Limits::LEAST);
    let exchange = link.open(message).await?;
    Ok((link, exchange))
}
