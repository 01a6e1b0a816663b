//! Who wants what, and what became of each job: all that streams and placement tell is noted here.
//! [`super::feed`] acts on it.

mod jobs;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use job::{HostId, JobId};
use placement::{Assignment, Member, Place, Time, Wants, WhyHome};

use super::account::Account;
use super::words::{Granted, Need, Said, StreamKey, Why};
use crate::connection::Peer;

use jobs::{Entry, Stage};

/// For how long a job may be ordered under a grant; after that its slot is free again.
pub(crate) const LIFE: Duration = Duration::from_secs(60);
/// How long a job that was begun keeps its slot when nobody says any more what became of it. Executors say
/// when a job ends however it ends, so this only bounds what a mistake there costs.
const LONGEST_JOB: Duration = Duration::from_secs(3600);
/// How long the executor's own word of a job's end is waited for once its submitter has told: it has the
/// figures from which placement learns how fast the host is.
const GRACE: Duration = Duration::from_secs(2);
/// How long an executor that failed a job is not granted to the same member, or the host with the most free
/// slots would be the one that nobody reaches. A network that was cut may be whole again after that.
const AVOID: Duration = Duration::from_secs(5);
/// Streams that one member may have open: as many kinds of jobs as placement keeps apart for a submitter.
const MAX_STREAMS: usize = 64;

/// One stream.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) member: Member,
    pub(super) count: usize,
    need: Need,
    /// For the host that the member has now.
    pub(super) wants: Option<Arc<Wants>>,
    pub(super) waiting: BTreeSet<JobId>,
    /// Granted, and neither reported nor given back.
    granted: BTreeSet<JobId>,
    /// What was said last, unless grants have come since.
    told: Option<Why>,
    /// After nothing was found: when to try again with one job, and how long to wait after that.
    pub(super) retry: Option<Retry>,
}

/// Nothing was found for a stream.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    pub(super) why: Why,
    pub(super) at: Time,
    /// For the time after that.
    pub(super) pause: Duration,
}

impl Wanted {
    pub(super) fn lacks(&self) -> usize {
        self.count
            .saturating_sub(self.waiting.len() + self.granted.len())
    }

    pub(super) fn need(&self) -> &Need {
        &self.need
    }
}

/// Why an executor did not do a job.
#[derive(Debug)]
pub(super) enum Fault {
    Failed,
    /// It has none of these toolchains.
    Missing(Arc<Wants>),
    /// It cannot use them.
    Unusable(Arc<Wants>),
}

/// The member has as many streams as it may have.
#[derive(Debug)]
pub(crate) struct TooMany;

/// All wants and grants.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(super) wants: BTreeMap<StreamKey, Wanted>,
    pub(super) accounts: BTreeMap<Member, Account>,
    jobs: HashMap<JobId, Entry>,
    dues: BTreeSet<(Time, JobId)>,
    /// Jobs that placement is to forget.
    pub(super) dropped: Vec<JobId>,
    /// Members that may get more requests than they have.
    pub(super) changed: BTreeSet<Member>,
    /// Those that want more, and did not get it when last looked at.
    pub(super) hungry: BTreeSet<Member>,
    /// When those are to be looked at again.
    pub(super) again: Option<Time>,
    /// Executors that failed a member's job, not yet told to placement.
    pub(super) blamed: Vec<(Member, HostId, Fault)>,
    /// Until when others are preferred.
    avoided: BTreeSet<(Time, Member, HostId)>,
    /// For whom that time is over.
    pub(super) forgiven: Vec<(Member, HostId)>,
    granted: BTreeMap<StreamKey, Vec<Granted>>,
    news: BTreeMap<StreamKey, Why>,
}

impl Ledger {
    /// Nothing is wanted and nothing is open: whatever happens elsewhere is nothing to this ledger.
    pub(crate) fn is_idle(&self) -> bool {
        let nothing_open = self.wants.is_empty() && self.jobs.is_empty();
        let nothing_owed = self.dropped.is_empty() && self.blamed.is_empty();
        nothing_open && nothing_owed && self.avoided.is_empty() && self.forgiven.is_empty()
    }

