//! What streams say of their grants.

use std::collections::BTreeMap;

use job::JobId;
use placement::Time;
use wire::message::Ending;

use super::super::words::{Blame, StreamKey, Told, Why};
use super::jobs::{Entry, Stage};
use super::{AVOID, Fault, GRACE, Ledger};

impl Ledger {
    /// What streams without a grant are to be told.
    pub(crate) fn news(&mut self) -> BTreeMap<StreamKey, Why> {
        std::mem::take(&mut self.news)
    }

    /// A grant that will not be used. Of a job that runs its executor will say when it ends.
    pub(super) fn returned(&mut self, stream: StreamKey, job: JobId) {
        match self.stage_of(stream, job) {
            Some(Stage::Unused) => self.drop_job(job),
            Some(Stage::Begun) => self.uncount(job),
            Some(Stage::Over) => self.forget(job),
            Some(Stage::Waiting) | None => {}
        }
    }

    pub(super) fn reported(&mut self, now: Time, stream: StreamKey, told: Told) {
        let job = told.job;
        let stage = self.stage_of(stream, job);
        if stage.is_some()
            && let Some(Entry {
                executor: Some(executor),
                member,
                ..
            }) = self.jobs.get(&job)
        {
            let (executor, member) = (*executor, *member);
            match told.blame() {
                Blame::Nothing => {}
                Blame::Failed => {
                    let until = Time(now.0 + AVOID);
                    self.blamed.push((member, executor, Fault::Failed));
                    self.avoided.insert((until, member, executor));
                }
                blame @ (Blame::Missing | Blame::Unusable) => {
                    let wanted = self.wants.get(&stream);
                    if let Some(wants) = wanted.and_then(|wanted| wanted.wants.clone()) {
                        let fault = match blame {
                            Blame::Missing => Fault::Missing(wants),
                            _ => Fault::Unusable(wants),
                        };
                        self.blamed.push((member, executor, fault));
                    }
                }
            }
        }
        match stage {
            Some(Stage::Unused) => {
                if told.ending == Ending::Done
                    && let Some(entry) = self.jobs.get(&job)
                    && let Some(account) = self.accounts.get_mut(&entry.member)
                {
                    account.used();
                }
                self.drop_job(job);
            }
            Some(Stage::Begun) => {
                self.uncount(job);
                self.set_due(job, Some(Time(now.0 + GRACE)));
            }
            Some(Stage::Over) => self.forget(job),
            Some(Stage::Waiting) | None => {}
        }
    }
}
