//! Connections of daemons and monitors: greeted in tasks of their own, then read by them.

use std::hash::Hash;
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use icecream::Message;
use membership::{Distrust, Live, Peer as Member, Role};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use transport::{
    Admitted, Channel, Complaints, Endpoint, Gate, Lobby, Receiver, Sender, TransportError,
    accept_tcp,
};

use crate::core::Input;
use crate::election::{Ballot, Verdict};
use crate::native;

/// For the handshake, and again for the first message. icecream's daemons may be silent for three
/// seconds after they connected.
const GREETING_DEADLINE: Duration = Duration::from_secs(15);
/// Connections that have not logged in yet; of more, the oldest are closed.
const MAX_GREETING: usize = 4096;
/// Messages of one connection that are handed over together.
const MAX_BATCH: usize = 256;

/// Whoever may do one of these has something to say here.
const WELCOME: &[Role] = &[Role::Submit, Role::Execute, Role::Monitor, Role::Schedule];

/// One login. Never used twice; a daemon's is also its host number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Peer(pub(crate) u32);

/// A connection that has said what it is.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) peer: Peer,
    pub(crate) hello: Hello,
    pub(crate) sender: Sender,
    /// Known of members only.
    pub(crate) member: Option<Member>,
    /// Dropping this ends the reading.
    pub(crate) stop: oneshot::Sender<()>,
}

/// A connection that may go on.
enum Greeted {
    Icecream(Box<Newcomer>, Reader),
    /// On which nothing was said yet.
    Native {
        stream: transport::Stream,
        member: Box<Member>,
        live: Live,
    },
}

#[derive(Debug)]
pub(crate) enum Hello {
    Daemon(Box<icecream::Login>),
    Monitor,
}

/// What the greeting tasks share.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    inputs: mpsc::Sender<Input>,
    gate: Gate,
    last_peer: Arc<AtomicU32>,
    greeting: Lobby,
    complaints: Arc<Complaints>,
    /// None if there is nobody else to elect.
    ballot: Option<Ballot>,
}

impl Door {
    pub(crate) fn new(inputs: mpsc::Sender<Input>, gate: Gate, ballot: Option<Ballot>) -> Self {
        Self {
            inputs,
            gate,
            last_peer: Arc::default(),
            greeting: Lobby::new(MAX_GREETING),
            complaints: Arc::default(),
            ballot,
        }
    }

    /// Accepts for ever.
    pub(crate) async fn keep(self, listener: TcpListener) {
        loop {
            let (stream, address) = accept_tcp(&listener).await;
            let mut guest = self.greeting.enter(address.ip());
            let door = self.clone();
            tokio::spawn(async move {
                let peer = Endpoint::tcp(address);
                let greeted = guest.stay(&peer, door.greet(stream)).await;
                drop(guest);
                match greeted {
                    Ok(Greeted::Native {
                        stream,
                        member,
                        live,
                    }) => {
                        let (peer, inputs) = (door.next_peer(), door.inputs);
                        let caller = native::link::Caller {
                            member: *member,
                            peer,
                        };
                        native::link::serve(stream, caller, live, door.ballot, inputs).await;
                    }
                    Ok(Greeted::Icecream(newcomer, reader)) => {
                        if door.inputs.send(Input::Arrived(*newcomer)).await.is_ok() {
                            reader.read().await;
                        }
                    }
                    Err(error) if error.is_probe() => {}
                    Err(error) => match door.complaints.about(Some(address.ip()), &error.kind()) {
                        Some(unsaid) => tracing::warn!("connection refused: {error}{unsaid}"),
                        None => tracing::debug!("connection refused: {error}"),
                    },
                }
            });
        }
    }

    fn next_peer(&self) -> Peer {
        let last = self.last_peer.fetch_add(1, Ordering::Relaxed);
        Peer(last.wrapping_add(1))
    }

