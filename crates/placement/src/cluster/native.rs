//! Jobs that are asked for ahead of need, by agents that talk to the scheduler themselves. They wait,
//! are placed and run as all others do; only members' hosts take them, and none comes home.

use std::collections::BTreeSet;
use std::sync::Arc;

use job::{ClientId, HostId, JobId};

use super::jobs::MAX_NICENESS;
use super::{Cluster, Node};
use crate::task::{Kind, Placed};
use crate::{Action, Assignment, Figures, Host, Member, Notice, Place, Task, Time, Wants, WhyHome};

/// Why a job is not even queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// The submitter is not logged in.
    NoHost,
    /// It has as many open jobs as anybody may have.
    TooManyJobs,
    /// It has requests of too many different kinds waiting.
    TooManyKinds,
}

/// As monitors see a job that no compiler was run for.
const NOTHING_RUN: i32 = 255;
/// icecream's number for a language that is none of those it knows.
const OTHER_LANGUAGE: u32 = 4;

impl Cluster {
    /// Queues one job of `submitter`; `wants` are [`Wants::natively`]. What comes of it is told by
    /// [`Action::Assign`], and by [`Notice::Began`] and [`Notice::Ended`] as with any other.
    pub fn wanted(
        &mut self,
        now: Time,
        (submitter, niceness): (HostId, u32),
        wants: &mut Arc<Wants>,
        actions: &mut Vec<Action>,
    ) -> Result<JobId, Unasked> {
        let from = self.hosts.get(&submitter).ok_or(Unasked::NoHost)?;
        if from.submitted.len() + from.local.len() >= Self::MAX_OPEN_JOBS {
            return Err(Unasked::TooManyJobs);
        }
        let niceness = niceness.min(MAX_NICENESS);
        let job = self.next_job();
        if !self.queue.add(submitter, niceness, job, wants) {
            return Err(Unasked::TooManyKinds);
        }
        if let Some(from) = self.hosts.get_mut(&submitter) {
            from.submitted.insert(job);
        }
        let placed = Placed {
            wants: Arc::clone(wants),
            niceness,
            arg_flags: 0,
            has_siblings: false,
            prompt: false,
        };
        let file: Arc<[u8]> = Arc::from([]);
        actions.push(Action::Notice(Notice::Queued {
            job,
            submitter,
            language: OTHER_LANGUAGE,
            file: Arc::clone(&file),
        }));
        // No client of the daemon asked for it: the number is nobody's.
        let asked = (submitter, ClientId(0));
        let task = Task::new(
            job,
            asked,
            (file, OTHER_LANGUAGE),
            Kind::Placed(placed),
            now,
        );
        self.tasks.insert(job, task);
        Ok(job)
    }

    /// Nobody wants the job any more, or nobody will say what became of it: its slot is free.
    pub fn given_up(&mut self, job: JobId, actions: &mut Vec<Action>) {
        if self.tasks.get(&job).is_some_and(Task::is_native) {
            self.finish(job);
            actions.push(unmade(job));
        }
    }

    /// There is no host for the job. Its submitter will hear so; nothing is kept of it.
    pub(super) fn sent_back(&mut self, job: JobId, why: WhyHome, actions: &mut Vec<Action>) {
        let Some(task) = self.tasks.get(&job) else {
            return;
        };
        actions.push(Action::Assign(Assignment {
            job,
            submitter: task.submitter,
            client: task.client,
            place: Place::Home(why),
            native: true,
        }));
        self.finish(job);
        actions.push(unmade(job));
    }

    /// Whether jobs of `submitter` are to go to `executor`: it failed one, or that was long enough ago.
    /// Until then they wait for it as if it were busy, if no other takes them.
    pub fn avoid(&mut self, submitter: HostId, executor: HostId, avoid: bool) {
        let Some(from) = self.hosts.get_mut(&submitter) else {
            return;
        };
        if avoid {
            from.avoids.insert(executor);
        } else if from.avoids.remove(&executor) {
            self.state += 1;
        }
    }

    /// The toolchains that `wants` offers do not work on `executor` for jobs of `submitter`.
    pub fn unusable(&mut self, submitter: HostId, executor: HostId, wants: &Wants) {
        if !self.hosts.contains_key(&executor) {
            return;
        }
        let Some(from) = self.hosts.get_mut(&submitter) else {
            return;
        };
        if from.distrusts.len() < Host::MAX_DISTRUSTS {
            let offers = wants.offers().iter();
            let unusable = offers.map(|(_, toolchain)| (executor, toolchain.clone()));
            from.distrusts.extend(unusable);
        }
        self.state += 1;
    }

    /// `submitter` was told that `executor` has none of the toolchains that `wants` offers.
    pub fn missing(&mut self, submitter: HostId, executor: HostId, wants: &Wants) {
        let Some(member) = self.hosts.get(&submitter).and_then(|from| from.member) else {
            return;
        };
        if let Some(host) = self.hosts.get_mut(&executor) {
            for (_, toolchain) in wants.offers() {
                host.shown.lacks(member, toolchain);
            }
        }
    }

    /// The host of a member, while it is logged in.
    pub fn host_of(&self, member: Member) -> Option<HostId> {
        self.nodes.get(&Node::Member(member)).copied()
    }

    /// Whether any host that is logged in could take such a job at some time.
    pub fn is_possible(&self, wants: &Wants, submitter: HostId) -> bool {
        let Some(from) = self.hosts.get(&submitter) else {
            return false;
        };
        self.hosts.values().any(|host| host.could_ever(wants, from))
    }

    /// The slots of the hosts that take work now and run such programs.
    pub fn capacity(&self, wants: &Wants) -> usize {
        let platforms: BTreeSet<_> = wants
            .offers()
            .iter()
            .map(|(platform, _)| platform)
            .collect();
        usize::try_from(self.index.slots(&platforms)).unwrap_or(usize::MAX)
    }

    /// How many submitters have jobs waiting.
    pub fn waiting_submitters(&self) -> usize {
        self.queue.submitters()
    }
}

fn unmade(job: JobId) -> Action {
    let figures = Figures {
        exit_code: NOTHING_RUN,
        ..Figures::default()
    };
    Action::Notice(Notice::Ended {
        job,
        figures,
        from_submitter: true,
        by_client: false,
        client_count: 0,
    })
}
