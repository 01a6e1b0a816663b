//! Accepts connections and shakes hands, each in a task of its own: a silent peer holds up nobody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icecream::Version;
use membership::Role;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use transport::{Channel, Complaints, Endpoint, Gate, Lobby, Options, TransportError};

use crate::credentials;
use crate::guard::{Guard, Recheck};
use crate::native::Front;

/// For the whole handshake, as in icecream.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Connections of this host's clients; one waits for each running compile.
const MOST_LOCAL: usize = 8192;
/// Connections of other hosts that are in their handshakes.
const MOST_GREETED: usize = 1024;
/// Connections of other hosts after that, and of any one of them.
const MOST_REMOTE: usize = 1024;
const MOST_OF_ONE_HOST: usize = 384;
/// Of all these those who are no members, where there are members: the rest is for those.
const MOST_STRANGERS: usize = MOST_REMOTE / 2;

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
    _as_stranger: Option<OwnedSemaphorePermit>,
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
            _as_stranger: None,
            _of_host: None,
        };
        let (arrivals, desk) = (arrivals.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            if matches!(transport::is_native(&stream, HANDSHAKE).await, Ok(true)) {
                let _until_it_leaves = ticket;
                return credentials::serve(stream, desk).await;
            }
            match Channel::accept_with(stream, HANDSHAKE, options).await {
                Ok(channel) => {
                    let arrival = arrival(channel, Place::Here, Guard::default(), ticket);
                    // Fails only when the daemon is ending.
                    let _ending = arrivals.send(arrival).await;
                }
                Err(error) if error.is_probe() => {}
                Err(error) => refused(&error, &""),
            }
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

/// Room for those who have shown who they are.
#[derive(Clone)]
struct Seats {
    free: Arc<Semaphore>,
    /// None: nobody is a member.
    strangers: Option<Arc<Semaphore>>,
    counts: Counts,
}

impl Seats {
    fn new(has_members: bool) -> Self {
        Self {
            free: Arc::new(Semaphore::new(MOST_REMOTE)),
            strangers: has_members.then(|| Arc::new(Semaphore::new(MOST_STRANGERS))),
            counts: Counts::default(),
        }
    }

    /// Waits for one.
    async fn take(&self, peer: &Endpoint, is_member: bool) -> Result<Ticket, TransportError> {
        let busy = || TransportError::Busy { peer: peer.clone() };
        let of_host = match peer.ip() {
            Some(ip) => Some(OfHost::admit(&self.counts, ip).ok_or_else(busy)?),
            None => None,
        };
        let as_stranger = match &self.strangers {
            Some(strangers) if !is_member => {
                let seat = Arc::clone(strangers).acquire_owned().await;
                Some(seat.map_err(|_| busy())?)
            }
            _ => None,
        };
        let seat = Arc::clone(&self.free).acquire_owned().await;
        Ok(Ticket {
            _seat: seat.map_err(|_| busy())?,
            _as_stranger: as_stranger,
            _of_host: of_host,
        })
    }
}

/// Who was let in.
enum Visitor {
    Client(Box<Arrival>),
    Member(Box<Caller>, Ticket),
}

/// A member that speaks floe's own protocol.
struct Caller {
    stream: transport::Stream,
    member: membership::Peer,
    guard: Guard,
}

/// Accepts other hosts' clients for ever.
pub(crate) async fn serve_tcp(listener: TcpListener, entrances: Entrances, options: Options) {
    let lobby = Lobby::new(MOST_GREETED);
    let complaints = Arc::new(Complaints::default());
    let seats = Seats::new(entrances.gate.live().is_some());
    loop {
        let (stream, address) = transport::accept_tcp(&listener).await;
        let mut guest = lobby.enter(address.ip());
        let (entrances, seats) = (entrances.clone(), seats.clone());
        let complaints = Arc::clone(&complaints);
        tokio::spawn(async move {
            let peer = Endpoint::tcp(address);
            let admitting = entrances.admit(stream, &peer, &seats, options);
            let admitted = guest.stay(&peer, admitting).await;
            drop(guest);
            match admitted {
                Ok(visitor) => entrances.lead(visitor).await,
                Err(error) if error.is_probe() => {}
                Err(error) => match complaints.about(error.address(), &error.kind()) {
                    Some(unsaid) => refused(&error, &unsaid),
                    None => tracing::debug!("a client is refused: {error}"),
                },
            }
        });
    }
}

impl Entrances {
    /// The handshake, and a seat.
    async fn admit(
        &self,
        stream: TcpStream,
        peer: &Endpoint,
        seats: &Seats,
        options: Options,
    ) -> Result<Visitor, TransportError> {
        let began = Instant::now();
        let left = || HANDSHAKE.saturating_sub(began.elapsed());
        // Executors fetch from each other, by floe's own protocol only.
        let roles = [Role::Execute, Role::Submit];
        let admitted = self.gate.admit(&roles, stream, HANDSHAKE).await?;
        if let (false, Some(member)) = (admitted.native, &admitted.member) {
            let may = member.needs(Role::Submit);
            may.map_err(|why| TransportError::Distrusted {
                peer: peer.clone(),
                why,
            })?;
        }
        let guard = Guard::of(admitted.member.as_ref(), self.gate.live(), &self.recheck);
        let is_member = admitted.member.is_some();
        let seat = async || {
            let waited = timeout(left(), seats.take(peer, is_member)).await;
            waited.unwrap_or_else(|_| Err(TransportError::Busy { peer: peer.clone() }))
        };
        if let (true, Some(member)) = (admitted.native, admitted.member) {
            let caller = Caller {
                stream: admitted.stream,
                member,
                guard,
            };
            return Ok(Visitor::Member(Box::new(caller), seat().await?));
        }
        let channel = Channel::accept_with(admitted.stream, left(), options).await?;
        let ticket = seat().await?;
        let loopback = peer.ip().is_some_and(|ip| ip.is_loopback());
        let place = if loopback {
            Place::Loopback
        } else {
            Place::Elsewhere
        };
        let arrival = arrival(channel, place, guard, ticket);
        Ok(Visitor::Client(Box::new(arrival)))
    }

    async fn lead(self, visitor: Visitor) {
        match visitor {
            Visitor::Client(arrival) => {
                // Fails only when the daemon is ending.
                let _ending = self.arrivals.send(*arrival).await;
            }
            Visitor::Member(caller, ticket) => {
                let Caller {
                    stream,
                    member,
                    guard,
                } = *caller;
                if let Some(front) = self.front {
                    front.serve(stream, member, guard, ticket).await;
                }
            }
        }
    }
}

fn arrival(channel: Channel, place: Place, guard: Guard, ticket: Ticket) -> Arrival {
    let shown = match channel.peer_addr().ip() {
        Some(ip) => ip.to_string(),
        None => "unix".to_owned(),
    };
    Arrival {
        channel,
        peer: Peer { shown, place },
        guard,
        ticket,
    }
}

fn refused(error: &TransportError, unsaid: &dyn std::fmt::Display) {
    match error.too_old() {
        Some(version) => tracing::warn!(
            "a client is refused: it speaks version {version}, and {} is the oldest that works; update it to icecc 1.3 or later, or to floe ({error}){unsaid}",
            Version::MIN.number()
        ),
        None => tracing::info!("a client is refused: {error}{unsaid}"),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn at_once(seats: &Seats, host: u8, is_member: bool) -> Option<Ticket> {
        let peer = Endpoint::tcp(([10, 0, 0, host], 1).into());
        let taking = pin!(seats.take(&peer, is_member));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ticket) => ticket.ok(),
            Poll::Pending => None,
        }
    }

    #[test]
    fn strangers_leave_room_for_members() {
        let seats = Seats::new(true);
        let take = |from: u8, is_member| {
            let hosts = (from..from + 4).flat_map(|host| [host; MOST_OF_ONE_HOST]);
            let tickets = hosts.filter_map(|host| at_once(&seats, host, is_member));
            tickets.collect::<Vec<_>>()
        };
        let strangers = take(1, false);
        assert_eq!(strangers.len(), MOST_STRANGERS);
        let members = take(11, true);
        assert_eq!(members.len(), MOST_REMOTE - MOST_STRANGERS);
        drop((strangers, members));
        // Members may have all.
        assert_eq!(take(1, true).len(), MOST_REMOTE);
        let open = Seats::new(false);
        let all = (0..MOST_REMOTE).map(|one| at_once(&open, (one / MOST_OF_ONE_HOST) as u8, false));
        assert!(all.collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