    pub(crate) fn open(
        &mut self,
        stream: StreamKey,
        member: Member,
        count: u32,
        need: Need,
    ) -> Result<(), TooMany> {
        let account = self.accounts.entry(member).or_default();
        if account.streams.len() >= MAX_STREAMS {
            return Err(TooMany);
        }
        account.streams.insert(stream);
        account.wanted += u64::from(count);
        self.changed.insert(member);
        let wanted = Wanted {
            member,
            count: count as usize,
            need,
            wants: None,
            waiting: BTreeSet::new(),
            granted: BTreeSet::new(),
            told: None,
            retry: None,
        };
        self.wants.insert(stream, wanted);
        Ok(())
    }

    pub(crate) fn said(&mut self, now: Time, stream: StreamKey, said: Said) {
        for job in said.returned {
            self.returned(stream, job);
        }
        for told in said.reports {
            self.reported(now, stream, told);
        }
        let Some(wanted) = self.wants.get_mut(&stream) else {
            return;
        };
        self.changed.insert(wanted.member);
        if let Some(count) = said.count {
            if let Some(account) = self.accounts.get_mut(&wanted.member) {
                account.wanted -= wanted.count as u64;
                account.wanted += u64::from(count);
            }
            if wanted.count == 0 {
                wanted.told = None; // it begins anew, and does not know whether it still holds
            }
            wanted.count = count as usize;
        }
        if let Some(memory) = said.memory
            && memory != wanted.need.memory()
        {
            wanted.need = wanted.need.clone().with_memory(memory);
            wanted.wants = None;
        }
        let still = wanted.retry.as_ref().map(|retry| retry.why.clone());
        if let Some(why) = still
            && wanted.count > 0
        {
            self.tell(stream, why);
        }
        self.take_back(stream);
    }

    /// Requests that are more than the stream wants, newest first.
    fn take_back(&mut self, stream: StreamKey) {
        while let Some(wanted) = self.wants.get_mut(&stream)
            && wanted.waiting.len() + wanted.granted.len() > wanted.count
            && let Some(job) = wanted.waiting.last().copied()
        {
            self.drop_job(job);
        }
    }

    /// The stream is over: what nobody has begun is given up.
    pub(crate) fn close(&mut self, stream: StreamKey) {
        let Some(wanted) = self.wants.get_mut(&stream) else {
            return;
        };
        let member = wanted.member;
        let jobs: Vec<JobId> = wanted.waiting.union(&wanted.granted).copied().collect();
        for job in jobs {
            match self.jobs.get(&job).map(|entry| entry.stage) {
                Some(Stage::Waiting | Stage::Unused) => self.drop_job(job),
                Some(Stage::Begun) => self.uncount(job),
                Some(Stage::Over) => self.forget(job),
                None => {}
            }
        }
        let count = self.wants.remove(&stream).map_or(0, |wanted| wanted.count);
        self.granted.remove(&stream);
        self.news.remove(&stream);
        if let Some(account) = self.accounts.get_mut(&member) {
            account.streams.remove(&stream);
            account.wanted -= count as u64;
            if account.is_blank() {
                self.accounts.remove(&member);
                self.hungry.remove(&member);
            } else {
                self.changed.insert(member);
            }
        }
    }

    /// All streams of a connection.
    pub(crate) fn close_link(&mut self, link: Peer) {
        let (first, last) = (0, u32::MAX);
        let all = StreamKey {
            link,
            number: first,
        }..=StreamKey { link, number: last };
        let streams: Vec<StreamKey> = self.wants.range(all).map(|(stream, _)| *stream).collect();
        for stream in streams {
            self.close(stream);
        }
    }

    /// The member's daemon logged in, perhaps as another host than before.
    pub(crate) fn logged_in(&mut self, member: Member) {
        let Some(account) = self.accounts.get(&member) else {
            return;
        };
        for stream in &account.streams {
            if let Some(wanted) = self.wants.get_mut(stream) {
                wanted.wants = None;
                wanted.retry = None;
            }
        }
        self.changed.insert(member);
    }

