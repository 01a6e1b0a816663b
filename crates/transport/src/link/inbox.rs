//! What has arrived for one stream and is not taken yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wire::message::Message;

use super::LinkError;

/// Messages that may wait; no conversation of the protocol comes near it.
const MESSAGES: usize = 256;
/// Small pieces of data are put together up to this, so that their number has a bound too.
const TOGETHER: usize = 64 << 10;

/// Shared by the task of the connection, which fills it, and the owner of the stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    content: Mutex<Content>,
    filled: Notify,
    writable: Notify,
    broke: Notify,
}

#[derive(Debug, Default)]
struct Content {
    waiting: VecDeque<Incoming>,
    messages: usize,
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

/// Too many messages wait.
#[derive(Debug)]
pub(super) struct Flood;

impl Inbox {
    pub(super) fn message(&self, message: Message) -> Result<(), Flood> {
        let mut content = self.content();
        if content.messages == MESSAGES {
            return Err(Flood);
        }
        content.messages += 1;
        content
            .waiting
            .push_back(Incoming::Message(Box::new(message)));
        drop(content);
        self.0.filled.notify_one();
        Ok(())
    }

    pub(super) fn data(&self, bytes: Vec<u8>) {
        let mut content = self.content();
        match content.waiting.back_mut() {
            Some(Incoming::Data(last)) if last.len() + bytes.len() <= TOGETHER => {
                last.extend_from_slice(&bytes);
            }
            _ => content.waiting.push_back(Incoming::Data(bytes)),
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
                if let Some(arrived) = content.waiting.pop_front() {
                    if matches!(arrived, Incoming::Message(_)) {
                        content.messages -= 1;
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
