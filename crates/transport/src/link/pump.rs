//! The task that moves a connection's bytes: it waits in one place and applies what happened.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use wire::message::{Body, Hello, Message};
use wire::{Connection, Event, Mistake, Moment, ResetBy, ResetCode, StreamId};

use super::LinkError;
use super::exchange::Exchange;
use super::inbox::{Budget, Inbox};
use super::order::Order;
use super::outgoing::Outgoing;
use crate::stream::{Endpoint, ReadHalf, Stream, WriteHalf};

/// Bytes taken from the socket at a time: the least where there is little to read, as most connections are
/// idle most of the time, and there are many.
const READ: std::ops::RangeInclusive<usize> = 1 << 10..=64 << 10;
/// Reads that left most of the buffer empty, before it is made smaller.
const LITTLE: u8 = 4;
/// Orders that are gathered before anything is written.
const GATHERED: usize = 64;
/// For last words.
const FAREWELL: Duration = Duration::from_secs(1);

/// What happened.
enum Input {
    /// None: nobody has a handle any more.
    Order(Option<Order>),
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Due,
}

pub(super) struct Pump {
    pub(super) connection: Connection,
    read: ReadHalf,
    write: WriteHalf,
    peer: Endpoint,
    buffer: Vec<u8>,
    /// Reads of late that left most of it empty.
    little: u8,
    out: Outgoing,
    /// What was written may still be on this side of the kernel.
    unflushed: bool,
    began: Instant,
    orders: mpsc::Receiver<Order>,
    /// For the exchanges.
    handle: mpsc::WeakSender<Order>,
    arrived: mpsc::Sender<(Message, Exchange)>,
    inboxes: HashMap<StreamId, Inbox>,
    budget: Budget,
    hello: Option<Arc<Hello>>,
    want_hello: Vec<oneshot::Sender<Arc<Hello>>>,
    peer_leaves: Arc<AtomicBool>,
}

impl Pump {
    pub(super) fn new(
        stream: Stream,
        connection: Connection,
        orders: mpsc::Receiver<Order>,
        handle: mpsc::WeakSender<Order>,
        arrived: mpsc::Sender<(Message, Exchange)>,
    ) -> Self {
        let peer = stream.peer();
        let (read, write) = stream.into_halves();
        Self {
            connection,
            read,
            write,
            peer,
            buffer: vec![0; *READ.start()],
            little: 0,
            out: Outgoing::default(),
            unflushed: false,
            began: Instant::now(),
            orders,
            handle,
            arrived,
            inboxes: HashMap::new(),
            budget: Budget::default(),
            hello: None,
            want_hello: Vec::new(),
            peer_leaves: Arc::default(),
        }
    }

