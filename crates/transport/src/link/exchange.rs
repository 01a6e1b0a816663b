//! One stream of a connection, as its owner has it.

use tokio::sync::mpsc;
use wire::message::Body;
use wire::{Mistake, ResetCode, StreamId};

use super::LinkError;
use super::inbox::{Inbox, Incoming};
use super::order::{self, Order};
use super::pump::Pump;
use crate::stream::Endpoint;

/// A stream. Dropped before both ends have finished, it is reset, and the other end learns that
/// nobody waits any more.
#[derive(Debug)]
pub struct Exchange {
    stream: StreamId,
    inbox: Inbox,
    orders: mpsc::Sender<Order>,
    peer: Endpoint,
    finished: bool,
    ended: bool,
    /// What the other end is told if this is dropped too early.
    code: ResetCode,
}

impl Exchange {
    pub(super) fn new(
        stream: StreamId,
        inbox: Inbox,
        orders: mpsc::Sender<Order>,
        peer: Endpoint,
    ) -> Self {
        Self {
            stream,
            inbox,
            orders,
            peer,
            finished: false,
            ended: false,
            code: ResetCode::CANCELLED,
        }
    }

    /// Its first message has left the queue of arrivals.
    pub(super) fn opening_taken(&self) {
        self.inbox.opening_taken();
    }

    /// What arrives next; None when the other end has finished. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Result<Option<Incoming>, LinkError> {
        let next = self.inbox.next().await;
        match &next {
            Ok(Some(Incoming::Data(bytes))) => {
                let (stream, count) = (self.stream, bytes.len() as u64);
                // Not waited for: whoever dropped that wait would lose the bytes.
                self.order(Order::do_it(move |pump| pump.grant(stream, count)));
            }
            Ok(Some(Incoming::Message(_))) => {}
            Ok(None) | Err(_) => self.ended = true,
        }
        next
    }

    /// Waits until the stream is reset or its connection ends, without taking what has arrived; also
    /// when the other end has finished.
    pub async fn broken(&mut self) -> LinkError {
        self.inbox.broken().await
    }

    pub async fn send<M>(&mut self, message: M) -> Result<(), LinkError>
    where
        M: Body + Send + Sync + 'static,
    {
        let stream = self.stream;
        let sent = self.ask(move |pump| pump.connection.send_message(stream, &message));
        let sent = sent.await?;
        sent.map_err(|mistake| self.mistake(mistake))
    }

    /// Sends data, and waits while the other end does not take it.
    pub async fn send_data(&mut self, mut bytes: Vec<u8>) -> Result<(), LinkError> {
        while !self.send_some(&mut bytes).await? {
            self.inbox.writable().await;
            if let Some(error) = self.inbox.failure() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The same, but returns early when the other end has said something, with false: what was not
    /// taken is left in `bytes`, and [`Self::next`] has it at once. Dropping the wait may lose data.
    pub async fn send_data_or_hear(&mut self, bytes: &mut Vec<u8>) -> Result<bool, LinkError> {
        loop {
            if self.send_some(bytes).await? {
                return Ok(true);
            }
            tokio::select! {
                biased;
                () = self.inbox.arrived() => return Ok(false),
                () = self.inbox.writable() => {}
            }
        }
    }

    /// Sends what there is room for; true when that was all.
    async fn send_some(&mut self, bytes: &mut Vec<u8>) -> Result<bool, LinkError> {
        if bytes.is_empty() {
            return Ok(true);
        }
        let (stream, given) = (self.stream, std::mem::take(bytes));
        let asked = self.ask(move |pump| {
            let taken = pump.connection.send_data(stream, &given);
            (taken, given)
        });
        let (taken, rest) = asked.await?;
        *bytes = rest;
        match taken {
            Ok(taken) => drop(bytes.drain(..taken)),
            Err(mistake) => return Err(self.mistake(mistake)),
        }
        Ok(bytes.is_empty())
    }

    /// This end sends nothing more.
    pub async fn finish(&mut self) -> Result<(), LinkError> {
        let stream = self.stream;
        self.finished = true;
        let finished = self.ask(move |pump| pump.connection.finish(stream)).await?;
        finished.map_err(|mistake| self.mistake(mistake))
    }

    /// Ends the stream in both directions.
    pub fn reset(mut self, code: ResetCode) {
        self.code = code;
        self.ended = false;
    }

    pub fn peer_addr(&self) -> &Endpoint {
        &self.peer
    }

    /// Has the task do something, without waiting. One that is over does nothing more.
    fn order(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(order)) = self.orders.try_send(order) {
            let orders = self.orders.clone();
            tokio::spawn(async move { orders.send(order).await });
        }
    }

    /// A stream that was reset says why, rather than that it is over.
    fn mistake(&self, mistake: Mistake) -> LinkError {
        self.inbox.failure().unwrap_or(LinkError::Mistake {
            peer: self.peer.clone(),
            mistake,
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Pump) -> T + Send + 'static,
    ) -> Result<T, LinkError> {
        let answered = order::ask(&self.orders, &self.peer, work).await;
        answered.map_err(|error| self.inbox.failure().unwrap_or(error))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let over = self.finished && self.ended;
        let (stream, reset) = (self.stream, (!over).then_some(self.code));
        self.order(Order::do_it(move |pump| pump.forget(stream, reset)));
    }
}
