//! The daemon's mind: which client may run what now, and what the scheduler is told of it.
//! `(now, event) -> actions`; it owns no socket and no clock.
//!
//! Three decisions differ from icecream on purpose. A scheduler that goes away takes nothing with
//! it: clients stay, foreign compiles go on, unanswered requests are answered "compile it
//! yourself". One connection may have several requests open, and none of their answers is lost.
//! And an accepted compile does not wait for the load to fall for longer than
//! [`PRESSURE_PATIENCE`].
//!
//! Drive contract: hand in each event once, in order; perform the actions in order; call again with
//! [`Event::Tick`] at [`Core::deadline`].

mod client;
mod event;
mod foreign;
mod queue;
mod scheduler;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use job::{ClientId, JobId};

use client::{Client, Compile, HostJob, Hosts, LocalJob, Place, Session, Work};
pub use event::{
    Action, Event, From, MEMORY_PATIENCE, PRESSURE_PATIENCE, Peak, Placement, Refusal, Report,
    Usage, code,
};
use foreign::needs;
use queue::{Class, Queue};

use crate::load::Pressure;
use crate::memory::Budget;

/// See the module's documentation.
#[derive(Debug)]
pub struct Core {
    slots: u32,
    used: u32,
    next_client: u32,
    clients: BTreeMap<ClientId, Client>,
    queue: Queue,
    /// Jobs need grants, which this daemon's own clients cannot ask for: they compile here.
    grants_only: bool,
    /// The scheduler that we are logged in to.
    session: Option<Session>,
    sessions: u64,
    pressure: Pressure,
    memory: Budget,
    /// Since when the next foreign compile waits for nothing but memory.
    hungry: Option<Duration>,
    /// Foreign compiles stand still, and leave their slots to this host's own.
    frozen: bool,
    /// No further foreign compile starts.
    leaving: bool,
    actions: Vec<Action>,
}

impl Core {
    /// A host with `slots` slots; without any it still runs one local job at a time. `memory` bytes
    /// are for all foreign compiles together.
    pub fn new(slots: u32, memory: u64) -> Self {
        Self {
            slots: slots.max(1),
            used: 0,
            next_client: 0,
            clients: BTreeMap::new(),
            queue: Queue::default(),
            grants_only: false,
            session: None,
            sessions: 0,
            pressure: Pressure::Open,
            memory: Budget::new(memory),
            hungry: None,
            frozen: false,
            leaving: false,
            actions: Vec::new(),
        }
    }

    /// Asks the scheduler for no hosts: its cluster takes no jobs without a grant, and those are the agents'.
    pub fn with_grants_only(self, grants_only: bool) -> Self {
        Self {
            grants_only,
            ..self
        }
    }

    /// A new connection; `local` when it comes from this host.
    pub fn arrive(&mut self, local: bool) -> ClientId {
        loop {
            self.next_client = self.next_client.checked_add(1).unwrap_or(1);
            let id = ClientId(self.next_client);
            if let Entry::Vacant(vacant) = self.clients.entry(id) {
                vacant.insert(Client {
                    local,
                    work: Work::Idle,
                });
                return id;
            }
        }
    }

