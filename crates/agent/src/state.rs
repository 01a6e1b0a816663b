//! What the agent knows about its jobs: which run, which may preprocess, when it is time to leave.
//!
//! One task owns it; [`State::apply`] is synchronous and returns what that task has to do.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use handover::{AgentStatus, InputCounts, RunningJob};
use job::{JobRecord, Phase};
use tokio::sync::oneshot;

use crate::hub::Permit;

/// The agent's own number of a job.
pub(crate) type Number = u64;

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A wrapper connected; its conversation is running.
    Came,
    /// A conversation is over.
    Went,
    JobBegan {
        job: Number,
        source: Vec<u8>,
    },
    JobMoved {
        job: Number,
        phase: Phase,
        executor: String,
    },
    /// The job's fate is known.
    JobDecided {
        record: Box<JobRecord>,
    },
    JobEnded {
        job: Number,
    },
    /// A job wants one of the permits to load this host.
    WantsPermit {
        pool: Pool,
        niceness: u32,
        grant: oneshot::Sender<Permit>,
    },
    PermitReturned {
        pool: Pool,
    },
    DaemonSeen {
        socket: String,
    },
    StatusAsked {
        answer: oneshot::Sender<AgentStatus>,
    },
    /// A user or the system wants the agent gone.
    StopAsked,
    /// The job log took what it was given.
    LogWritten,
    Tick,
}

/// Kinds of work on this host that are counted, each up to the number of cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    Preprocess,
    /// Compilers that run here while no daemon counts them.
    Compile,
}

/// What the owner must do.
#[derive(Debug)]
pub(crate) enum Action {
    Grant {
        pool: Pool,
        grant: oneshot::Sender<Permit>,
    },
    WriteLog(Vec<JobRecord>),
    Answer {
        answer: oneshot::Sender<AgentStatus>,
        status: AgentStatus,
    },
    /// Accept nobody new.
    Retire,
    Leave,
}

#[derive(Debug)]
struct Running {
    source: Vec<u8>,
    executor: String,
    phase: Phase,
    since: Instant,
}

#[derive(Debug, Default)]
struct Permits {
    used: usize,
    /// Who waits, the least nice first, then in order of arrival.
    waiting: BTreeMap<(u32, u64), oneshot::Sender<Permit>>,
}

#[derive(Debug)]
pub(crate) struct State {
    cores: usize,
    idle_limit: Duration,
    running: HashMap<Number, Running>,
    conversations: usize,
    preprocess: Permits,
    compile: Permits,
    arrivals: u64,
    jobs_done: u64,
    daemon: String,
    idle_since: Instant,
    retired: bool,
    leaving: bool,
    unwritten: VecDeque<JobRecord>,
    writing: bool,
    /// Before that, records wait for others that go with them.
    next_write: Instant,
    inputs: InputCounts,
    asked: Vec<oneshot::Sender<AgentStatus>>,
}

/// Records kept for a log that does not take them; beyond that the oldest are lost.
const MAX_UNWRITTEN: usize = 10_000;

/// From one write of the log to the next, unless somebody asks.
const TOGETHER: Duration = Duration::from_millis(200);

impl State {
    pub(crate) fn new(cores: usize, idle_limit: Duration, now: Instant) -> Self {
        Self {
            cores: cores.max(1),
            idle_limit,
            running: HashMap::new(),
            conversations: 0,
            preprocess: Permits::default(),
            compile: Permits::default(),
            arrivals: 0,
            jobs_done: 0,
            daemon: String::new(),
            idle_since: now,
            retired: false,
            leaving: false,
            unwritten: VecDeque::new(),
            writing: false,
            next_write: now,
            inputs: InputCounts::default(),
            asked: Vec::new(),
        }
    }

