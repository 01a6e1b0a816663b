//! Jobs that a host runs for itself: they are not placed, and take its slots.

use std::sync::Arc;

use job::{ClientId, HostId};

use super::Cluster;
use crate::task::Kind;
use crate::{Action, Dismissal, LocalBegin, Notice, Task, Time};

impl Cluster {
    pub(super) fn local_began(
        &mut self,
        now: Time,
        id: HostId,
        local: LocalBegin,
        actions: &mut Vec<Action>,
    ) {
        self.local_ended(id, local.client, actions); // a client has one local job at a time
        let Some(host) = self.hosts.get(&id) else {
            return;
        };
        if host.submitted.len() + host.local.len() >= Self::MAX_OPEN_JOBS {
            self.dismiss(id, Dismissal::TooManyJobs(Self::MAX_OPEN_JOBS), actions);
            return;
        }
        let slots = if local.full { host.slots.max(1) } else { 1 };
        let job = self.next_job();
        if let Some(host) = self.hosts.get_mut(&id) {
            host.local.insert(local.client, job);
            host.local_slots = host.local_slots.saturating_add(slots);
        }
        let mut task = Task::new(
            job,
            (id, local.client),
            (Arc::clone(&local.file), 0),
            Kind::Local { slots },
            now,
        );
        task.start_time = local.start_time;
        self.tasks.insert(job, task);
        self.reindex(id);
        actions.push(Action::Notice(Notice::LocalBegan {
            job,
            host: id,
            start_time: local.start_time,
            file: local.file,
            full: local.full,
        }));
    }

    pub(super) fn local_ended(&mut self, id: HostId, client: ClientId, actions: &mut Vec<Action>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let Some(job) = host.local.remove(&client) else {
            return;
        };
        if let Some(Task {
            kind: Kind::Local { slots },
            ..
        }) = self.tasks.remove(&job)
        {
            host.local_slots = host.local_slots.saturating_sub(slots);
        }
        self.state += 1;
        self.reindex(id);
        actions.push(Action::Notice(Notice::LocalEnded { job }));
    }
}
