//! Jobs are asked for, placed, begun and ended.

use std::sync::Arc;
use std::time::Duration;

use job::{ClientId, HostId, JobId};

use super::Cluster;
use super::choose::Pick;
use crate::queue::Next;
use crate::speed::{self, Sample};
use crate::task::{Kind, Placed};
use crate::{
    Action, Assignment, Begin, Dismissal, Notice, Place, Report, Request, Stage, Task, Time,
    WhyHome,
};

/// Answers that one request may ask for. icecream's client asks for one or three.
const MAX_COUNT: u32 = 8;
/// A client that has waited for so long has its source ready.
const PREPARATION: Duration = Duration::from_millis(500);
/// The highest nice value there is.
pub(super) const MAX_NICENESS: u32 = 20;

impl Cluster {
    pub(super) fn requested(
        &mut self,
        now: Time,
        id: HostId,
        request: Request,
        actions: &mut Vec<Action>,
    ) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        host.client_count = request.client_count;
        if host.submitted.len() + host.local.len() >= Self::MAX_OPEN_JOBS {
            self.dismiss(id, Dismissal::TooManyJobs(Self::MAX_OPEN_JOBS), actions);
            return;
        }
        let count = request.count.clamp(1, MAX_COUNT);
        let niceness = request.niceness.min(MAX_NICENESS);
        let mut wants = Arc::new(request.wants);
        for _ in 0..count {
            let job = self.next_job();
            let Some(host) = self.hosts.get_mut(&id) else {
                return;
            };
            host.submitted.insert(job);
            actions.push(Action::Notice(Notice::Queued {
                job,
                submitter: id,
                language: request.language,
                file: Arc::clone(&request.file),
            }));
            let queued = self.queue.add(id, niceness, job, &mut wants);
            let placed = Placed {
                wants: Arc::clone(&wants),
                niceness,
                arg_flags: request.arg_flags,
                has_siblings: count > 1,
                prompt: false,
            };
            let shown = (Arc::clone(&request.file), request.language);
            let task = Task::new(job, (id, request.client), shown, Kind::Placed(placed), now);
            self.tasks.insert(job, task);
            if queued {
                host.pending.insert((request.client, job));
            } else {
                self.hand_over(now, job, id, actions, Place::Home(WhyHome::TooManyKinds));
            }
        }
    }

    /// The job gets the host that was chosen for it.
    pub(super) fn assign(&mut self, now: Time, next: &Next, pick: Pick, actions: &mut Vec<Action>) {
        let place = match pick.home {
            Some(why) => Place::Home(why),
            None => {
                let Some(host) = self.hosts.get(&pick.host) else {
                    return;
                };
                Place::Host {
                    host: pick.host,
                    address: host.address,
                    port: host.port,
                    platform: pick.platform.clone(),
                    has_toolchain: pick.has_toolchain,
                }
            }
        };
        if let Place::Host {
            has_toolchain: false,
            ..
        } = place
        {
            match next.wants.native {
                false => self.begin_install(now, pick.host, next.job),
                true => self.begin_bringing(next, &pick),
            }
        }
        self.queue.placed(next);
        self.hand_over(now, next.job, pick.host, actions, place);
        if let Some(toolchain) = pick.toolchain {
            self.bind_siblings(next.job, &toolchain.name);
        }
    }

    /// The job goes back to its submitter, whatever that is doing.
    pub(super) fn send_home(
        &mut self,
        now: Time,
        next: &Next,
        why: WhyHome,
        actions: &mut Vec<Action>,
    ) {
        self.queue.placed(next);
        if next.wants.native {
            self.sent_back(next.job, why, actions);
            return;
        }
        self.hand_over(now, next.job, next.submitter, actions, Place::Home(why));
    }

    fn hand_over(
        &mut self,
        now: Time,
        job: JobId,
        id: HostId,
        actions: &mut Vec<Action>,
        place: Place,
    ) {
        let Some(task) = self.tasks.get_mut(&job) else {
            return;
        };
        let waited = now.since(task.since);
        task.advance(Stage::Assigned { host: id }, now);
        let (submitter, client, native) = (task.submitter, task.client, task.is_native());
        let free = self.hosts.get(&id);
        let free = free.is_some_and(|host| host.occupied() < host.slots);
        if let Kind::Placed(placed) = &mut task.kind {
            let goes = matches!(
                place,
                Place::Host {
                    has_toolchain: true,
                    ..
                }
            );
            // A grant may be asked for long before there is something to send.
            placed.prompt = goes && free && waited >= PREPARATION && !placed.wants.native;
        }
        if let Some(from) = self.hosts.get_mut(&submitter) {
            from.pending.remove(&(client, job));
        }
        self.turns += 1;
        if let Some(host) = self.hosts.get_mut(&id) {
            host.placed.insert(job);
            host.turn = self.turns;
        }
        self.reindex(id);
        actions.push(Action::Assign(Assignment {
            job,
            submitter,
            client,
            place,
            native,
        }));
    }

    /// Jobs that came with the same request are compared with each other: they must all use the
    /// toolchain that the first of them got.
    fn bind_siblings(&mut self, job: JobId, name: &job::EnvironmentName) {
        let Some(task) = self.tasks.get(&job) else {
            return;
        };
        let (submitter, client) = (task.submitter, task.client);
        match &task.kind {
            Kind::Placed(placed) if placed.has_siblings => {}
            _ => return,
        }
        let Some(host) = self.hosts.get(&submitter) else {
            return;
        };
        let siblings: Vec<JobId> = pending_of(host, client);
        for sibling in siblings {
            let Some(Task {
                kind: Kind::Placed(placed),
                ..
            }) = self.tasks.get_mut(&sibling)
            else {
                continue;
            };
            self.queue.remove(submitter, placed.niceness, sibling);
            let mut only = Arc::new(placed.wants.only(name));
            if self
                .queue
                .add(submitter, placed.niceness, sibling, &mut only)
            {
                placed.wants = only;
            } else {
                self.queue
                    .add(submitter, placed.niceness, sibling, &mut placed.wants); // its line is still there
            }
        }
    }

    /// The host knows from now on what its job of a member brings.
    fn begin_bringing(&mut self, next: &Next, pick: &Pick) {
        let from = self.hosts.get(&next.submitter);
        let (Some(member), Some(toolchain)) = (from.and_then(|it| it.member), &pick.toolchain)
        else {
            return;
        };
        if let Some(host) = self.hosts.get_mut(&pick.host) {
            host.shown.brings(next.job, member, toolchain.clone());
        }
    }

    pub(super) fn waits(&mut self, host: HostId, job: JobId, actions: &mut Vec<Action>) {
        let is_its = |task: &Task| task.stage() == Stage::Assigned { host };
        if self.tasks.get(&job).is_some_and(is_its) {
            self.arrived(host, job);
            actions.push(Action::Notice(Notice::Waits { job }));
        }
    }

    pub(super) fn began(&mut self, now: Time, id: HostId, begin: Begin, actions: &mut Vec<Action>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        host.client_count = begin.client_count;
        let Some(task) = self.tasks.get_mut(&begin.job) else {
            return;
        };
        if task.stage() != (Stage::Assigned { host: id }) {
            actions.push(Action::Notice(Notice::NotItsBegin {
                job: begin.job,
                host: id,
            }));
            return;
        }
        if matches!(&task.kind, Kind::Placed(placed) if placed.prompt) {
            let usual = self.overall.usual_msec();
            let before = host.way.is_long(usual);
            host.way.add(now.since(task.since));
            if host.way.is_long(usual) && !before {
                self.state += 1; // jobs may wait there from now on
            }
        }
        task.advance(Stage::Running { host: id }, now);
        task.start_time = begin.start_time;
        actions.push(Action::Notice(Notice::Began {
            job: begin.job,
            host: id,
            start_time: begin.start_time,
        }));
        if host
            .installing
            .is_some_and(|installing| installing.job == begin.job)
        {
            self.installed(id);
            self.state += 1;
            self.reindex(id);
        }
        self.arrived(id, begin.job);
    }

    /// Its member knows from now on that the toolchain is there, if the job was to bring one.
    fn arrived(&mut self, id: HostId, job: JobId) {
        let host = self.hosts.get_mut(&id);
        if host.is_some_and(|host| host.shown.arrived(job)) {
            self.state += 1;
        }
    }

    pub(super) fn ended(&mut self, id: HostId, report: &Report, actions: &mut Vec<Action>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        if report.by_client {
            for job in pending_of(host, ClientId(report.number)) {
                self.finish(job);
                actions.push(ended_notice(job, report));
            }
            return;
        }
        host.client_count = report.client_count;
        let job = JobId(report.number);
        // A job is often reported twice, by its host and by its submitter: the first counts.
        let Some(task) = self.tasks.get(&job) else {
            return;
        };
        let Kind::Placed(placed) = &task.kind else {
            return;
        };
        let on = task.stage().host();
        let owner = if report.from_submitter {
            Some(task.submitter)
        } else {
            on
        };
        if owner != Some(id) {
            self.dismiss(id, Dismissal::NotItsJob(job), actions);
            return;
        }
        if let (Some(host), Some(sample)) = (on, Sample::of(&report.figures, placed.arg_flags)) {
            self.measured(host, sample);
        }
        self.finish(job);
        actions.push(ended_notice(job, report));
    }

    /// A job has ended: it leaves every list that it is in.
    pub(super) fn finish(&mut self, job: JobId) {
        let Some(task) = self.tasks.remove(&job) else {
            return;
        };
        let Kind::Placed(placed) = &task.kind else {
            return;
        };
        if let Some(from) = self.hosts.get_mut(&task.submitter) {
            from.submitted.remove(&job);
            from.pending.remove(&(task.client, job));
        }
        let Some(id) = task.stage().host() else {
            self.queue.remove(task.submitter, placed.niceness, job);
            return;
        };
        if let Some(host) = self.hosts.get_mut(&id) {
            host.placed.remove(&job);
            host.shown.ended(job);
            if host
                .installing
                .is_some_and(|installing| installing.job == job)
            {
                self.installed(id);
            }
            self.reindex(id);
        }
        self.state += 1;
    }

    /// Adds a result to the statistics.
    fn measured(&mut self, id: HostId, sample: Sample) {
        self.overall.add_plain(sample, speed::OVERALL);
        let average = self.overall.mean();
        if let Some(host) = self.hosts.get_mut(&id) {
            host.records.add(sample, speed::PER_HOST);
            host.pace = host.pace.updated(host.records.estimate(average), average);
        }
        // The others are compared anew only when the measure itself has moved.
        if (average / self.compared_with - 1.0).abs() > 0.1 || self.compared_with == 0.0 {
            self.compared_with = average;
            for host in self.hosts.values_mut() {
                let pace = host.pace.updated(host.records.estimate(average), average);
                if pace != host.pace {
                    host.pace = pace;
                    self.index.update(host, self.algorithm);
                }
            }
        }
    }

    pub(super) fn next_job(&mut self) -> JobId {
        self.last_job = self.last_job.wrapping_add(1).max(1);
        JobId(self.last_job)
    }
}

/// The jobs of one client that have no host yet.
fn pending_of(host: &crate::Host, client: ClientId) -> Vec<JobId> {
    let range = (client, JobId(0))..=(client, JobId(u32::MAX));
    host.pending.range(range).map(|(_, job)| *job).collect()
}

fn ended_notice(job: JobId, report: &Report) -> Action {
    Action::Notice(Notice::Ended {
        job,
        figures: report.figures,
        from_submitter: report.from_submitter,
        by_client: report.by_client,
        client_count: report.client_count,
    })
}
