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
            welcome(accepted, Place::Here, ticket, arrivals).await;
        });
    }
}

/// Accepts other hosts' clients for ever.
pub(crate) async fn serve_tcp(
    listener: TcpListener,
    gate: Gate,
    arrivals: mpsc::Sender<Arrival>,
    options: Options,
) {
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
        let (gate, arrivals) = (gate.clone(), arrivals.clone());
        tokio::spawn(async move {
            let accepted = accept(stream, &gate, options).await;
            welcome(accepted, place, ticket, arrivals).await;
        });
    }
}

async fn accept(
    stream: TcpStream,
    gate: &Gate,
    options: Options,
) -> Result<Channel, TransportError> {
    let began = Instant::now();
    let admitted = gate.admit(&[Role::Submit], stream, HANDSHAKE).await?;
    let left = HANDSHAKE.saturating_sub(began.elapsed());
    Channel::accept_with(admitted.stream, left, options).await
}

async fn welcome(
    accepted: Result<Channel, TransportError>,
    place: Place,
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
                ticket,
            };
            // Fails only when the daemon is ending.
            let _ending = arrivals.send(arrival).await;
        }
        Err(error) if error.is_probe() => {}
        Err(error) => match error.too_old() {
            Some(version) => tracing::warn!(
                "a client is refused: it speaks version {version}, and {} is the oldest that works; update it to icecc 1.3 or later, or to floe ({error})",
                Version::MIN.number()
            ),
            None => tracing::info!("a client is refused: {error}"),
        },
    }
}
