//! What is known of each job.

use job::{HostId, JobId};
use placement::{Member, Time};

use super::super::account::Account;
use super::super::words::StreamKey;
use super::{LIFE, LONGEST_JOB, Ledger};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// In placement's queue.
    Waiting,
    /// Granted; no executor has begun.
    Unused,
    Begun,
    /// Ended, and its submitter has not said so.
    Over,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// None: the stream is gone, and the job goes on at its executor.
    pub(super) stream: Option<StreamKey>,
    pub(super) member: Member,
    pub(super) executor: Option<HostId>,
    pub(super) stage: Stage,
    pub(super) due: Option<Time>,
}

impl Ledger {
    /// A job that placement was asked for.
    pub(in super::super) fn asked(&mut self, stream: StreamKey, job: JobId) {
        let Some(wanted) = self.wants.get_mut(&stream) else {
            return;
        };
        wanted.waiting.insert(job);
        if let Some(account) = self.accounts.get_mut(&wanted.member) {
            account.waiting += 1;
        }
        let entry = Entry {
            stream: Some(stream),
            member: wanted.member,
            executor: None,
            stage: Stage::Waiting,
            due: None,
        };
        self.jobs.insert(job, entry);
    }

    /// The job has come to its executor, and its turn there may come late: the slot that it waits for is its own.
    /// The executor will say when it ends.
    pub(crate) fn waits(&mut self, now: Time, job: JobId) {
        let entry = self.jobs.get(&job);
        if entry.is_some_and(|entry| entry.stage == Stage::Unused) {
            self.set_due(job, Some(Time(now.0 + LONGEST_JOB)));
        }
    }

    /// An executor has begun.
    pub(crate) fn began(&mut self, now: Time, job: JobId) {
        let Some(entry) = self.jobs.get(&job) else {
            return;
        };
        let member = entry.member;
        self.enter(job, Stage::Begun);
        self.set_due(job, Some(Time(now.0 + LONGEST_JOB)));
        if let Some(account) = self.accounts.get_mut(&member) {
            account.used();
        }
        self.changed.insert(member);
    }

    /// Placement has forgotten the job: it ended, or a host that it needs is gone.
    pub(crate) fn ended(&mut self, now: Time, job: JobId) {
        let Some(entry) = self.jobs.get(&job) else {
            return;
        };
        let (stage, member) = (entry.stage, entry.member);
        let counts = entry.stream.is_some();
        self.changed.insert(member);
        if counts && matches!(stage, Stage::Begun | Stage::Unused) {
            self.enter(job, Stage::Over);
            self.set_due(job, Some(Time(now.0 + LIFE)));
        } else {
            self.forget(job);
        }
    }

    /// The job is to end in placement too.
    pub(super) fn drop_job(&mut self, job: JobId) {
        self.forget(job);
        self.dropped.push(job);
    }

    pub(in super::super) fn forget(&mut self, job: JobId) {
        self.uncount(job);
        self.enter(job, Stage::Over);
        self.set_due(job, None);
        if let Some(entry) = self.jobs.remove(&job) {
            self.changed.insert(entry.member);
            let account = self.accounts.get(&entry.member);
            if account.is_some_and(Account::is_blank) {
                self.accounts.remove(&entry.member);
            }
        }
    }

    /// It is none any more of those that the stream wants.
    pub(super) fn uncount(&mut self, job: JobId) {
        let Some(entry) = self.jobs.get_mut(&job) else {
            return;
        };
        if let Some(stream) = entry.stream.take()
            && let Some(wanted) = self.wants.get_mut(&stream)
        {
            wanted.waiting.remove(&job);
            wanted.granted.remove(&job);
            self.changed.insert(wanted.member);
        }
    }

    /// Keeps the member's account right.
    pub(super) fn enter(&mut self, job: JobId, stage: Stage) {
        let Some(entry) = self.jobs.get_mut(&job) else {
            return;
        };
        let before = std::mem::replace(&mut entry.stage, stage);
        if let Some(account) = self.accounts.get_mut(&entry.member) {
            account.waiting += usize::from(stage == Stage::Waiting);
            account.unused += usize::from(stage == Stage::Unused);
            account.waiting -= usize::from(before == Stage::Waiting);
            account.unused -= usize::from(before == Stage::Unused);
        }
    }

    pub(super) fn set_due(&mut self, job: JobId, due: Option<Time>) {
        let Some(entry) = self.jobs.get_mut(&job) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut entry.due, due) {
            self.dues.remove(&(before, job));
        }
        if let Some(due) = due {
            self.dues.insert((due, job));
        }
    }
    /// What a stream may speak of: its own grants.
    pub(super) fn stage_of(&self, stream: StreamKey, job: JobId) -> Option<Stage> {
        let entry = self.jobs.get(&job)?;
        (entry.stream == Some(stream)).then_some(entry.stage)
    }
}
