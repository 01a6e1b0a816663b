//! A member looks at the scheduler of its cluster: its greeting, hosts and jobs.

use std::net::IpAddr;
use std::time::Duration;

use job::Role;
use membership::{Expect, Live};
use wire::message::{self, Body, Denied, Elected, Message};
use wire::{Limits, Side};

use crate::enrol::{hello, host_port};
use crate::error::TransportError;
use crate::gate::Passport;
use crate::link::{Exchange, Incoming, Link, LinkError};
use crate::resolve::HostPort;
use crate::stream::Stream;

/// For connecting to a scheduler.
const CONNECT: Duration = Duration::from_secs(3);
/// From the scheduler that is known to the elected one.
const HOPS: u32 = 3;
/// The most that is read of a scheduler's answer.
const LONGEST: usize = 8 << 20;

/// What a scheduler said, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    pub at: String,
    /// In the form of its control port: greeting, hosts, jobs.
    pub parts: [String; 3],
}

/// Why there is none. Another try helps where nobody was reached and none is elected.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The text is the answerer's own.
    #[error("{}", .0.text)]
    Denied(Box<Denied>),
    /// Whoever answered is wrong.
    #[error("{0}")]
    Answer(String),
    #[error("nobody says where the elected scheduler is: {0}")]
    Nowhere(String),
    #[error("the schedulers name each other; in some seconds one of them is elected")]
    Unelected,
}

/// Asks the scheduler at this place, or the one that it names.
pub async fn look(live: &Live, at: HostPort, bind: Option<IpAddr>) -> Result<Overview, LookError> {
    let (mut at, mut whom) = (at, Expect::Any(Role::Schedule));
    for _ in 0..HOPS {
        let address = at.resolve().await?;
        let connected = Passport::connect_native(live, whom, address, CONNECT, bind).await;
        let (stream, _) = connected?;
        match look_through(stream).await? {
            Look::Seen(parts) => {
                let at = at.to_string();
                return Ok(Overview { at, parts });
            }
            Look::Elsewhere(elected) => {
                let place = elected.addresses.iter().find_map(host_port);
                at = place.ok_or_else(|| LookError::Nowhere(elected.why.to_string()))?;
                whom = Expect::Member(elected.scheduler, Role::Schedule);
            }
        }
    }
    Err(LookError::Unelected)
}

/// A line below the greeting that says which scheduler was asked, where a daemon asks for its users.
const AT: &str = "at: ";

impl Overview {
    /// What a daemon asked of its scheduler.
    pub async fn of_daemon(stream: Stream) -> Result<Self, LookError> {
        let Look::Seen(parts) = look_through(stream).await? else {
            let wrong = "the daemon sends its user to another place".to_owned();
            return Err(LookError::Answer(wrong));
        };
        let at = parts[0].lines().find_map(|line| line.strip_prefix(AT));
        let at = at.unwrap_or("unknown").to_owned();
        Ok(Self { at, parts })
    }

    /// The same for a user of this host.
    pub fn for_user(self) -> String {
        let [greeting, hosts, jobs] = self.parts;
        let greeting = format!("{}\n{AT}{}\n", greeting.trim_end(), self.at);
        [greeting, hosts, jobs].join("\0")
    }
}

/// What whoever was asked answers.
enum Look {
    Seen([String; 3]),
    /// Another scheduler is elected.
    Elsewhere(Elected),
}

async fn look_through(stream: Stream) -> Result<Look, LookError> {
    let (_link, mut exchange) = open(stream, message::Look {}).await?;
    exchange.finish().await?;
    let mut all = Vec::new();
    while let Some(incoming) = exchange.next().await? {
        match incoming {
            Incoming::Data(bytes) => all.extend_from_slice(&bytes),
            Incoming::Message(message) => match *message {
                Message::Overview(_) => {}
                Message::Elected(elected) => return Ok(Look::Elsewhere(elected)),
                Message::Denied(denied) => return Err(LookError::Denied(Box::new(denied))),
                other => return Err(LookError::Answer(format!("{} came", other.name()))),
            },
        }
        if all.len() > LONGEST {
            return Err(LookError::Answer("the answer is too long".to_owned()));
        }
    }
    let text = String::from_utf8_lossy(&all);
    let parts: Vec<_> = text.split('\0').map(str::to_owned).collect();
    let parts = parts.try_into();
    parts.map(Look::Seen).map_err(|_| {
        LookError::Answer("what came is no scheduler's greeting, hosts and jobs".to_owned())
    })
}

async fn open<M>(stream: Stream, message: M) -> Result<(Link, Exchange), LinkError>
where
    M: Body + Clone + Send + Sync + 'static,
{
    let (link, _opens_none) = Link::start(stream, Side::Connecting, &hello(), Limits::LEAST);
    let exchange = link.open(message).await?;
    Ok((link, exchange))
}
