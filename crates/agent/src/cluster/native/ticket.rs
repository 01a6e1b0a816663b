//! Grants in the hands of jobs: whatever becomes of a job, the task that keeps the grants hears of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use job::Reason;
use membership::MemberId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use wire::message::{Ending, Placed, Report};
use wire::name::{GrantNumber, Micros, Size};

use super::grants::{Granted, Token};
use crate::cluster::Failure;

/// A job that has had a grant for longer, for an installation, needs another one.
const SHOWN_WITHIN: Duration = Duration::from_secs(15);

/// What jobs tell the task that keeps the grants of their kind.
#[derive(Debug)]
pub(super) enum Order {
    Coming,
    Want(Token, oneshot::Sender<Result<Ticket, Failure>>),
    Left(Token),
    Unused(u64, Box<Granted<Placed>>),
    Over(u64, Box<Over>),
}

/// A job under a grant is over.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) report: Report,
    /// Nothing more is to be sent to its executor for now.
    pub(super) avoid: bool,
    pub(super) executor: MemberId,
}

/// The jobs' end of the task.
#[derive(Clone, Debug)]
pub(super) struct Desk(mpsc::UnboundedSender<Order>);

/// A grant that a job has. Dropped before it was shown to anybody it is given to another job or back.
#[derive(Debug)]
pub(super) struct Ticket {
    grant: Option<Box<Granted<Placed>>>,
    /// Which stream it came on.
    generation: u64,
    since: Instant,
    orders: mpsc::UnboundedSender<Order>,
}

/// A grant on its way to its executor: whatever happens, the scheduler is told what became of it.
#[derive(Debug)]
pub(super) struct Spent {
    report: Option<Report>,
    executor: MemberId,
    generation: u64,
    began: Instant,
    orders: mpsc::UnboundedSender<Order>,
}

impl Desk {
    /// The task that takes the orders is the caller's.
    pub(super) fn new(orders: mpsc::UnboundedSender<Order>) -> Self {
        Self(orders)
    }

    /// A job of this kind will soon want a place.
    pub(super) fn coming(&self) {
        let _ = self.0.send(Order::Coming);
    }

    pub(super) async fn want(&self) -> Result<Ticket, Failure> {
        static TOKENS: AtomicU64 = AtomicU64::new(1);
        let token = Token(TOKENS.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let leaving = Leaving(token, &self.0);
        let _ = self.0.send(Order::Want(token, answer));
        let given = answered.await;
        drop(leaving);
        given.unwrap_or_else(|_| {
            let detail = "the agent left the cluster";
            Err(Failure::here(Reason::NoScheduler, detail))
        })
    }
}

/// Tells that a job waits no more. One that was answered is not known by then.
struct Leaving<'a>(Token, &'a mpsc::UnboundedSender<Order>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let _ = self.1.send(Order::Left(self.0));
    }
}

impl Ticket {
    pub(super) fn new(
        grant: Granted<Placed>,
        generation: u64,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        Self {
            grant: Some(Box::new(grant)),
            generation,
            since: Instant::now(),
            orders,
        }
    }

    pub(super) fn grant(&self) -> Option<&Granted<Placed>> {
        self.grant.as_deref()
    }

    /// Whether the job has had it for too long: it may have ended on the way.
    pub(super) fn is_stale(&self) -> bool {
        self.since.elapsed() > SHOWN_WITHIN
    }

    /// The grant is shown to the executor from now on.
    pub(super) fn spend(mut self) -> Option<Spent> {
        self.take()
    }

    fn take(&mut self) -> Option<Spent> {
        let grant = self.grant.take()?;
        let report = Report {
            grant: GrantNumber::new(grant.number).ok()?,
            ending: Ending::Cancelled,
            refusal: None,
            usage: None,
            total_us: Micros::LEAST,
            sent: Size::LEAST,
            received: Size::LEAST,
        };
        Some(Spent {
            report: Some(report),
            executor: grant.executor,
            generation: self.generation,
            began: Instant::now(),
            orders: self.orders.clone(),
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_stale() {
            drop(self.take());
        }
        if let Some(grant) = self.grant.take() {
            let _ = self.orders.send(Order::Unused(self.generation, grant));
        }
    }
}

impl Spent {
    /// What is to be told of it.
    pub(super) fn report(&mut self, fill: impl FnOnce(&mut Report)) {
        if let Some(report) = &mut self.report {
            fill(report);
        }
    }
}

impl Drop for Spent {
    fn drop(&mut self) {
        let Some(mut report) = self.report.take() else {
            return;
        };
        let total = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        report.total_us = Micros::new(total).unwrap_or(Micros::MOST);
        let avoid = !matches!(report.ending, Ending::Done | Ending::Cancelled);
        let over = Box::new(Over {
            report,
            avoid,
            executor: self.executor,
        });
        let _ = self.orders.send(Order::Over(self.generation, over));
    }
}
