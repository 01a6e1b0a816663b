//! Who is served next when a slot is free: local jobs, then own jobs sent home, then foreign
//! compiles; within a class the lower niceness, then the earlier arrival.

use std::collections::BTreeSet;

use job::{ClientId, JobId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Local,
    Home,
    Foreign,
}

/// One wish for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) class: Class,
    niceness: u32,
    arrival: u64,
    pub(super) client: ClientId,
    pub(super) job: JobId,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeSet<Ticket>,
    arrivals: u64,
}

impl Queue {
    /// Returns the place in the order of all arrivals.
    pub(super) fn push(
        &mut self,
        class: Class,
        niceness: u32,
        client: ClientId,
        job: JobId,
    ) -> u64 {
        self.arrivals += 1;
        self.waiting.insert(Ticket {
            class,
            niceness,
            arrival: self.arrivals,
            client,
            job,
        });
        self.arrivals
    }

    /// A foreign compile waits once more, where it stood before.
    pub(super) fn put_back(&mut self, client: ClientId, job: JobId, arrival: u64) {
        self.waiting.insert(Ticket {
            class: Class::Foreign,
            niceness: 0,
            arrival,
            client,
            job,
        });
    }

    /// Takes the next one out; foreign ones only when `foreign` allows.
    pub(super) fn pop(&mut self, foreign: bool) -> Option<Ticket> {
        let first = self.waiting.first().copied()?;
        if first.class == Class::Foreign && !foreign {
            return None;
        }
        self.waiting.pop_first()
    }

    /// Forgets everything that the client waits for.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.waiting.retain(|ticket| ticket.client != client);
    }

    /// The foreign compile that is served next.
    pub(super) fn first_foreign(&self) -> Option<ClientId> {
        self.waiting
            .iter()
            .find(|ticket| ticket.class == Class::Foreign)
            .map(|ticket| ticket.client)
    }
}
