//! Hosts come, report, and go.

use std::net::IpAddr;

use job::{HostId, JobId};

use super::{Cluster, Node};
use crate::host::{Installing, Reach};
use crate::{Action, Dismissal, Figures, Host, Load, Login, Notice, Time, Toolchain};

/// The exit code that monitors see for a job whose host was lost.
const HOST_LOST: i32 = 255;

impl Cluster {
    pub(super) fn login(&mut self, now: Time, id: HostId, login: Login, actions: &mut Vec<Action>) {
        let host = Host::new(now, id, login);
        if self.blocked.iter().any(|entry| host.is_called(entry)) {
            actions.push(Action::Disconnect {
                host: id,
                why: Dismissal::Blocked,
            });
            return;
        }
        let replaced = self.nodes.insert(Node::of(&host), id);
        let address = host.address;
        self.hosts.insert(id, host);
        actions.push(Action::Notice(Notice::HostJoined { host: id }));
        if let Some(older) = replaced {
            let before = self.hosts.get(&older).map(|older| older.address);
            let from = before.is_some_and(|before| before != address);
            let from = from.then_some(address);
            self.dismiss(older, Dismissal::Replaced { from }, actions);
        }
        self.state += 1;
        self.reindex(id);
    }

    pub(super) fn renewed(&mut self, id: HostId, toolchains: Vec<Toolchain>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        host.set_toolchains(toolchains);
        self.installed(id);
        self.state += 1;
        self.reindex(id);
    }

    pub(super) fn loaded(&mut self, now: Time, id: HostId, load: Load, actions: &mut Vec<Action>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        host.load = Some(load);
        host.note_will(now);
        host.client_count = 0; // never part of the report, and reset by it in icecream's scheduler
        actions.push(Action::Notice(Notice::HostLoad { host: id }));
        self.state += 1;
        self.reindex(id);
    }

    pub(super) fn probed(&mut self, now: Time, id: HostId, reachable: bool) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let reach = if reachable {
            Reach::Open
        } else {
            Reach::Closed
        };
        if host.reach == reach {
            return;
        }
        host.reach = reach;
        host.note_will(now);
        self.state += 1;
        self.reindex(id);
    }

    pub(super) fn distrusted(&mut self, id: HostId, address: IpAddr, toolchain: &Toolchain) {
        let at_address = self.hosts.values().filter(|host| host.address == address);
        let distrusted: Vec<_> = at_address
            .map(|host| (host.id, toolchain.clone()))
            .collect();
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        if host.distrusts.len() < Host::MAX_DISTRUSTS {
            host.distrusts.extend(distrusted);
        }
        self.state += 1; // what could be done before may be impossible now
    }

    pub(super) fn lost(&mut self, id: HostId, actions: &mut Vec<Action>) {
        let Some(host) = self.hosts.remove(&id) else {
            return;
        };
        self.index.remove(&host);
        self.end_install(host.installing, id);
        let node = Node::of(&host);
        if self.nodes.get(&node) == Some(&id) {
            self.nodes.remove(&node);
        }
        for other in self
            .hosts
            .values_mut()
            .filter(|other| !other.distrusts.is_empty())
        {
            other.distrusts.retain(|(distrusted, _)| *distrusted != id);
        }
        if let Some(member) = host.member {
            for other in self.hosts.values_mut() {
                other.shown.forget(member);
            }
        }
        actions.push(Action::Notice(Notice::HostGone { host: id }));
        let jobs: Vec<JobId> = host.placed.union(&host.submitted).copied().collect();
        for job in jobs {
            self.finish(job);
            actions.push(Action::Notice(Notice::Ended {
                job,
                figures: Figures {
                    exit_code: HOST_LOST,
                    ..Figures::default()
                },
                from_submitter: false,
                by_client: false,
                client_count: 0,
            }));
        }
        let mut local: Vec<JobId> = host.local.into_values().collect();
        local.sort_unstable();
        for job in local {
            self.tasks.remove(&job);
            actions.push(Action::Notice(Notice::LocalEnded { job }));
        }
        self.state += 1;
    }

    pub(super) fn dismiss(&mut self, host: HostId, why: Dismissal, actions: &mut Vec<Action>) {
        self.lost(host, actions);
        actions.push(Action::Disconnect { host, why });
    }

    pub(super) fn remove(&mut self, name: &str, actions: &mut Vec<Action>) {
        for host in self.all_called(name) {
            self.dismiss(host, Dismissal::Removed, actions);
        }
    }

    pub(super) fn block(&mut self, name: String, actions: &mut Vec<Action>) {
        for host in self.all_called(&name) {
            self.dismiss(host, Dismissal::Blocked, actions);
        }
        if self.blocked.len() < Self::MAX_BLOCKED {
            self.blocked.insert(name);
        }
    }

    pub(super) fn disband(&mut self, actions: &mut Vec<Action>) {
        let mut all: Vec<HostId> = self.hosts.keys().copied().collect();
        all.sort_unstable();
        for host in all {
            self.dismiss(host, Dismissal::Yielded, actions);
        }
    }

    pub(super) fn tick(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.queue.lose_patience(now);
        while let Some((end, host)) = self.installs.first().copied()
            && end <= now
        {
            self.installs.pop_first();
            self.dismiss(
                host,
                Dismissal::InstallTimeout(Self::INSTALL_LIMIT),
                actions,
            );
        }
    }

    /// A job starts an installation on a host.
    pub(super) fn begin_install(&mut self, now: Time, id: HostId, job: JobId) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        host.installing = Some(Installing { since: now, job });
        self.installs
            .insert((Time(now.0 + Self::INSTALL_LIMIT), id));
    }

    /// The installation of a host is over, one way or the other.
    pub(super) fn installed(&mut self, id: HostId) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let installing = host.installing.take();
        self.end_install(installing, id);
    }

    fn end_install(&mut self, installing: Option<Installing>, id: HostId) {
        if let Some(installing) = installing {
            self.installs
                .remove(&(Time(installing.since.0 + Self::INSTALL_LIMIT), id));
        }
    }

    /// Brings the index up to date with a host.
    pub(super) fn reindex(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get(&id) {
            self.index.update(host, self.algorithm);
        }
    }

    fn all_called(&self, name: &str) -> Vec<HostId> {
        let called = self.hosts.values().filter(|host| host.is_called(name));
        let mut called: Vec<_> = called.map(|host| host.id).collect();
        called.sort_unstable();
        called
    }
}
