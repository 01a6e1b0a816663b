//! What has arrived for one stream and is not taken yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wire::message::Message;

use super::LinkError;

/// Messages that may wait; no conversation of the protocol comes near it.
const MESSAGES: usize = 256;
/// What they may cost together: as much as one end of this program ever has on its way.
const STREAM: usize = 4 << 20;
/// What each stream may have whatever others have, as it may of data: so that none stops another.
const OWN: usize = 256 << 10;
/// What all streams of a connection may have beyond that.
const SHARED: usize = 16 << 20;
/// Small pieces of data are put together up to this, so that their number has a bound too.
const TOGETHER: usize = 64 << 10;

/// What the messages of a connection's streams cost beyond what each has of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// Shared by the task of the connection, which fills it, and the owner of the stream.
#[derive(Clone, Debug)]
pub(super) struct Inbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    budget: Budget,
    content: Mutex<Content>,
    filled: Notify,
    writable: Notify,
    broke: Notify,
}

#[derive(Debug, Default)]
struct Content {
    /// With what each costs.
    waiting: VecDeque<(Incoming, usize)>,
    messages: usize,
    /// What messages cost that were not taken yet, the one that opened the stream among them.
    cost: usize,
    /// What that one costs, until it is taken.
    opening: usize,
    /// Set once; nothing arrives after it.
    end: Option<Result<(), LinkError>>,
    /// What broke, perhaps after an orderly end of what arrives.
    broken: Option<LinkError>,
}

/// What arrives on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    Message(Box<Message>),
    Data(Vec<u8>),
}

/// Too many messages wait, or too large ones.
#[derive(Debug)]
pub(super) struct Flood;

impl Budget {
    /// Changes a stream's cost, if there is room for what it gets more.
    fn change(&self, from: usize, to: usize) -> Result<(), Flood> {
        let (from, to) = (from.saturating_sub(OWN), to.saturating_sub(OWN));
        let changed = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                let used = used.saturating_sub(from) + to;
                (to <= from || used <= SHARED).then_some(used)
            });
        changed.map(drop).map_err(|_full| Flood)
    }
}

impl Content {
    fn charge(&mut self, budget: &Budget, cost: usize) -> Result<(), Flood> {
        let sum = self.cost + cost;
        if sum > STREAM {
            return Err(Flood);
        }
        budget.change(self.cost, sum)?;
        self.cost = sum;
        Ok(())
    }

    fn release(&mut self, budget: &Budget, cost: usize) {
        let rest = self.cost.saturating_sub(cost);
        // There is always room for less.
        let _less = budget.change(self.cost, rest);
        self.cost = rest;
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let content = self
            .content
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let cost = content.cost;
        content.release(&self.budget, cost);
    }
}

impl Inbox {
    pub(super) fn new(budget: &Budget) -> Self {
        Self(Arc::new(Shared {
            budget: budget.clone(),
            content: Mutex::default(),
            filled: Notify::new(),
            writable: Notify::new(),
            broke: Notify::new(),
        }))
    }

    /// The message that opened the stream is there, elsewhere, until [`Self::opening_taken`].
    pub(super) fn opening(&self, cost: usize) -> Result<(), Flood> {
        let mut content = self.content();
        content.charge(&self.0.budget, cost)?;
        content.opening = cost;
        Ok(())
    }

    pub(super) fn opening_taken(&self) {
        let mut content = self.content();
        let cost = std::mem::take(&mut content.opening);
        content.release(&self.0.budget, cost);
    }

    pub(super) fn message(&self, message: Message, cost: usize) -> Result<(), Flood> {
        let mut content = self.content();
        if content.messages == MESSAGES {
            return Err(Flood);
        }
        content.charge(&self.0.budget, cost)?;
        content.messages += 1;
        content
            .waiting
            .push_back((Incoming::Message(Box::new(message)), cost));
        drop(content);
        self.0.filled.notify_one();
        Ok(())
    }

    pub(super) fn data(&self, bytes: Vec<u8>) {
        let mut content = self.content();
        match content.waiting.back_mut() {
            Some((Incoming::Data(last), _)) if last.len() + bytes.len() <= TOGETHER => {
                last.extend_from_slice(&bytes);
            }
            // Its credit bounds it.
            _ => content.waiting.push_back((Incoming::Data(bytes), 0)),
        }
        drop(content);
        self.0.filled.notify_one();
    }

    /// Nothing follows. Only the first end counts, and beside an orderly one the first that is none.
    pub(super) fn end(&self, how: Result<(), LinkError>) {
        let mut content = self.content();
        if let Err(error) = &how {
            content.broken.get_or_insert_with(|| error.clone());
            self.0.broke.notify_one();
        }
        content.end.get_or_insert(how);
        drop(content);
        self.0.filled.notify_one();
        self.0.writable.notify_one();
    }

    pub(super) fn has_room(&self) {
        self.0.writable.notify_one();
    }

    /// What arrived next; None at the end.
    pub(super) async fn next(&self) -> Result<Option<Incoming>, LinkError> {
        loop {
            {
                let mut content = self.content();
                if let Some((arrived, cost)) = content.waiting.pop_front() {
                    if matches!(arrived, Incoming::Message(_)) {
                        content.messages -= 1;
                        content.release(&self.0.budget, cost);
                    }
                    return Ok(Some(arrived));
                }
                if let Some(end) = &content.end {
                    return end.clone().map(|()| None);
                }
            }
            self.0.filled.notified().await;
        }
    }

    /// Waits until [`Self::next`] has something to tell.
    pub(super) async fn arrived(&self) {
        loop {
            {
                let content = self.content();
                if !content.waiting.is_empty() || content.end.is_some() {
                    return;
                }
            }
            self.0.filled.notified().await;
        }
    }

    /// Why nothing can be sent any more, if that is so.
    pub(super) fn failure(&self) -> Option<LinkError> {
        self.content().broken.clone()
    }

    /// Waits until there is a failure.
    pub(super) async fn broken(&self) -> LinkError {
        loop {
            if let Some(error) = self.failure() {
                return error;
            }
            self.0.broke.notified().await;
        }
    }

    /// Waits until there may be room to send.
    pub(super) async fn writable(&self) {
        self.0.writable.notified().await;
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0
            .content
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