    /// Takes one event in and says what to do.
    pub fn apply(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let came = match &event {
            Event::CompileWanted { client, .. } => Some(*client),
            _ => None,
        };
        match event {
            Event::HostsWanted {
                client,
                count,
                niceness,
            } => {
                self.hosts_wanted(client, count, niceness);
            }
            Event::LocalWanted {
                client,
                outfile,
                full,
            } => self.local_wanted(client, outfile, full),
            Event::HomeBegun { client, job } => self.home_begun(client, job),
            Event::HomeDone { client, job, usage } => self.home_done(client, job, usage),
            Event::CompileWanted { client, job, like } => {
                self.compile_wanted(now, client, job, like);
            }
            Event::CompileUses { client, bytes } => self.memory.measured(client, bytes),
            Event::CompilePeaked { client, peak } => match peak {
                Peak::Bytes(bytes) => self.memory.peaked(client, bytes),
                Peak::TooMuch => self.memory.exceeded(client),
            },
            Event::CompileEvicted { client } => self.compile_evicted(client),
            Event::CompileRejected { job, usage } => {
                self.report_done(self.session, job, usage, From::Executor);
            }
            Event::CompileEnded { client, usage } => self.compile_ended(client, usage),
            Event::InstallBegan { client } => self.install_began(client),
            Event::InstallEnded { client } => self.install_ended(client),
            Event::ClientLeft { client, farewell } => self.client_left(client, farewell),
            Event::SchedulerFound => self.scheduler_found(),
            Event::SchedulerLost => self.scheduler_lost(),
            Event::Placed { client, placement } => self.placed(client, placement),
            Event::SentHome { client, job, why } => self.sent_home(client, job, why),
            Event::Pressure(pressure) => self.pressure = pressure,
            Event::MemoryAvailable(bytes) => self.memory.set_available(bytes),
            Event::Frozen(frozen) => {
                self.frozen = frozen;
                self.used = self.count_used();
            }
            Event::HandBack => self.hand_back(),
            Event::Leaving => self.leaving = true,
            Event::Tick => {}
        }
        self.make_way();
        if self.leaving {
            self.refuse_waiting();
        }
        self.serve(now);
        while self.refuse_hungry(now) {
            // What stood behind it may fit.
            self.serve(now);
        }
        if let Some(client) = came.filter(|_| self.grants_only) {
            self.report_waiting(client);
        }
        debug_assert_eq!(self.used, self.count_used());
        std::mem::take(&mut self.actions)
    }

