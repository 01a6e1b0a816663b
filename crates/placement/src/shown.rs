//! Which toolchains members know to be on a host: those that jobs of theirs came with and were begun. What
//! others brought there, or that host announces, is nothing that a member could learn by asking for grants.

use std::collections::{HashMap, VecDeque};

use job::JobId;

use crate::{Member, Toolchain};

/// What members know of one host.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    known: HashMap<Member, VecDeque<Toolchain>>,
    /// On their way with a job.
    brought: HashMap<JobId, (Member, Toolchain)>,
}

impl Shown {
    /// Toolchains that one member is known to have on one host; of more the oldest is forgotten, and
    /// offered again.
    pub(crate) const MOST: usize = 16;

    pub(crate) fn has(&self, member: Member, toolchain: &Toolchain) -> bool {
        let known = self.known.get(&member);
        known.is_some_and(|known| known.contains(toolchain))
    }

    /// Jobs of one member that may be about to bring the same toolchain. Most find that it is there already,
    /// and have only to show that the member has it as well; where it is not, they all wait for it.
    pub(crate) const MOST_AT_ONCE: usize = 4;

    /// How many jobs of the member are about to bring it.
    pub(crate) fn coming(&self, member: Member, toolchain: &Toolchain) -> usize {
        let brought = |(whose, what): &&(Member, Toolchain)| *whose == member && what == toolchain;
        self.brought.values().filter(brought).count()
    }

    pub(crate) fn brings(&mut self, job: JobId, member: Member, toolchain: Toolchain) {
        self.brought.insert(job, (member, toolchain));
    }

    /// The job has come to where only who has the toolchain there comes; whether that is news.
    pub(crate) fn arrived(&mut self, job: JobId) -> bool {
        let Some((member, toolchain)) = self.brought.remove(&job) else {
            return false;
        };
        let known = self.known.entry(member).or_default();
        if !known.contains(&toolchain) {
            if known.len() >= Self::MOST {
                known.pop_front();
            }
            known.push_back(toolchain);
        }
        true
    }

    /// The job is over, arrived or not.
    pub(crate) fn ended(&mut self, job: JobId) {
        self.brought.remove(&job);
    }

    /// The member was told that it is not there.
    pub(crate) fn lacks(&mut self, member: Member, toolchain: &Toolchain) {
        if let Some(known) = self.known.get_mut(&member) {
            known.retain(|other| other != toolchain);
            if known.is_empty() {
                self.known.remove(&member);
            }
        }
    }

    /// The member's host is gone.
    pub(crate) fn forget(&mut self, member: Member) {
        self.known.remove(&member);
    }

    /// The jobs that are to bring something.
    #[cfg(test)]
    pub(crate) fn bringing(&self) -> impl Iterator<Item = JobId> {
        self.brought.keys().copied()
    }
}
