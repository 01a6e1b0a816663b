//! What waits to be sent on one connection. It never makes its owner wait: a peer that does not
//! read loses the connection when the bound is reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use icecream::Message;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use transport::Sender;

/// Messages that may wait on one connection: enough for a monitor's first picture of a large
/// cluster, little enough in memory.
const MAX_WAITING: usize = 65_536;

/// The owner's end.
#[derive(Debug)]
pub(crate) struct Outbox {
    batches: mpsc::UnboundedSender<Vec<Message>>,
    waiting: Arc<AtomicUsize>,
    next: Vec<Message>,
    writer: AbortHandle,
}

/// The peer has not read for so long that the bound is reached.
#[derive(Debug)]
pub(crate) struct Overflow;

impl Outbox {
    /// Starts the writing task. It ends after the last message once the outbox is dropped, and says
    /// with `failed` when the connection broke before that.
    pub(crate) fn start(sender: Sender, failed: impl FnOnce(String) + Send + 'static) -> Self {
        let (batches, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write(sender, receiver, Arc::clone(&waiting), failed));
        let writer = writer.abort_handle();
        Self {
            batches,
            waiting,
            next: Vec::new(),
            writer,
        }
    }

    /// Adds a message to the next batch; true when it is the first of it.
    pub(crate) fn push(&mut self, message: Message) -> bool {
        self.next.push(message);
        self.next.len() == 1
    }

    /// Hands the batch to the writing task. When that is too much, the writing ends at once: what
    /// the peer did not take so far it will not get.
    pub(crate) fn flush(&mut self) -> Result<(), Overflow> {
        let batch = std::mem::take(&mut self.next);
        if batch.is_empty() {
            return Ok(());
        }
        // The bound is on messages, which the channel cannot count: hence its own is unused.
        let before = self.waiting.fetch_add(batch.len(), Ordering::Relaxed);
        if before + batch.len() > MAX_WAITING || self.batches.send(batch).is_err() {
            self.writer.abort();
            return Err(Overflow);
        }
        Ok(())
    }
}

async fn write(
    mut sender: Sender,
    mut batches: mpsc::UnboundedReceiver<Vec<Message>>,
    waiting: Arc<AtomicUsize>,
    failed: impl FnOnce(String),
) {
    while let Some(mut batch) = batches.recv().await {
        let mut count = 0;
        loop {
            count += batch.len();
            for message in &batch {
                if let Err(error) = sender.feed(message) {
                    tracing::warn!(%error, "a message is too long to be sent and is left out");
                }
            }
            match batches.try_recv() {
                Ok(next) if count < 4096 => batch = next,
                Ok(next) => {
                    // Send what there is before more is encoded.
                    if let Err(error) = sender.flush().await {
                        return failed(error.to_string());
                    }
                    batch = next;
                }
                Err(_) => break,
            }
        }
        if let Err(error) = sender.flush().await {
            return failed(error.to_string());
        }
        waiting.fetch_sub(count, Ordering::Relaxed);
    }
}
