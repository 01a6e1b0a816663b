//! Which scheduler is in charge: of those that reach each other the one that was started first.
//!
//! The moment of its start never changes while a scheduler runs, so all that hear each other put each other
//! in the same order, whatever their clocks say, and nothing changes until one comes or goes. One that was
//! started again is the youngest. Where the network is cut each part has its own; when it is whole again the
//! younger ones step back, and what that costs is grants that were not used yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use membership::MemberId;
use transport::HostPort;

/// A scheduler says every so often that it runs.
pub(crate) const BEAT: Duration = Duration::from_secs(1);
/// One that was not heard for so long is gone.
pub(crate) const SILENCE: Duration = Duration::from_secs(4);
/// How long a scheduler that has just started waits for those that may run already.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) member: MemberId,
    /// For people.
    pub(crate) name: String,
    pub(crate) started_ms: u64,
    pub(crate) addresses: Vec<HostPort>,
}

impl Candidate {
    fn order(&self) -> (u64, MemberId) {
        (self.started_ms, self.member)
    }
}

/// What happened; times are since this scheduler's start.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Who there may be besides this one, and where.
    Known(BTreeMap<MemberId, Vec<HostPort>>),
    /// One of these could not be reached.
    Missing(MemberId),
    Heard {
        stream: u64,
        candidate: Candidate,
    },
    Over {
        stream: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has just started, and does not know yet who else runs.
    Open,
    /// This one is in charge.
    Own { why: String },
    /// Another one is.
    Other { elected: Candidate, why: String },
}

#[derive(Debug)]
struct Other {
    candidate: Candidate,
    heard: Duration,
    streams: BTreeSet<u64>,
}

#[derive(Debug)]
pub(super) struct Election {
    own: Candidate,
    others: BTreeMap<MemberId, Other>,
    known: BTreeMap<MemberId, Vec<HostPort>>,
    /// Those that were neither heard nor missed yet; none before it was said who there may be.
    awaited: Option<BTreeSet<MemberId>>,
}

impl Election {
    pub(super) fn new(own: Candidate) -> Self {
        Self {
            own,
            others: BTreeMap::new(),
            known: BTreeMap::new(),
            awaited: None,
        }
    }

    pub(super) fn apply(&mut self, now: Duration, event: Event) {
        match event {
            Event::Known(mut known) => {
                known.remove(&self.own.member);
                let names = || known.keys().copied().collect();
                self.awaited.get_or_insert_with(names);
                self.known = known;
            }
            Event::Missing(member) => self.arrived(member),
            Event::Heard { stream, candidate } => {
                let member = candidate.member;
                if member == self.own.member {
                    return; // this host under another address
                }
                self.arrived(member);
                let streams = BTreeSet::new();
                let other = self.others.entry(member).or_insert_with(|| Other {
                    candidate: candidate.clone(),
                    heard: now,
                    streams,
                });
                other.candidate = candidate;
                other.heard = now;
                other.streams.insert(stream);
            }
            // The end of the last stream is the end of the program, most likely.
            Event::Over { stream } => self.others.retain(|_, other| {
                let was_there = other.streams.remove(&stream);
                !(was_there && other.streams.is_empty())
            }),
        }
    }

    pub(super) fn verdict(&mut self, now: Duration) -> Verdict {
        self.others.retain(|_, other| now < other.heard + SILENCE);
        let first = self.others.values().map(|other| &other.candidate);
        match first.min_by_key(|other| other.order()) {
            Some(first) if first.order() < self.own.order() => Verdict::Other {
                elected: Candidate {
                    addresses: match self.known.get(&first.member) {
                        Some(known) if !known.is_empty() => known.clone(),
                        _ => first.addresses.clone(),
                    },
                    ..first.clone()
                },
                why: self.why(first),
            },
            _ if now < GRACE && self.awaits() => Verdict::Open,
            _ => Verdict::Own {
                why: self.why(&self.own),
            },
        }
    }

    /// When the verdict may change without an event.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        let silent = self.others.values().map(|other| other.heard + SILENCE);
        silent.chain((now < GRACE).then_some(GRACE)).min()
    }

    fn arrived(&mut self, member: MemberId) {
        if let Some(awaited) = &mut self.awaited {
            awaited.remove(&member);
        }
    }

    fn awaits(&self) -> bool {
        self.awaited
            .as_ref()
            .is_none_or(|awaited| !awaited.is_empty())
    }

    fn why(&self, elected: &Candidate) -> String {
        let count = 1 + self.others.len();
        let silent = self.known.keys();
        let silent = silent.filter(|known| !self.others.contains_key(known));
        let missing = match silent.count() {
            0 => String::new(),
            silent => format!("; {silent} more known, not heard now"),
        };
        if count == 1 {
            return format!("{} is the only scheduler that runs{missing}", elected.name);
        }
        format!(
            "{} has run longest of {count} schedulers, since {}{missing}",
            elected.name,
            membership::stamp(elected.started_ms / 1000)
        )
    }
}
