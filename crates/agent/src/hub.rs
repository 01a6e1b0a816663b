//! The task that owns the agent's state, and the handle by which workers reach it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handover::{AgentStatus, RuntimeDir};
use job::{JobRecord, Phase};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{debug, info, warn};

use crate::AgentError;
use crate::door;
use crate::shared::Shared;
use crate::state::{Action, Event, Number, Pool, State};

/// The workers' end of the channel to the hub.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    events: mpsc::UnboundedSender<Event>,
}

impl Hub {
    /// The channel is unbounded, but each conversation has only a handful of events in it.
    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Self { events }, receiver)
    }

    /// Tells the hub; a hub that is gone needs to know nothing.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(crate) fn moved(&self, job: Number, phase: Phase, executor: &str) {
        self.tell(Event::JobMoved {
            job,
            phase,
            executor: executor.to_owned(),
        });
    }

    /// Waits for a permit to load this host. It is given back when dropped.
    pub(crate) async fn permit(&self, pool: Pool, niceness: u32) -> Permit {
        let (grant, granted) = oneshot::channel();
        self.tell(Event::WantsPermit {
            pool,
            niceness,
            grant,
        });
        granted.await.unwrap_or(Permit::unaccounted(pool))
    }

    pub(crate) async fn status(&self) -> Option<AgentStatus> {
        let (answer, told) = oneshot::channel();
        self.tell(Event::StatusAsked { answer });
        told.await.ok()
    }
}

/// The right to run one process here. It travels through the channel, so that one whose receiver
/// went away meanwhile returns by itself.
#[derive(Debug)]
pub(crate) struct Permit {
    hub: Option<Hub>,
    pool: Pool,
}

impl Permit {
    /// For when nobody counts any more.
    pub(crate) fn unaccounted(pool: Pool) -> Self {
        Self { hub: None, pool }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(hub) = &self.hub {
            hub.tell(Event::PermitReturned { pool: self.pool });
        }
    }
}

/// Everything that only the hub's task touches.
pub(crate) struct Owner {
    pub(crate) state: State,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Option<UnixListener>,
    pub(crate) dir: RuntimeDir,
    pub(crate) log: Option<PathBuf>,
}

impl Owner {
    /// Runs until the agent leaves.
    pub(crate) async fn run(mut self) -> Result<(), AgentError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(AgentError::Start)?;
        loop {
            let event = tokio::select! {
                biased;
                Some(event) = self.events.recv() => event,
                accepted = accept(self.listener.as_ref()) => {
                    self.greet(accepted).await;
                    continue;
                }
                () = due(self.state.wake_at()) => Event::Tick,
                _ = terminate.recv() => Event::StopAsked,
            };
            for action in self.state.apply(event, Instant::now()) {
                if self.perform(action).await {
                    return Ok(());
                }
            }
        }
    }

    async fn greet(&self, accepted: std::io::Result<tokio::net::UnixStream>) {
        match accepted {
            Ok(stream) => self.converse(stream),
            Err(error) => {
                // Out of descriptors, most likely: give the running jobs time to return some.
                warn!("a wrapper could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn converse(&self, stream: tokio::net::UnixStream) {
        // Before all that the conversation will tell.
        self.shared.hub.tell(Event::Came);
        tokio::spawn(door::converse(stream, Arc::clone(&self.shared)));
    }

    /// Does what the state asks for; true ends the agent.
    async fn perform(&mut self, action: Action) -> bool {
        match action {
            Action::Grant { pool, grant } => {
                // Refused, it is dropped and thereby returned.
                let _ = grant.send(Permit {
                    hub: Some(self.shared.hub.clone()),
                    pool,
                });
            }
            Action::WriteLog(records) => self.write_log(records),
            Action::Answer { answer, status } => {
                let _ = answer.send(status);
            }
            Action::Retire => self.retire().await,
            Action::Leave => {
                info!("nothing left to do; leaving");
                return true;
            }
        }
        false
    }

    fn write_log(&self, records: Vec<JobRecord>) {
        let (hub, log) = (self.shared.hub.clone(), self.log.clone());
        tokio::task::spawn_blocking(move || {
            if let Some(log) = log
                && let Err(error) = handover::log::append(&log, &records)
            {
                debug!(
                    "{}: the job log could not be written: {error}",
                    log.display()
                );
            }
            hub.tell(Event::LogWritten);
        });
    }

    /// Takes the socket's name away and serves whoever is already in the backlog.
    async fn retire(&mut self) {
        for _ in 0..100 {
            match handover::meet::retire(&self.dir) {
                Ok(true) => break,
                Ok(false) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => {
                    warn!("{error}");
                    break;
                }
            }
        }
        let Some(listener) = self.listener.take() else {
            return;
        };
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::ZERO, accept(Some(&listener))).await
        {
            self.converse(stream);
        }
    }
}

async fn accept(listener: Option<&UnixListener>) -> std::io::Result<tokio::net::UnixStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