    /// Becomes true when the other end takes no new streams.
    pub(super) fn peer_leaves(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.peer_leaves)
    }

    pub(super) async fn run(mut self, began: Instant) {
        self.began = began;
        let error = loop {
            self.prepare();
            let input = self.wait().await;
            let ordered = matches!(input, Input::Order(_));
            if let Err(error) = self.apply(input) {
                break error;
            }
            self.deliver();
            if ordered {
                self.gather().await;
            }
        };
        self.deliver();
        // Orders that come too late are not to wait for the farewell.
        self.orders.close();
        for inbox in self.inboxes.values() {
            inbox.end(Err(error.clone()));
        }
        while let Ok(order) = self.orders.try_recv() {
            drop(order);
        }
        let _in_vain = timeout(FAREWELL, self.last_words()).await;
    }

    /// Takes the orders that follow at once from those that were done, so that all leave in one write: each
    /// write is a record of TLS, a packet, and a wake-up at the other end.
    async fn gather(&mut self) {
        let mut left = GATHERED;
        while left > 0 && self.out.is_little() {
            // Who drops a stream has said on it what was said before: a reset takes back only what waits.
            self.out.add(&mut self.connection);
            let before = left;
            yield_now().await;
            while left > 0
                && let Ok(order) = self.orders.try_recv()
            {
                order.be_done(self);
                left -= 1;
                self.out.add(&mut self.connection);
            }
            if left == before {
                return;
            }
            self.deliver();
        }
    }

    /// Fills what is to be written.
    fn prepare(&mut self) {
        if self.out.is_empty() {
            self.out.fill(&mut self.connection);
            self.deliver();
        }
    }

    /// Makes the buffer fit what comes.
    fn fit(&mut self, count: usize) {
        let size = self.buffer.len();
        self.little = match count < size / 8 {
            true => self.little + 1,
            false => 0,
        };
        let wanted = if count == size {
            size * 4
        } else if self.little == LITTLE {
            self.little = 0;
            size / 4
        } else {
            return;
        };
        let wanted = wanted.clamp(*READ.start(), *READ.end());
        if wanted != size {
            self.buffer = vec![0; wanted];
        }
    }

    async fn wait(&mut self) -> Input {
        let due = self.connection.next_timeout();
        let due = due.map_or_else(Instant::now, |moment| self.began + moment.0);
        let pending = self.out.pending();
        let writing = async {
            if pending.is_empty() {
                self.write.flush().await.map(|()| 0)
            } else {
                self.write.write(pending).await
            }
        };
        tokio::select! {
            order = self.orders.recv() => Input::Order(order),
            read = self.read.read(&mut self.buffer) => Input::Read(read),
            wrote = writing, if self.unflushed || !pending.is_empty() => Input::Wrote(wrote),
            () = sleep_until(due) => Input::Due,
        }
    }

    fn apply(&mut self, input: Input) -> Result<(), LinkError> {
        match input {
            Input::Order(Some(order)) => order.be_done(self),
            Input::Order(None) => return Err(self.ended("nobody needs it any more")),
            Input::Read(Ok(0)) => return Err(self.ended("the other end closed it")),
            Input::Read(Ok(count)) => {
                let received = self.connection.receive(&self.buffer[..count]);
                received.map_err(|fault| self.failed(fault))?;
                self.fit(count);
            }
            Input::Wrote(Ok(0)) if !self.out.is_empty() => {
                return Err(self.ended("the kernel takes no more bytes"));
            }
            Input::Wrote(Ok(count)) => {
                self.unflushed = !self.out.is_empty();
                self.out.wrote(count);
            }
            Input::Read(Err(error)) | Input::Wrote(Err(error)) => {
                return Err(self.ended(&error.to_string()));
            }
            Input::Due => {
                let now = self.now();
                let checked = self.connection.handle_timeout(now);
                checked.map_err(|fault| self.failed(fault))?;
            }
        }
        Ok(())
    }

    /// Hands on what the connection has to tell.
    fn deliver(&mut self) {
        while let Some((event, cost)) = self.connection.poll_event_and_cost() {
            match event {
                Event::Hello(hello) => self.greeted((*hello).into()),
                Event::Opened { stream, message } => self.opened(stream, message, cost),
                Event::Message { stream, message } => {
                    let taken = self
                        .inboxes
                        .get(&stream)
                        .map(|inbox| inbox.message(message, cost));
                    if let Some(Err(_flood)) = taken {
                        let why = "it sends more messages than are read here";
                        tracing::debug!("{}: stream {stream}: {why}", self.peer);
                        self.over(stream, ResetCode::BUSY, why);
                        self.connection.reset(stream, ResetCode::BUSY);
                    }
                }
                Event::Data { stream, bytes } => match self.inboxes.get(&stream) {
                    Some(inbox) => inbox.data(bytes),
                    None => self.grant(stream, bytes.len() as u64),
                },
                Event::Ended { stream } => {
                    if let Some(inbox) = self.inboxes.get(&stream) {
                        inbox.end(Ok(()));
                    }
                }
                Event::Reset { stream, code, why } => {
                    let why = match why {
                        ResetBy::Peer => code.to_string(),
                        ResetBy::Us(text) => text,
                    };
                    self.over(stream, code, &why);
                }
                Event::Writable { stream } => {
                    if let Some(inbox) = self.inboxes.get(&stream) {
                        inbox.has_room();
                    }
                }
                Event::Pong { .. } => {}
                Event::GoAway { text } => {
                    tracing::debug!("{} goes away: {text}", self.peer);
                    self.peer_leaves.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn greeted(&mut self, hello: Arc<Hello>) {
        for want in self.want_hello.drain(..) {
            let _gone = want.send(Arc::clone(&hello));
        }
        self.hello = Some(hello);
    }

    fn opened(&mut self, stream: StreamId, message: Message, cost: usize) {
        let Some(handle) = self.handle.upgrade() else {
            return self.connection.reset(stream, ResetCode::GOING_AWAY);
        };
        let inbox = Inbox::new(&self.budget);
        if let Err(_flood) = inbox.opening(cost) {
            return self.connection.reset(stream, ResetCode::BUSY);
        }
        let exchange = self.exchange(stream, inbox, handle);
        if let Err(refused) = self.arrived.try_send((message, exchange)) {
            // Dropping it resets the stream.
            drop(refused);
        }
    }

    pub(super) fn open<M: Body>(&mut self, message: &M) -> Result<Exchange, Mistake> {
        let handle = self.handle.upgrade().ok_or(Mistake::Over)?;
        let stream = self.connection.open(message)?;
        let inbox = Inbox::new(&self.budget);
        Ok(self.exchange(stream, inbox, handle))
    }

    fn exchange(
        &mut self,
        stream: StreamId,
        inbox: Inbox,
        handle: mpsc::Sender<Order>,
    ) -> Exchange {
        self.inboxes.insert(stream, inbox.clone());
        Exchange::new(stream, inbox, handle, self.peer.clone())
    }

    pub(super) fn tell_hello(&mut self, want: oneshot::Sender<Arc<Hello>>) {
        match &self.hello {
            Some(hello) => {
                let _gone = want.send(Arc::clone(hello));
            }
            None => self.want_hello.push(want),
        }
    }

    pub(super) fn grant(&mut self, stream: StreamId, count: u64) {
        if let Err(mistake) = self.connection.grant_credit(stream, count) {
            tracing::debug!("{}: stream {stream}: {mistake}", self.peer);
        }
    }

    /// Its owner is gone. A stream that is over on both sides is not reset.
    pub(super) fn forget(&mut self, stream: StreamId, reset: Option<ResetCode>) {
        if let Some(code) = reset {
            self.connection.reset(stream, code);
        }
        self.inboxes.remove(&stream);
    }

    pub(super) fn go_away(&mut self, text: &str) {
        self.connection.go_away(text);
    }

    fn over(&mut self, stream: StreamId, code: ResetCode, why: &str) {
        if let Some(inbox) = self.inboxes.remove(&stream) {
            inbox.end(Err(LinkError::Reset {
                peer: self.peer.clone(),
                code,
                why: why.into(),
            }));
        }
    }

    /// What the connection still wants to say, so that the other end knows why.
    async fn last_words(&mut self) {
        while !self.out.is_empty() || self.out.fill(&mut self.connection) {
            let pending = self.out.pending();
            if self.write.write_all(pending).await.is_err() {
                return;
            }
            self.out.wrote(pending.len());
        }
        let _gone = self.write.shutdown().await;
        // Closed under bytes that nobody has read, the connection would be reset, and what was said last be lost.
        while let Ok(1..) = self.read.read(&mut self.buffer).await {}
    }

    fn now(&self) -> Moment {
        Moment(self.began.elapsed())
    }

    fn ended(&self, why: &str) -> LinkError {
        LinkError::Ended {
            peer: self.peer.clone(),
            why: why.into(),
        }
    }

    fn failed(&self, fault: wire::Fault) -> LinkError {
        LinkError::Failed {
            peer: self.peer.clone(),
            fault,
        }
    }
}
