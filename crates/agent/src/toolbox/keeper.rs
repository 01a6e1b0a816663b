//! The task that owns the answers: each question is answered once, by a thread.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use toolchain::Stamp;
use tracing::warn;

use super::workshop::Workshop;
use super::{Answer, Question, Request, Unproven};

/// How long a failure is taken for granted.
const FAILURE_FRESH: Duration = Duration::from_secs(10);

/// Answers kept; a build uses a handful of compilers.
const MAX_ANSWERS: usize = 1000;

#[derive(Debug)]
struct Kept {
    answer: Answer,
    stamp: Option<Stamp>,
    since: Instant,
}

impl Kept {
    fn holds(&self, stamp: Option<Stamp>, question: &Question, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        self.stamp == stamp
            && match (&self.answer, question) {
                // Whatever became of it, the cache knows what it depends on.
                (_, Question::Archive { .. }) => false,
                (Err(_), _) => age < FAILURE_FRESH,
                (Ok(_), _) => true,
            }
    }
}

/// Those who wait for the answer to one question.
#[derive(Debug, Default)]
struct Waiting {
    /// They asked before the thread began to look.
    now: Vec<oneshot::Sender<Answer>>,
    /// They asked later; what the thread has looked at may have changed before that.
    next: Vec<(Option<Stamp>, oneshot::Sender<Answer>)>,
}

/// The task's state.
pub(super) struct Keeper {
    answers: HashMap<Question, Kept>,
    waiting: HashMap<Question, Waiting>,
    /// The toolchains that were tried, or are being.
    proved: HashSet<Unproven>,
    requests: mpsc::WeakUnboundedSender<Request>,
    workshop: Arc<Workshop>,
}

impl Keeper {
    pub(super) fn new(workshop: Workshop, requests: mpsc::WeakUnboundedSender<Request>) -> Self {
        Self {
            answers: HashMap::new(),
            waiting: HashMap::new(),
            proved: HashSet::new(),
            requests,
            workshop: Arc::new(workshop),
        }
    }

    pub(super) async fn run(mut self, mut received: mpsc::UnboundedReceiver<Request>) {
        while let Some(request) = received.recv().await {
            match request {
                Request::Ask {
                    question,
                    stamp,
                    answer,
                } => self.asked(question, stamp, answer),
                Request::Prove(unproven) => self.prove(unproven),
                Request::Found {
                    question,
                    stamp,
                    answer,
                } => {
                    let Waiting { now, next } = self.waiting.remove(&question).unwrap_or_default();
                    for asker in now {
                        let _ = asker.send(answer.clone());
                    }
                    if let Some((stamp, _)) = next.last() {
                        let stamp = *stamp;
                        let now = next.into_iter().map(|(_, asker)| asker).collect();
                        self.look(question.clone(), stamp, now);
                    }
                    if matches!(question, Question::Archive { .. }) {
                        continue;
                    }
                    if self.answers.len() >= MAX_ANSWERS {
                        self.answers.clear();
                    }
                    let kept = Kept {
                        answer,
                        stamp,
                        since: Instant::now(),
                    };
                    self.answers.insert(question, kept);
                }
            }
        }
    }

    fn asked(&mut self, question: Question, stamp: Option<Stamp>, answer: oneshot::Sender<Answer>) {
        if let Some(kept) = self.answers.get(&question)
            && kept.holds(stamp, &question, Instant::now())
        {
            let _ = answer.send(kept.answer.clone());
            return;
        }
        match self.waiting.get_mut(&question) {
            Some(waiting) if matches!(question, Question::Archive { .. }) => {
                waiting.next.push((stamp, answer));
            }
            Some(waiting) => waiting.now.push(answer),
            None => self.look(question, stamp, vec![answer]),
        }
    }

    /// A thread tries a toolchain, once.
    fn prove(&mut self, unproven: Unproven) {
        if self.proved.len() >= MAX_ANSWERS {
            self.proved.clear();
        }
        if !self.proved.insert(unproven.clone()) {
            return;
        }
        let workshop = Arc::clone(&self.workshop);
        let started = std::thread::Builder::new().spawn(move || workshop.prove(&unproven.question));
        if let Err(error) = started {
            warn!("no thread to try a toolchain with: {error}");
        }
    }

    /// A thread finds out.
    fn look(
        &mut self,
        question: Question,
        stamp: Option<Stamp>,
        now: Vec<oneshot::Sender<Answer>>,
    ) {
        let next = Vec::new();
        self.waiting.insert(question.clone(), Waiting { now, next });
        let (workshop, requests) = (Arc::clone(&self.workshop), self.requests.clone());
        tokio::task::spawn_blocking(move || {
            let answer = workshop.find_out(&question);
            if let Some(requests) = requests.upgrade() {
                let _ = requests.send(Request::Found {
                    question,
                    stamp,
                    answer,
                });
            }
        });
    }
}