    /// When a [`Event::Tick`] is due, if nothing else happens.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let waits = !self.writing && !self.unwritten.is_empty();
        let write = waits.then_some(self.next_write);
        write.into_iter().chain(self.idle_at()).min()
    }

    fn idle_at(&self) -> Option<Instant> {
        (self.conversations == 0 && !self.retired).then(|| self.idle_since + self.idle_limit)
    }

    pub(crate) fn apply(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Came => self.conversations += 1,
            Event::Went => {
                self.conversations = self.conversations.saturating_sub(1);
                self.idle_since = now;
            }
            Event::JobBegan { job, source } => {
                let running = Running {
                    source,
                    executor: String::new(),
                    phase: Phase::Queue,
                    since: now,
                };
                self.running.insert(job, running);
            }
            Event::JobMoved {
                job,
                phase,
                executor,
            } => {
                if let Some(running) = self.running.get_mut(&job) {
                    running.phase = phase;
                    running.executor = executor;
                }
            }
            Event::JobDecided { record } => {
                self.jobs_done += 1;
                self.inputs.count(&record);
                if self.unwritten.len() == MAX_UNWRITTEN {
                    self.unwritten.pop_front();
                }
                self.unwritten.push_back(*record);
            }
            Event::JobEnded { job } => {
                self.running.remove(&job);
            }
            Event::WantsPermit {
                pool,
                niceness,
                grant,
            } => {
                self.arrivals += 1;
                let place = (niceness, self.arrivals);
                self.permits(pool).waiting.insert(place, grant);
                self.grant(pool, &mut actions);
            }
            Event::PermitReturned { pool } => {
                let permits = self.permits(pool);
                permits.used = permits.used.saturating_sub(1);
                self.grant(pool, &mut actions);
            }
            Event::DaemonSeen { socket } => self.daemon = socket,
            Event::StatusAsked { answer } => self.asked.push(answer),
            Event::StopAsked => self.retire(&mut actions),
            Event::LogWritten => self.writing = false,
            Event::Tick => {
                if self.idle_at().is_some_and(|due| due <= now) {
                    self.retire(&mut actions);
                }
            }
        }
        self.write_log(now, &mut actions);
        self.answer(now, &mut actions);
        self.leave(&mut actions);
        actions
    }

    fn permits(&mut self, pool: Pool) -> &mut Permits {
        match pool {
            Pool::Preprocess => &mut self.preprocess,
            Pool::Compile => &mut self.compile,
        }
    }

    fn grant(&mut self, pool: Pool, actions: &mut Vec<Action>) {
        let cores = self.cores;
        let permits = self.permits(pool);
        while permits.used < cores {
            let Some((_, grant)) = permits.waiting.pop_first() else {
                return;
            };
            if grant.is_closed() {
                continue; // its wrapper went away
            }
            permits.used += 1;
            actions.push(Action::Grant { pool, grant });
        }
    }

    /// One write at a time; what comes meanwhile, or soon after, goes with the next.
    fn write_log(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let is_due = now >= self.next_write || !self.asked.is_empty() || self.retired;
        if is_due && !self.writing && !self.unwritten.is_empty() {
            self.writing = true;
            self.next_write = now + TOGETHER;
            actions.push(Action::WriteLog(std::mem::take(&mut self.unwritten).into()));
        }
    }

    /// Whoever asks for the status may read the log next: it must hold all jobs of before.
    fn answer(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.writing {
            return;
        }
        for answer in std::mem::take(&mut self.asked) {
            actions.push(Action::Answer {
                answer,
                status: self.status(now),
            });
        }
    }

    fn status(&self, now: Instant) -> AgentStatus {
        let mut running: Vec<_> = self.running.iter().collect();
        running.sort_unstable_by_key(|(job, _)| **job);
        let describe = |job: &Running| RunningJob {
            source: job.source.clone(),
            executor: job.executor.clone(),
            phase: job.phase.into(),
            age_us: micros(now.saturating_duration_since(job.since)),
        };
        AgentStatus {
            pid: std::process::id(),
            running: running.into_iter().map(|(_, job)| describe(job)).collect(),
            daemon: self.daemon.clone(),
            jobs_done: self.jobs_done,
            inputs: Some(self.inputs),
        }
    }

    fn retire(&mut self, actions: &mut Vec<Action>) {
        if !self.retired {
            self.retired = true;
            actions.push(Action::Retire);
        }
    }

    fn leave(&mut self, actions: &mut Vec<Action>) {
        let busy = self.conversations > 0 || self.writing || !self.unwritten.is_empty();
        if self.retired && !busy && !self.leaving {
            self.leaving = true;
            actions.push(Action::Leave);
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
