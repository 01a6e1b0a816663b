//! Accepts connections and shakes hands, each in a task of its own: a silent peer holds up nobody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icecream::Version;
use membership::Role;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use transport::{Channel, Gate, Options, TransportError};

use crate::credentials;
use crate::guard::{Guard, Recheck};
use crate::native::Front;

/// For the whole handshake, as in icecream.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Connections of this host's clients; one waits for each running compile.
const MOST_LOCAL: usize = 8192;
/// Connections of other hosts, and of any one of them.
const MOST_REMOTE: usize = 1024;
const MOST_OF_ONE_HOST: usize = 384;

/// A client after the handshake.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) channel: Channel,
    pub(crate) peer: Peer,
    pub(crate) guard: Guard,
    pub(crate) ticket: Ticket,
}

/// Who is at the other end, and what it may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) shown: String,
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the Unix socket: shares this host's files.
    Here,
    /// On 127.x: a client of this host, perhaps in a container with other files.
    Loopback,
    Elsewhere,
}

impl Place {
    /// May submit jobs in this host's name.
    pub(crate) fn may_submit(self) -> bool {
        self != Self::Elsewhere
    }
}

/// The right to be connected; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Ticket {
    _seat: OwnedSemaphorePermit,
    _of_host: Option<OfHost>,
}

/// Counts connections of one host.
#[derive(Debug)]
struct OfHost {
    ip: IpAddr,
    counts: Counts,
}

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

impl OfHost {
    fn admit(counts: &Counts, ip: IpAddr) -> Option<Self> {
        let mut guard = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guard.entry(ip).or_default();
        if *count >= MOST_OF_ONE_HOST {
            return None;
        }
        *count += 1;
        Some(Self {
            ip,
            counts: Arc::clone(counts),
        })
    }
}

impl Drop for OfHost {
    fn drop(&mut self) {
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guard.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                guard.remove(&self.ip);
            }
        }
    }
}

/// Accepts local clients for ever.
pub(crate) async fn serve_unix(
    listener: UnixListener,
    arrivals: mpsc::Sender<Arrival>,
    options: Options,
    desk: Arc<credentials::Desk>,
) {
    let seats = Arc::new(Semaphore::new(MOST_LOCAL));
    loop {
        // Without a seat the rest waits in the kernel's queue.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return;
        };
        let stream = transport::accept_unix(&listener).await;
        let ticket = Ticket {
            _seat: seat,
            _of_host: None,
        };
        let (arrivals, desk) = (arrivals.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            if matches!(transport::is_native(&stream, HANDSHAKE).await, Ok(true)) {
                let _until_it_leaves = ticket;
                return credentials::serve(stream, desk).await;
            }
            let accepted = Channel::accept_with(stream, HANDSHAKE, options).await;
            welcome(accepted, Place::Here, Guard::default(), ticket, arrivals).await;
        });
    }
}

/// Where other hosts' clients go, by what they speak.
#[derive(Clone)]
pub(crate) struct Entrances {
    pub(crate) gate: Gate,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    /// None: nobody is a member of anything.
    pub(crate) front: Option<Arc<Front>>,
    pub(crate) recheck: Recheck,
}

/// Accepts other hosts' clients for ever.
pub(crate) async fn serve_tcp(listener: TcpListener, entrances: Entrances, options: Options) {
    let seats = Arc::new(Semaphore::new(MOST_REMOTE));
    let counts = Counts::default();
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return;
        };
        let (stream, address) = transport::accept_tcp(&listener).await;
        let ip = address.ip().to_canonical();
        let Some(of_host) = OfHost::admit(&counts, ip) else {
            tracing::debug!("{ip} has {MOST_OF_ONE_HOST} connections already; one more is refused");
            continue;
        };
        let place = if ip.is_loopback() {
            Place::Loopback
        } else {
            Place::Elsewhere
        };
        let ticket = Ticket {
            _seat: seat,
            _of_host: Some(of_host),
        };
        let entrances = entrances.clone();
        tokio::spawn(async move { entrances.admit(stream, place, ticket, options).await });
    }
}

impl Entrances {
    async fn admit(self, stream: TcpStream, place: Place, ticket: Ticket, options: Options) {
        let began = Instant::now();
        let admitted = match self.gate.admit(&[Role::Submit], stream, HANDSHAKE).await {
            Ok(admitted) => admitted,
            Err(error) => return refused(&error),
        };
        let guard = Guard::of(admitted.member.as_ref(), self.gate.live(), &self.recheck);
        if admitted.native {
            if let Some((front, member)) = self.front.zip(admitted.member) {
                front.serve(admitted.stream, member, guard, ticket).await;
            }
            return;
        }
        let left = HANDSHAKE.saturating_sub(began.elapsed());
        let accepted = Channel::accept_with(admitted.stream, left, options).await;
        welcome(accepted, place, guard, ticket, self.arrivals).await;
    }
}

async fn welcome(
    accepted: Result<Channel, TransportError>,
    place: Place,
    guard: Guard,
    ticket: Ticket,
    arrivals: mpsc::Sender<Arrival>,
) {
    match accepted {
        Ok(channel) => {
            let shown = match channel.peer_addr().ip() {
                Some(ip) => ip.to_string(),
                None => "unix".to_owned(),
            };
            let arrival = Arrival {
                channel,
                peer: Peer { shown, place },
                guard,
                ticket,
            };
            // Fails only when the daemon is ending.
            let _ending = arrivals.send(arrival).await;
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &TransportError) {
    if error.is_probe() {
        return;
    }
    match error.too_old() {
        Some(version) => tracing::warn!(
            "a client is refused: it speaks version {version}, and {} is the oldest that works; update it to icecc 1.3 or later, or to floe ({error})",
            Version::MIN.number()
        ),
        None => tracing::info!("a client is refused: {error}"),
    }
}
