//! Who may come in at a TCP port, and as whom this host goes out.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use membership::{ALPN, ALPN_ICECREAM, Distrust, Expect, Live, Peer, Role};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::channel::{Channel, Options};
use crate::error::TransportError;
use crate::secure::{self, Dialect, dialect};
use crate::stream::{Endpoint, Stream};

/// How long a host that did not know TLS is not asked for it again.
const STRANGER: Duration = Duration::from_secs(600);

/// Whom a listening port admits.
#[derive(Clone)]
pub enum Gate {
    /// Anybody who speaks icecream's protocol.
    Open,
    /// Members of the cluster, by TLS.
    Members(Live),
    /// Members by TLS, and anybody who speaks icecream's protocol.
    Mixed(Live),
}

impl fmt::Debug for Gate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Open => "Open",
            Self::Members(_) => "Members",
            Self::Mixed(_) => "Mixed",
        })
    }
}

/// A connection that was let in, on which nothing was said yet.
#[derive(Debug)]
pub struct Admitted {
    pub stream: Stream,
    /// Whose it is; known of members only.
    pub member: Option<Peer>,
    /// What follows is floe's own protocol ([`crate::Link`]) and not icecream's ([`Channel`]).
    pub native: bool,
}

impl Admitted {
    fn stranger(stream: TcpStream) -> Self {
        Self {
            stream: stream.into(),
            member: None,
            native: false,
        }
    }
}

impl Gate {
    /// What members show each other, where there are members.
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::Open => None,
            Self::Members(live) | Self::Mixed(live) => Some(live),
        }
    }

    /// Lets a connection in, or says why not. A member needs one of `roles`.
    pub async fn admit(
        &self,
        roles: &[Role],
        stream: TcpStream,
        deadline: Duration,
    ) -> Result<Admitted, TransportError> {
        let live = match self {
            Self::Open => return Ok(Admitted::stranger(stream)),
            Self::Members(live) | Self::Mixed(live) => live,
        };
        let began = Instant::now();
        match dialect(&stream, deadline).await? {
            Dialect::Tls => {
                let left = deadline.saturating_sub(began.elapsed());
                let (stream, member, native) = secure::accept(stream, live, left).await?;
                may_one_of(&member, roles).map_err(|why| TransportError::Distrusted {
                    peer: stream.peer(),
                    why,
                })?;
                Ok(Admitted {
                    stream,
                    member: Some(member),
                    native,
                })
            }
            Dialect::Icecream if matches!(self, Self::Mixed(_)) => Ok(Admitted::stranger(stream)),
            Dialect::Icecream => Err(TransportError::MembersOnly {
                peer: stream.peer_addr().map_or(Endpoint::Unknown, Endpoint::tcp),
            }),
        }
    }
}

fn may_one_of(member: &Peer, roles: &[Role]) -> Result<(), Distrust> {
    let mut refusal = Ok(());
    for role in roles {
        match member.needs(*role) {
            Ok(()) => return Ok(()),
            lacking => refusal = lacking,
        }
    }
    refusal
}

/// How this host connects to others.
#[derive(Clone, Default)]
pub enum Passport {
    /// As icecream does: without a name, in the clear.
    #[default]
    None,
    /// As a member of a cluster, to members of it only.
    Member(Live),
    /// As a member to members, and as icecream does to whoever does not know TLS. Whoever can change what
    /// is on the way can make a member look so: for clusters that have hosts which are no members.
    Mixed(Mixed),
}

/// A member among hosts that are none.
#[derive(Clone)]
pub struct Mixed {
    live: Live,
    strangers: Arc<Mutex<HashMap<SocketAddr, Instant>>>,
}

impl Mixed {
    pub fn new(live: Live) -> Self {
        let strangers = Arc::default();
        Self { live, strangers }
    }

    fn is_stranger(&self, address: SocketAddr) -> bool {
        let mut strangers = self.strangers();
        strangers.retain(|_, since| since.elapsed() < STRANGER);
        strangers.contains_key(&address)
    }

    fn strangers(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Passport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::None => "None",
            Self::Member(_) => "Member",
            Self::Mixed(_) => "Mixed",
        })
    }
}

impl Passport {
    /// What this host shows, if it is a member.
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::None => None,
            Self::Member(live) => Some(live),
            Self::Mixed(mixed) => Some(&mixed.live),
        }
    }

    /// Connects to a member, for floe's own protocol, and says who it turned out to be.
    pub async fn connect_native(
        live: &Live,
        expect: Expect,
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
    ) -> Result<(Stream, Peer), TransportError> {
        secure::connect(address, expect, ALPN, live, deadline, bind).await
    }

    /// Connects, to a host with this role if this host is a member, for icecream's messages. The deadline is
    /// for all handshakes together.
    pub async fn connect(
        &self,
        role: Role,
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
        options: Options,
    ) -> Result<Channel, TransportError> {
        let connecting = self.connect_known(role, address, deadline, bind, options);
        Ok(connecting.await?.0)
    }

    /// The same, with whom it turned out to be if this host is a member.
    pub async fn connect_known(
        &self,
        role: Role,
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
        options: Options,
    ) -> Result<(Channel, Option<Peer>), TransportError> {
        let began = Instant::now();
        let live = match self {
            Self::Member(live) => live,
            Self::Mixed(mixed) if !mixed.is_stranger(address) => {
                let member = Self::Member(mixed.live.clone());
                let connecting = member.connect_known(role, address, deadline, bind, options);
                match Box::pin(connecting).await {
                    Err(error) if error.knows_no_tls() => {}
                    connected => return connected,
                }
                let left = deadline.saturating_sub(began.elapsed());
                let channel = Channel::connect_tcp_with(address, left, bind, options).await?;
                mixed.strangers().insert(address, Instant::now());
                return Ok((channel, None));
            }
            Self::None | Self::Mixed(_) => {
                let connecting = Channel::connect_tcp_with(address, deadline, bind, options);
                return Ok((connecting.await?, None));
            }
        };
        let expect = Expect::Any(role);
        let connecting = secure::connect(address, expect, ALPN_ICECREAM, live, deadline, bind);
        let (stream, peer) = connecting.await?;
        let left = deadline.saturating_sub(began.elapsed());
        let channel = Channel::accept_with(stream, left, options).await?;
        Ok((channel, Some(peer)))
    }
}
