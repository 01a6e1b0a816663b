//! The text that travels: produced by a preprocessor (or read from a file), compressed piece by
//! piece while it is produced, kept for another try as long as memory allows.

mod doubts;
mod pragmas;
mod process;
mod produce;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use job::Reason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub(crate) use pragmas::Pragmas;
pub(crate) use process::{Process, command};
pub(crate) use produce::{Order, Source};

use crate::cluster::{Effort, Piece};

/// A piece and the room it takes in the budget of all jobs.
#[derive(Debug)]
struct Kept {
    piece: Piece,
    _room: Option<OwnedSemaphorePermit>,
}

/// How the production ended.
#[derive(Clone, Debug)]
pub(crate) struct Production {
    /// Bytes before compression.
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

/// Why there is no text. The job is compiled here; trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoText {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

type Ending = Result<Production, NoText>;

/// A text in production or produced. Dropping it ends its production.
#[derive(Debug)]
pub(crate) struct Text {
    pieces: mpsc::UnboundedReceiver<Kept>,
    ending: oneshot::Receiver<Ending>,
    ended: Option<Ending>,
    effort: Arc<Mutex<Effort>>,
    process: Arc<Process>,
    budget: Arc<Semaphore>,
    /// Pieces that were produced and not read yet.
    unread: Arc<AtomicUsize>,
    /// What was handed out and may be wanted again.
    kept: Vec<Kept>,
    /// How much of `kept` the current reader has had.
    position: usize,
    forgetful: bool,
    began: Instant,
}

impl Text {
    /// Starts the production on a thread of the blocking pool. The number of pieces under way is
    /// bounded by the budget: a producer that finds none left waits.
    pub(crate) fn start(order: Order, budget: &Arc<Semaphore>) -> Self {
        let (send_piece, pieces) = mpsc::unbounded_channel();
        let (send_ending, ending) = oneshot::channel();
        let process = Arc::new(Process::default());
        let unread = Arc::new(AtomicUsize::new(0));
        let effort = Arc::new(Mutex::new(order.effort));
        let line = produce::Line {
            effort: Arc::clone(&effort),
            pieces: send_piece,
            budget: Arc::clone(budget),
            unread: Arc::clone(&unread),
            runtime: tokio::runtime::Handle::current(),
        };
        let running = Arc::clone(&process);
        tokio::task::spawn_blocking(move || {
            let ending = produce::produce(&order, &line, &running);
            drop(order.permit);
            // The pieces end before the ending is told, or the reader would wait for more.
            drop(line);
            let _ = send_ending.send(ending);
        });
        Self {
            pieces,
            ending,
            effort,
            ended: None,
            process,
            budget: Arc::clone(budget),
            unread,
            kept: Vec::new(),
            position: 0,
            forgetful: false,
            began: Instant::now(),
        }
    }

    /// No text: the job's input is files.
    pub(crate) fn none(budget: &Arc<Semaphore>) -> Self {
        let production = Production {
            bytes: 0,
            took: Duration::ZERO,
        };
        Self {
            pieces: mpsc::unbounded_channel().1,
            ending: oneshot::channel().1,
            effort: Arc::new(Mutex::new(Effort::Level(0))),
            ended: Some(Ok(production)),
            process: Arc::default(),
            budget: Arc::clone(budget),
            unread: Arc::default(),
            kept: Vec::new(),
            position: 0,
            forgetful: false,
            began: Instant::now(),
        }
    }

    /// The next piece; `None` at the end of the text, which may be one without success. Dropping
    /// the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Option<&Piece> {
        if self.position == self.kept.len() {
            let kept = self.pieces.recv().await?;
            self.unread.fetch_sub(1, Ordering::AcqRel);
            self.make_room();
            self.kept.push(kept);
        }
        self.position += 1;
        self.kept.get(self.position - 1).map(|kept| &kept.piece)
    }

    /// Says how hard what is still to be produced is compressed.
    pub(crate) fn compress(&self, effort: Effort) {
        *self.effort.lock().unwrap_or_else(PoisonError::into_inner) = effort;
    }

    /// When the production was ordered.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The memory that all texts share.
    pub(crate) fn budget(&self) -> &Arc<Semaphore> {
        &self.budget
    }

    /// How the production ended, waiting for it.
    pub(crate) async fn ending(&mut self) -> Ending {
        if self.ended.is_none() {
            let ended = (&mut self.ending).await;
            self.ended = Some(ended.unwrap_or_else(|_| {
                let detail = "the thread that reads the preprocessor's text died".to_owned();
                Err(NoText {
                    reason: Reason::PreprocessorFailed,
                    detail,
                })
            }));
        }
        match &self.ended {
            Some(ended) => ended.clone(),
            None => unreachable!("set above"),
        }
    }

    /// Whether the production is known to have failed.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.ended, Some(Err(_)))
    }

    /// Starts reading from the beginning again; false when the beginning had to be given up.
    pub(crate) fn rewind(&mut self) -> bool {
        self.position = 0;
        !self.forgetful
    }

    /// When memory is short, what was sent is not kept for another try.
    fn make_room(&mut self) {
        let total = self.budget.available_permits();
        if self.forgetful || total < crate::shared::TEXT_BUDGET_LOW {
            self.forgetful = self.forgetful || !self.kept.is_empty();
            self.kept.clear();
            self.position = 0;
        }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.process.end();
    }
}