    /// When to call [`Core::apply`] with [`Event::Tick`] if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        if self.is_hungry() {
            return Some(self.hungry? + MEMORY_PATIENCE);
        }
        if self.pressure == Pressure::Open || self.used >= self.slots || !self.foreign_fits() {
            return None;
        }
        Some(self.foreign_since()? + PRESSURE_PATIENCE)
    }

    /// Work in progress, as the status text counts it.
    pub fn used(&self) -> u32 {
        self.used
    }

    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// What foreign compiles may have, and what nobody has of it.
    pub fn memory(&self) -> &Budget {
        &self.memory
    }

    /// Foreign compiles that are running.
    pub fn compiling(&self) -> u32 {
        let running =
            |client: &&Client| matches!(client.work, Work::Compile(Compile { running: true, .. }));
        u32::try_from(self.clients.values().filter(running).count()).unwrap_or(u32::MAX)
    }

    /// Each client with icecream's word for its state.
    pub fn states(&self) -> impl Iterator<Item = (ClientId, &'static str)> {
        self.clients
            .iter()
            .map(|(&id, client)| (id, client.work.word()))
    }

    fn local_wanted(&mut self, id: ClientId, outfile: Vec<u8>, full: bool) {
        let Some(work) = self.idle_work(id) else {
            return;
        };
        *work = Work::Local(LocalJob {
            outfile,
            full,
            running: false,
            told: None,
        });
        self.queue.push(Class::Local, 0, id, JobId(0));
    }

    fn install_began(&mut self, id: ClientId) {
        let Some(work) = self.idle_work(id) else {
            return;
        };
        *work = Work::Installing;
    }

    fn install_ended(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if matches!(client.work, Work::Installing) {
            client.work = Work::Idle;
        }
    }

    fn client_left(&mut self, id: ClientId, farewell: bool) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        self.used -= client.work.slots(self.slots, self.frozen);
        self.memory.end(id);
        if !matches!(client.work, Work::Idle) {
            self.queue.forget(id);
        }
        let code = if farewell {
            code::FAREWELL
        } else {
            code::CLOSED
        };
        match client.work {
            Work::Idle | Work::Installing => {}
            Work::Local(local) => {
                if local.told.is_some() && local.told == self.session {
                    self.actions
                        .push(Action::Report(Report::LocalDone { client: id }));
                }
            }
            Work::Compile(compile) => {
                let usage = Usage::failed(code::CLOSED);
                self.report_done(compile.session, compile.job, usage, From::Executor);
            }
            Work::Hosts(hosts) => {
                if hosts.owed > 0 && self.session.is_some() {
                    let client_count = self.client_count();
                    self.actions.push(Action::Report(Report::Withdrawn {
                        client: id,
                        client_count,
                    }));
                }
                for job in hosts.jobs {
                    // After a farewell the executor reports a job that was compiled elsewhere.
                    if job.place == Place::Away && farewell {
                        continue;
                    }
                    self.report_done(job.session, job.job, Usage::failed(code), From::Submitter);
                }
            }
        }
    }

    /// Starts whatever may start now.
    fn serve(&mut self, now: Duration) {
        while self.used < self.slots {
            let patience_ended = self
                .foreign_since()
                .is_some_and(|since| now >= since + PRESSURE_PATIENCE);
            let foreign =
                (self.pressure == Pressure::Open || patience_ended) && self.foreign_fits();
            let Some(ticket) = self.queue.pop(foreign) else {
                return;
            };
            let Some(client) = self.clients.get_mut(&ticket.client) else {
                continue;
            };
            match &mut client.work {
                Work::Local(local) => {
                    local.running = true;
                    local.told = self.session;
                    let (full, outfile) = (local.full, local.outfile.clone());
                    self.used += if full { self.slots } else { 1 };
                    self.actions.push(Action::StartLocal {
                        client: ticket.client,
                        full,
                    });
                    if self.session.is_some() {
                        let report = Report::LocalBegun {
                            client: ticket.client,
                            outfile,
                            full,
                        };
                        self.actions.push(Action::Report(report));
                    }
                }
                Work::Hosts(hosts) => {
                    let waiting = |job: &&mut HostJob| {
                        job.place == Place::HomeWaiting && job.job == ticket.job
                    };
                    let Some(job) = hosts.jobs.iter_mut().find(waiting) else {
                        continue;
                    };
                    job.place = Place::Home;
                    self.used += 1;
                    let action = Action::CompileAtHome {
                        client: ticket.client,
                        job: ticket.job,
                        why: job.why,
                    };
                    self.actions.push(action);
                }
                Work::Compile(compile) => {
                    if let Pressure::Full(lack) = self.pressure {
                        self.actions.push(Action::RefuseCompile {
                            client: ticket.client,
                            why: Refusal::Full(lack),
                        });
                        continue;
                    }
                    compile.running = true;
                    self.hungry = None;
                    let (job, session) = (compile.job, compile.session);
                    let told = std::mem::replace(&mut compile.told, true);
                    let needs = needs(&self.memory, compile);
                    self.memory
                        .start(ticket.client, compile.like, needs, compile.arrival);
                    self.used += u32::from(!self.frozen);
                    self.actions.push(Action::StartCompile {
                        client: ticket.client,
                    });
                    if !told {
                        self.report_begun(session, job);
                    }
                }
                Work::Idle | Work::Installing => {}
            }
        }
    }

    /// The client's work, to be replaced. A client that is busy with something else is dropped.
    fn idle_work(&mut self, id: ClientId) -> Option<&mut Work> {
        let client = self.clients.get_mut(&id)?;
        if client.work.is_idle() {
            return Some(&mut client.work);
        }
        let why = "it asked for something new while its last request was still open";
        self.actions.push(Action::Drop { client: id, why });
        None
    }

    /// Connections of this host's own clients.
    fn client_count(&self) -> u32 {
        u32::try_from(self.clients.values().filter(|client| client.local).count())
            .unwrap_or(u32::MAX)
    }

    fn count_used(&self) -> u32 {
        self.clients
            .values()
            .map(|client| client.work.slots(self.slots, self.frozen))
            .sum()
    }
}
