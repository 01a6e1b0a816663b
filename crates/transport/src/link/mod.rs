//! A connection of floe's own protocol: one task that moves bytes, and handles to its streams.
//!
//! The task owns the socket and [`wire::Connection`]. Who has a [`Link`] opens streams, who has the
//! [`Arrivals`] takes those that the other end opens; each stream is an [`Exchange`]. A stream that
//! nobody reads holds up itself only: what arrives for it stays within the credit that it was given, its
//! messages within a bound: one that sends more than is read is reset as busy.

mod exchange;
mod inbox;
mod order;
mod outgoing;
mod pump;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use wire::message::{Body, Hello, Message};
use wire::{Connection, Fault, Limits, Mistake, Moment, ResetCode, Side};

pub use self::exchange::Exchange;
pub use self::inbox::Incoming;
use self::order::Order;
use self::pump::Pump;
use crate::error::TransportError;
use crate::stream::{Endpoint, Stream};

/// Orders of all streams' owners that wait for the task.
const ORDERS: usize = 256;
/// Streams that the other end opened and that nobody took yet.
const ARRIVALS: usize = 64;
/// How long a stream may wait for the other end to allow one more.
const ROOM: Duration = Duration::from_secs(10);
/// Between two tries to open one: no event tells that the other end has room again.
const AGAIN: Duration = Duration::from_millis(20);

/// Why a stream or its connection cannot be used any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The connection ended; the text says why.
    #[error("the connection with {peer} ended: {why}")]
    Ended { peer: Endpoint, why: Arc<str> },
    #[error("the connection with {peer} failed: {fault}")]
    Failed { peer: Endpoint, fault: Fault },
    #[error("{peer}: {mistake}")]
    Mistake { peer: Endpoint, mistake: Mistake },
    /// Only this stream is over.
    #[error("{peer} ended the exchange: {why}")]
    Reset {
        peer: Endpoint,
        code: ResetCode,
        why: Arc<str>,
    },
}

impl LinkError {
    /// Whether the connection as a whole is of no use any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Reset { .. } | Self::Mistake { .. })
    }
}

/// A handle to a connection. When the last handle and the last exchange are dropped, it is closed.
#[derive(Clone, Debug)]
pub struct Link {
    orders: mpsc::Sender<Order>,
    peer: Endpoint,
    peer_leaves: Arc<AtomicBool>,
}

/// Streams that the other end opens, each with its first message. Dropped, further ones are refused.
#[derive(Debug)]
pub struct Arrivals(mpsc::Receiver<(Message, Exchange)>);

impl Arrivals {
    /// The next one; None when the connection is over and nothing more is sent on it.
    pub async fn next(&mut self) -> Option<(Message, Exchange)> {
        let (message, exchange) = self.0.recv().await?;
        exchange.opening_taken();
        Some((message, exchange))
    }
}

impl Link {
    /// Starts the task for a stream on which nothing has been said yet.
    pub fn start(stream: Stream, side: Side, hello: &Hello, limits: Limits) -> (Self, Arrivals) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (arrived, arrivals) = mpsc::channel(ARRIVALS);
        let peer = stream.peer();
        let connection = Connection::new(side, hello, limits, Moment::default());
        let pump = Pump::new(stream, connection, inbox, orders.downgrade(), arrived);
        let peer_leaves = pump.peer_leaves();
        tokio::spawn(pump.run(Instant::now()));
        let link = Self {
            orders,
            peer,
            peer_leaves,
        };
        (link, Arrivals(arrivals))
    }

    /// Opens a stream with a message.
    pub async fn open<M>(&self, message: M) -> Result<Exchange, LinkError>
    where
        M: Body + Clone + Send + Sync + 'static,
    {
        let until = Instant::now() + ROOM;
        loop {
            let message = message.clone();
            let opened = self.ask(move |pump: &mut Pump| pump.open(&message)).await?;
            match opened {
                Ok(exchange) => return Ok(exchange),
                Err(mistake) if mistake.may_pass() && Instant::now() < until => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(mistake) => {
                    return Err(LinkError::Mistake {
                        peer: self.peer.clone(),
                        mistake,
                    });
                }
            }
        }
    }

    /// What the other end said of itself; waits for it.
    pub async fn hello(&self, deadline: Duration) -> Result<Arc<Hello>, TransportError> {
        let (tell, told) = oneshot::channel();
        let asked = self.orders.send(Order::do_it(|pump| pump.tell_hello(tell)));
        let waited = timeout(deadline, async {
            asked.await.ok()?;
            told.await.ok()
        });
        match waited.await {
            Ok(Some(hello)) => Ok(hello),
            Ok(None) => Err(TransportError::Closed {
                peer: self.peer.clone(),
                during: "the hello",
            }),
            Err(_) => Err(TransportError::HandshakeTimeout {
                peer: self.peer.clone(),
                after: deadline,
            }),
        }
    }

    /// Whether the connection is over, as far as this host knows.
    pub fn is_over(&self) -> bool {
        self.orders.is_closed()
    }

    /// Whether the other end said that it takes no new streams; open ones may go on.
    pub fn peer_leaves(&self) -> bool {
        self.peer_leaves.load(Ordering::Relaxed)
    }

    /// Whether both are handles to one connection.
    pub fn is_same(&self, other: &Self) -> bool {
        self.orders.same_channel(&other.orders)
    }

    pub fn peer_addr(&self) -> &Endpoint {
        &self.peer
    }

    /// Takes no new streams from the other end; open ones go on.
    pub async fn go_away(&self, text: &'static str) {
        let order = Order::do_it(move |pump| pump.go_away(text));
        // One that is over has gone already.
        let _over = self.orders.send(order).await;
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Pump) -> T + Send + 'static,
    ) -> Result<T, LinkError> {
        order::ask(&self.orders, &self.peer, work).await
    }
}
