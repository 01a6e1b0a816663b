//! The owner's limit for all compiles together, and who may have what of it.
//!
//! A compile starts when what it is expected to need fits beside what the running ones have or are
//! expected to need. Expectations are wrong, so the running ones are measured; when they come close
//! to the limit the one that arrived last makes way and starts again later. The oldest never makes
//! way, so one always comes to its end and none is put off for ever.

use std::collections::BTreeMap;

use job::ClientId;

use super::{History, LEAST, Likeness};

/// This part of the limit is kept free: measuring is late by as much as a few compiles can take
/// meanwhile.
const MARGIN: u64 = 16;

/// Who has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It makes way for older ones, and is run again.
    Later(ClientId),
    /// It is alone and has more than there is: it is for a larger host.
    TooLarge(ClientId),
}

#[derive(Clone, Copy, Debug)]
struct Running {
    like: Likeness,
    expected: u64,
    used: u64,
    /// What it may have: the limit of all when it started.
    limit: u64,
    /// Lower is older.
    arrival: u64,
    /// It was told to end, and its memory is about to be free.
    leaving: bool,
}

impl Running {
    fn claim(&self) -> u64 {
        self.expected.max(self.used)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Budget {
    owners: u64,
    /// What this host has left for compiles besides the owner's limit.
    ceiling: u64,
    running: BTreeMap<ClientId, Running>,
    /// One had to make way: nothing starts until another one has ended by itself, or the memory
    /// that the others still want would be given away again.
    closed: bool,
    history: History,
}

impl Budget {
    /// `limit` bytes, as the owner says.
    pub fn new(limit: u64) -> Self {
        Self {
            owners: limit,
            ceiling: u64::MAX,
            running: BTreeMap::new(),
            closed: false,
            history: History::default(),
        }
    }

    /// What all compiles may have together now.
    pub fn limit(&self) -> u64 {
        self.owners.min(self.ceiling.max(LEAST))
    }

    /// What the running ones have.
    pub fn used(&self) -> u64 {
        sum(self.running.values().map(|running| running.used))
    }

    /// What another compile may have: what is neither used nor promised.
    pub fn free(&self) -> u64 {
        if self.closed {
            return 0;
        }
        let claims = sum(self.running.values().map(Running::claim));
        self.limit().saturating_sub(claims)
    }

    /// This host had so much left at its last look, beside what the compiles have.
    pub fn set_available(&mut self, bytes: u64) {
        self.ceiling = bytes.saturating_add(self.used());
    }

    /// What a compile is expected to need, at most the limit: guessing is no reason to refuse one.
    pub fn expected(&self, like: &Likeness) -> u64 {
        let expected = self.history.known(like);
        expected
            .unwrap_or_else(|| self.history.likely(like))
            .min(self.limit())
    }

    /// Whether it has needed more here than the owner gives, however full this host is now. After a
    /// few refusals the answer fades.
    pub fn is_too_large(&mut self, like: &Likeness) -> bool {
        let needed = self.history.needed(like);
        let too_large = needed.is_some_and(|bytes| bytes > self.owners);
        if too_large {
            self.history.doubt(like);
        }
        too_large
    }

    /// Whether a compile that needs `expected` may start.
    pub fn fits(&self, expected: u64) -> bool {
        self.running.is_empty() || (!self.closed && expected <= self.free())
    }

    pub fn start(&mut self, client: ClientId, like: Likeness, expected: u64, arrival: u64) {
        let running = Running {
            like,
            expected: expected.min(self.limit()),
            used: 0,
            limit: self.limit(),
            arrival,
            leaving: false,
        };
        self.running.insert(client, running);
    }

    /// A running compile has so much now.
    pub fn measured(&mut self, client: ClientId, used: u64) {
        if let Some(running) = self.running.get_mut(&client) {
            running.used = used;
        }
    }

    /// A compile ran to its end, and had so much at most.
    pub fn peaked(&mut self, client: ClientId, peak: u64) {
        if let Some(running) = self.running.get(&client) {
            self.history.record(&running.like, peak);
        }
    }

    /// A compile was killed for having more than it may.
    pub fn exceeded(&mut self, client: ClientId) {
        if let Some(running) = self.running.get(&client) {
            let more = running.limit.saturating_add(1).max(running.used);
            self.history.record(&running.like, more);
        }
    }

    /// A compile is gone, and its memory is free. What it is expected to need if it runs again.
    pub fn end(&mut self, client: ClientId) -> Option<u64> {
        let running = self.running.remove(&client)?;
        if !running.leaving || self.running.is_empty() {
            self.closed = false;
        }
        Some(running.expected.max(running.used.saturating_mul(2)))
    }

    /// Whom to end now; to be asked again until it is nobody.
    pub fn excess(&mut self) -> Option<Excess> {
        let limit = self.limit();
        let staying = || self.running.iter().filter(|(_, running)| !running.leaving);
        let used = sum(staying().map(|(_, running)| running.used));
        let (&youngest, _) = staying().max_by_key(|(_, running)| running.arrival)?;
        let excess = if staying().count() > 1 {
            (used > limit - limit / MARGIN).then_some(Excess::Later(youngest))
        } else {
            (used > limit).then_some(Excess::TooLarge(youngest))
        }?;
        self.closed |= matches!(excess, Excess::Later(_));
        if let Some(running) = self.running.get_mut(&youngest) {
            running.leaving = true;
            if matches!(excess, Excess::TooLarge(_)) {
                // At least; when the host itself took memory back that is no more than it may have.
                self.history.record(&running.like, running.used);
            }
        }
        Some(excess)
    }
}

fn sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}