    /// A host that was not there before can be reached: who found none may find it.
    pub(crate) fn executor_came(&mut self, now: Time) {
        for wanted in self.wants.values_mut() {
            if let Some(retry) = &mut wanted.retry {
                retry.at = now;
                self.changed.insert(wanted.member);
            }
        }
    }

    /// Placement has a place for a job, or none.
    pub(crate) fn placed(&mut self, now: Time, assignment: Assignment, executor: Option<Member>) {
        let job = assignment.job;
        let Some(entry) = self.jobs.get(&job) else {
            return;
        };
        let (Some(stream), member) = (entry.stream, entry.member) else {
            return;
        };
        let Place::Host {
            host,
            address,
            port,
            platform,
            has_toolchain,
        } = assignment.place
        else {
            let why = match assignment.place {
                Place::Home(WhyHome::NobodyWilling) => Why::NobodyWilling,
                _ => Why::NoSuitableHost,
            };
            self.forget(job);
            self.nothing_found(now, stream, why);
            return;
        };
        let Some(executor) = executor else { return };
        if let Some(entry) = self.jobs.get_mut(&job) {
            entry.executor = Some(host);
        }
        self.enter(job, Stage::Unused);
        self.set_due(job, Some(Time(now.0 + LIFE)));
        if let Some(wanted) = self.wants.get_mut(&stream) {
            wanted.waiting.remove(&job);
            wanted.granted.insert(job);
            (wanted.told, wanted.retry) = (None, None);
        }
        self.news.remove(&stream);
        self.changed.insert(member);
        self.granted.entry(stream).or_default().push(Granted {
            job,
            executor: executor.0,
            submitter: member.0,
            address,
            port,
            advertised: Vec::new(),
            has_toolchain,
            platform,
        });
    }

    /// Placement still has to forget something: others may take its place.
    pub(crate) fn owes(&self) -> bool {
        !self.dropped.is_empty() || !self.blamed.is_empty() || !self.forgiven.is_empty()
    }

    /// Something that concerns everybody has changed.
    pub(crate) fn look_again(&mut self) {
        self.changed.append(&mut self.hungry);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Time) {
        while let Some((due, job)) = self.dues.first().copied()
            && due <= now
        {
            let Some(entry) = self.jobs.get(&job) else {
                self.dues.remove(&(due, job));
                continue;
            };
            match entry.stage {
                Stage::Unused => {
                    let member = entry.member;
                    if let Some(account) = self.accounts.get_mut(&member) {
                        account.lapsed(now, account.unused);
                    }
                    self.drop_job(job);
                }
                Stage::Begun => self.drop_job(job),
                Stage::Over | Stage::Waiting => self.forget(job),
            }
        }
        while let Some((until, member, executor)) = self.avoided.first().copied()
            && until <= now
        {
            self.avoided.pop_first();
            let still = self
                .avoided
                .iter()
                .any(|(_, of, host)| (*of, *host) == (member, executor));
            if !still {
                self.forgiven.push((member, executor));
            }
        }
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            self.changed.append(&mut self.hungry);
        }
    }

    /// When [`Self::tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let due = self.dues.first().map(|(due, _)| *due);
        let avoided = self.avoided.first().map(|(until, ..)| *until);
        [due, avoided, self.again].into_iter().flatten().min()
    }

    /// What streams are to be told.
    pub(crate) fn grants(&mut self) -> BTreeMap<StreamKey, Vec<Granted>> {
        std::mem::take(&mut self.granted)
    }

    /// Nothing can be granted to the stream for now. The same is said once only.
    pub(super) fn tell(&mut self, stream: StreamKey, why: Why) {
        if let Some(wanted) = self.wants.get_mut(&stream)
            && wanted.told.as_ref() != Some(&why)
        {
            wanted.told = Some(why.clone());
            self.news.insert(stream, why);
        }
    }
}
