//! What must hold in every state, checked the slow and obvious way.

use std::collections::BTreeSet;

use super::Cluster;
use crate::host::Reach;
use crate::task::Kind;
use crate::{Host, Stage, Task, Time};

impl Cluster {
    /// Panics with the first thing that is not as it must be.
    pub(crate) fn audit(&self) {
        self.audit_tasks();
        self.audit_hosts();
    }

    fn audit_tasks(&self) {
        let mut waiting = self.queue.jobs();
        waiting.sort_unstable();
        let mut pending: Vec<_> = self
            .tasks
            .values()
            .filter(|task| task.stage() == Stage::Pending)
            .map(|task| task.id)
            .collect();
        pending.sort_unstable();
        assert_eq!(waiting, pending, "the queue holds exactly the pending jobs");
        for task in self.tasks.values() {
            let from = &self.hosts[&task.submitter];
            let is_pending = from.pending.contains(&(task.client, task.id));
            assert_eq!(
                is_pending,
                task.stage() == Stage::Pending && !task.is_native(),
                "job {}",
                task.id
            );
            match &task.kind {
                Kind::Placed(_) => assert!(from.submitted.contains(&task.id), "job {}", task.id),
                Kind::Local { .. } => assert_eq!(from.local[&task.client], task.id),
            }
            if let (Kind::Placed(_), Some(host)) = (&task.kind, task.stage().host()) {
                assert!(
                    self.hosts[&host].placed.contains(&task.id),
                    "job {} is on its host",
                    task.id
                );
            }
        }
    }

    fn audit_hosts(&self) {
        let mut installs = BTreeSet::new();
        for host in self.hosts.values() {
            let all = host
                .placed
                .iter()
                .chain(&host.submitted)
                .chain(host.local.values());
            for job in all {
                assert!(
                    self.tasks.contains_key(job),
                    "host {} keeps the ended job {job}",
                    host.id
                );
            }
            let slots: u32 = host
                .local
                .values()
                .map(|job| slots_of(&self.tasks[job]))
                .sum();
            assert_eq!(
                slots, host.local_slots,
                "slots of local jobs on host {}",
                host.id
            );
            let foreign = host
                .placed
                .iter()
                .filter(|job| self.tasks[job].submitter != host.id);
            let limit = if self.algorithm.preloads() {
                host.preload_limit()
            } else {
                host.slots
            };
            assert!(
                foreign.count() <= limit as usize,
                "host {} has more than it may",
                host.id
            );
            if let Some(installing) = host.installing {
                installs.insert(host.id);
                assert!(
                    self.tasks.contains_key(&installing.job),
                    "host {} installs for nobody",
                    host.id
                );
            }
            for job in host.shown.bringing() {
                assert!(host.placed.contains(&job), "job {job} brings nothing");
            }
            let other: Vec<_> = host
                .distrusts
                .iter()
                .filter(|(id, _)| !self.hosts.contains_key(id))
                .collect();
            assert!(
                other.is_empty(),
                "host {} distrusts hosts that are gone",
                host.id
            );
            let ranked = self.index.rank_of(host.id).is_some();
            let takes = host.takes_work();
            assert_eq!(takes, host.unwilling_since.is_none(), "host {}", host.id);
            assert!(
                !ranked || takes,
                "host {} is offered and takes nothing",
                host.id
            );
            assert!(
                ranked || !takes || host.occupied() >= host.slots,
                "host {} is free and unknown",
                host.id
            );
        }
        let platforms: BTreeSet<_> = self.hosts.values().map(|host| &host.platform).collect();
        for platform in platforms {
            let willing = self.hosts.values().filter(|host| host.takes_work());
            let fit = willing.filter(|host| host.platform.runs(platform));
            let slots: u64 = fit
                .map(|host| u64::from(host.slots.saturating_sub(host.local_slots)))
                .sum();
            assert_eq!(self.index.slots(&BTreeSet::from([platform])), slots);
        }
        let timed: BTreeSet<_> = self.installs.iter().map(|(_, host)| *host).collect();
        assert_eq!(installs, timed, "each installation has its deadline");
    }

    /// Panics when a job waits longer than it may while nobody is willing, or nobody will look at
    /// it in time. To be called after placing.
    pub(crate) fn audit_patience(&self, now: Time) {
        let pending = self.tasks.values();
        for task in pending.filter(|task| task.stage() == Stage::Pending) {
            let Kind::Placed(placed) = &task.kind else {
                continue;
            };
            let from = &self.hosts[&task.submitter];
            let could = self.hosts.values();
            let could: Vec<_> = could
                .filter(|host| host.could_ever(&placed.wants, from))
                .collect();
            let comes = |host: &&Host| match host.id == from.id {
                true => host.comes_home(),
                false => host.takes_work(),
            };
            assert!(!could.is_empty(), "job {} waits for nobody", task.id);
            if could.iter().any(comes) {
                continue;
            }
            let last = could.iter().filter_map(|host| host.unwilling_since).max();
            let end = last.map(|last| Time(last.0 + Self::WILL_PATIENCE));
            assert!(end > Some(now), "job {} waits too long", task.id);
            let deadline = self.deadline();
            assert!(deadline.is_some() && deadline <= end, "job {}", task.id);
        }
    }

    /// Panics when a job waits although a host could take it. To be called after placing.
    pub(crate) fn audit_idle(&self) {
        for task in self
            .tasks
            .values()
            .filter(|task| task.stage() == Stage::Pending)
        {
            let Kind::Placed(placed) = &task.kind else {
                continue;
            };
            let from = &self.hosts[&task.submitter];
            for host in self.hosts.values().filter(|host| host.id != from.id) {
                let free =
                    host.is_willing() && host.reach == Reach::Open && host.occupied() < host.slots;
                let admits = host.usable(&placed.wants, from).is_some_and(|usable| {
                    usable.has || host.may_be_brought(&placed.wants, from, usable.toolchain)
                });
                let able = free && host.could_ever(&placed.wants, from) && admits;
                assert!(!able, "job {} waits and host {} idles", task.id, host.id);
            }
            let home = placed.wants.preferred.is_empty()
                && !placed.wants.native
                && from.occupied() < from.slots;
            assert!(
                !home || from.usable(&placed.wants, from).is_none(),
                "job {} waits, home idles",
                task.id
            );
        }
    }
}

fn slots_of(task: &Task) -> u32 {
    match task.kind {
        Kind::Local { slots } => slots,
        Kind::Placed(_) => panic!("job {} is not local", task.id),
    }
}