    async fn greet(&self, stream: TcpStream) -> Result<Greeted, GreetingError> {
        let admitted = self.gate.admit(WELCOME, stream, GREETING_DEADLINE);
        let Admitted {
            stream,
            member,
            native,
        } = admitted.await?;
        let member = match (native, member, self.gate.live().cloned()) {
            (true, Some(member), Some(live)) => {
                let member = Box::new(member);
                return Ok(Greeted::Native {
                    stream,
                    member,
                    live,
                });
            }
            (_, member, _) => member,
        };
        if let (Some(ballot), Some(_)) = (&self.ballot, &member)
            && let Verdict::Other { elected, .. } = ballot.decided().await
        {
            return Err(GreetingError::NotElected {
                peer: stream.peer().to_string(),
                elected: elected.name,
            });
        }
        let channel = Channel::accept(stream, GREETING_DEADLINE).await?;
        let peer_name = channel.peer_addr().to_string();
        let (mut receiver, sender) = channel.split();
        let mut hello = match timeout(GREETING_DEADLINE, receiver.receive()).await {
            Ok(Ok(Some(Message::Login(login)))) => Hello::Daemon(Box::new(login)),
            Ok(Ok(Some(Message::MonLogin))) => Hello::Monitor,
            Ok(Ok(Some(other))) => {
                return Err(GreetingError::WrongMessage {
                    peer: peer_name,
                    kind: other.kind(),
                });
            }
            Ok(Ok(None)) => return Err(GreetingError::Left),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(GreetingError::Silent { peer: peer_name }),
        };
        if let Some(member) = &member {
            within_its_roles(member, &mut hello).map_err(|why| GreetingError::NotAllowed {
                peer: peer_name,
                why,
            })?;
        }
        let peer = self.next_peer();
        let (stop, stopped) = oneshot::channel();
        let reader = Reader {
            peer,
            receiver,
            inputs: self.inputs.clone(),
            stopped,
        };
        let newcomer = Newcomer {
            peer,
            hello,
            sender,
            member,
            stop,
        };
        Ok(Greeted::Icecream(Box::new(newcomer), reader))
    }
}

/// A member that may not execute is a host without slots for others.
fn within_its_roles(member: &Member, hello: &mut Hello) -> Result<(), Distrust> {
    if member.is_agent && matches!(hello, Hello::Daemon(_)) {
        return Err(Distrust::NoMember);
    }
    match hello {
        Hello::Monitor => member.needs(Role::Monitor),
        Hello::Daemon(login) => {
            if member.needs(Role::Execute).is_err() {
                login.no_remote = true;
            }
            match member.needs(Role::Submit) {
                Ok(()) => Ok(()),
                Err(_) => member.needs(Role::Execute),
            }
        }
    }
}

/// Why a connection does not become a daemon's or a monitor's. Always the peer's doing.
#[derive(Debug, thiserror::Error)]
enum GreetingError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("{peer} began with a {kind} message instead of a login")]
    WrongMessage {
        peer: String,
        kind: icecream::MessageKind,
    },
    #[error("{peer} did not log in within {} s", GREETING_DEADLINE.as_secs())]
    Silent { peer: String },
    #[error("{peer} is refused: {why}")]
    NotAllowed { peer: String, why: Distrust },
    /// It did not ask which one to log in at, or that has changed since.
    #[error("{peer} is to log in at scheduler {elected}, which is elected")]
    NotElected { peer: String, elected: String },
    #[error("the peer left without logging in")]
    Left,
}

impl GreetingError {
    fn is_probe(&self) -> bool {
        match self {
            Self::Transport(error) => error.is_probe(),
            Self::Left => true,
            Self::WrongMessage { .. }
            | Self::Silent { .. }
            | Self::NotAllowed { .. }
            | Self::NotElected { .. } => false,
        }
    }

    fn kind(&self) -> impl Hash + use<> {
        let of_transport = match self {
            Self::Transport(error) => Some(error.kind()),
            _ => None,
        };
        (discriminant(self), of_transport)
    }
}

/// Reads one connection and hands over what arrives.
struct Reader {
    peer: Peer,
    receiver: Receiver,
    inputs: mpsc::Sender<Input>,
    stopped: oneshot::Receiver<()>,
}

impl Reader {
    async fn read(mut self) {
        let peer = self.peer;
        loop {
            let received = tokio::select! {
                _ = &mut self.stopped => return,
                received = self.receiver.receive() => received,
            };
            let input = match received {
                Ok(Some(message)) => Input::Said {
                    peer,
                    messages: self.batch(message),
                },
                Ok(None) => Input::Closed { peer, why: None },
                Err(error) => Input::Closed {
                    peer,
                    why: Some(error.to_string()),
                },
            };
            let last = matches!(input, Input::Closed { .. });
            if self.inputs.send(input).await.is_err() || last {
                return;
            }
        }
    }

    /// The message and those that have arrived behind it.
    fn batch(&mut self, first: Message) -> Vec<Message> {
        let mut messages = vec![first];
        while messages.len() < MAX_BATCH
            && let Ok(Some(next)) = self.receiver.buffered()
        {
            messages.push(next);
        }
        messages // an error shows again at the next receive
    }
}
