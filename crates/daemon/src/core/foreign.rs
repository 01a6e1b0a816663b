//! Compiles of other hosts: they wait for a slot and for memory, and end before their time when
//! others need that memory or the owner the host.

use std::time::Duration;

use job::{ClientId, JobId};

use super::client::{Client, Compile, Work};
use super::event::{Action, From, MEMORY_PATIENCE, Refusal, Report, Usage};
use super::queue::Class;
use super::{Budget, Core};
use crate::load::Pressure;
use crate::memory::{Excess, Likeness};

impl Core {
    pub(super) fn compile_wanted(
        &mut self,
        now: Duration,
        id: ClientId,
        job: JobId,
        like: Likeness,
    ) {
        let session = self.session;
        if self.idle_work(id).is_none() {
            return;
        }
        let arrival = if self.memory.is_too_large(&like) {
            let why = Refusal::TooLarge;
            self.actions.push(Action::RefuseCompile { client: id, why });
            0
        } else {
            self.queue.push(Class::Foreign, 0, id, job)
        };
        if let Some(client) = self.clients.get_mut(&id) {
            client.work = Work::Compile(Compile {
                job,
                session,
                since: now,
                running: false,
                told: false,
                arrival,
                like,
                needs: None,
            });
        }
    }

    /// A grant is held by whoever has shown it here: the scheduler is told that it was shown.
    pub(super) fn report_waiting(&mut self, id: ClientId) {
        let client_count = self.client_count();
        if let Some(Work::Compile(compile)) = self.clients.get(&id).map(|client| &client.work)
            && !compile.running
            && compile.session.is_some()
            && compile.session == self.session
        {
            let job = compile.job;
            let report = Report::Waits { job, client_count };
            self.actions.push(Action::Report(report));
        }
    }

    /// Ends what has to give its memory back.
    pub(super) fn make_way(&mut self) {
        while let Some(excess) = self.memory.excess() {
            let (client, again) = match excess {
                Excess::Later(client) => (client, true),
                Excess::TooLarge(client) => (client, false),
            };
            self.actions.push(Action::EvictCompile { client, again });
        }
    }

    pub(super) fn compile_evicted(&mut self, id: ClientId) {
        let needs = self.memory.end(id);
        let Some(Work::Compile(compile)) = self.clients.get_mut(&id).map(|client| &mut client.work)
        else {
            return;
        };
        if std::mem::take(&mut compile.running) {
            self.used -= u32::from(!self.frozen);
            compile.needs = needs;
            self.hungry = None;
            self.queue.put_back(id, compile.job, compile.arrival);
        }
    }

    pub(super) fn compile_ended(&mut self, id: ClientId, usage: Usage) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Work::Compile(compile) = &client.work else {
            return;
        };
        let (job, session, running) = (compile.job, compile.session, compile.running);
        client.work = Work::Idle;
        self.memory.end(id);
        if running {
            self.used = self.count_used();
        } else {
            self.queue.forget(id);
        }
        self.report_done(session, job, usage, From::Executor);
    }

    pub(super) fn hand_back(&mut self) {
        let running = |(&id, client): (&ClientId, &Client)| match client.work {
            Work::Compile(Compile { running: true, .. }) => Some(Action::HandBack { client: id }),
            _ => None,
        };
        self.actions.extend(self.clients.iter().filter_map(running));
    }

    pub(super) fn foreign_since(&self) -> Option<Duration> {
        self.first_foreign().map(|compile| compile.since)
    }

    /// Whether the foreign compile that is served next could start: there is memory for it, and it
    /// would not stand still. One that is refused needs neither.
    pub(super) fn foreign_fits(&self) -> bool {
        matches!(self.pressure, Pressure::Full(_))
            || !self.frozen
                && self
                    .first_foreign()
                    .is_none_or(|compile| self.memory.fits(needs(&self.memory, compile)))
    }

    /// Whether the foreign compile that is served next waits for nothing but memory.
    pub(crate) fn is_hungry(&self) -> bool {
        self.used < self.slots && !self.frozen && !self.foreign_fits()
    }

    /// Whether foreign compiles stand still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Refuses the next compile if nothing could start for too long: those that have the memory may
    /// take as long as they like, and other hosts may have some.
    pub(super) fn refuse_hungry(&mut self, now: Duration) -> bool {
        let first = self.queue.first_foreign().filter(|_| self.is_hungry());
        let Some(client) = first else {
            self.hungry = None;
            return false;
        };
        if now < *self.hungry.get_or_insert(now) + MEMORY_PATIENCE {
            return false;
        }
        self.queue.forget(client);
        let why = Refusal::Crowded;
        self.actions.push(Action::RefuseCompile { client, why });
        true
    }

    /// Refuses whatever has not started.
    pub(super) fn refuse_waiting(&mut self) {
        while let Some(client) = self.queue.first_foreign() {
            self.queue.forget(client);
            let why = Refusal::Leaving;
            self.actions.push(Action::RefuseCompile { client, why });
        }
    }

    pub(super) fn first_foreign(&self) -> Option<&Compile> {
        let first = self.queue.first_foreign()?;
        match &self.clients.get(&first)?.work {
            Work::Compile(compile) => Some(compile),
            _ => None,
        }
    }
}

pub(super) fn needs(memory: &Budget, compile: &Compile) -> u64 {
    compile
        .needs
        .unwrap_or_else(|| memory.expected(&compile.like))
}
