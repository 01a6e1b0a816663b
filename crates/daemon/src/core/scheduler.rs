//! What the scheduler decides and what it is told.

use job::{ClientId, JobId, Reason};

use super::{
    Action, Class, Core, From, HostJob, Hosts, Place, Placement, Report, Session, Usage, Work, code,
};

/// More answers than this are never asked for by one request; icecream asks for one or three.
const MOST_ANSWERS: u32 = 16;

impl Core {
    pub(super) fn hosts_wanted(&mut self, id: ClientId, count: u32, niceness: u32) {
        let session = self.session.filter(|_| !self.grants_only);
        let client_count = self.client_count();
        let Some(work) = self.idle_work(id) else {
            return;
        };
        let owed = count.clamp(1, MOST_ANSWERS);
        *work = Work::Hosts(Hosts {
            niceness,
            owed,
            jobs: Vec::new(),
        });
        if session.is_some() {
            self.actions.push(Action::Report(Report::Request {
                client: id,
                client_count,
            }));
        } else {
            self.answer_at_home(id);
        }
    }

    pub(super) fn placed(&mut self, id: ClientId, placement: Placement) {
        let session = self.session;
        let Some(hosts) = self.owed_answer(id, placement.job) else {
            return;
        };
        hosts.jobs.push(HostJob {
            job: placement.job,
            session,
            place: Place::Away,
            why: None,
        });
        self.actions.push(Action::Place {
            client: id,
            placement,
        });
    }

    pub(super) fn sent_home(&mut self, id: ClientId, job: JobId, why: Option<Reason>) {
        let session = self.session;
        let Some(hosts) = self.owed_answer(id, job) else {
            return;
        };
        let niceness = hosts.niceness;
        hosts.jobs.push(HostJob {
            job,
            session,
            place: Place::HomeWaiting,
            why,
        });
        self.queue.push(Class::Home, niceness, id, job);
    }

    /// A client in whose eyes another host is this one (both on 127.0.0.1, say) may begin a job
    /// that is not ours to report.
    pub(super) fn home_begun(&mut self, id: ClientId, job: JobId) {
        let session = self.clients.get(&id).and_then(|client| match &client.work {
            Work::Hosts(hosts) => {
                let mut home = hosts.jobs.iter().filter(|known| known.place == Place::Home);
                home.find(|known| known.job == job)?.session
            }
            _ => None,
        });
        self.report_begun(session, job);
    }

    pub(super) fn home_done(&mut self, id: ClientId, job: JobId, usage: Usage) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Work::Hosts(hosts) = &mut client.work else {
            return;
        };
        let Some(at) = hosts.jobs.iter().position(|known| known.job == job) else {
            return;
        };
        if hosts.jobs[at].place == Place::HomeWaiting {
            return; // it cannot have ended before it began
        }
        let ended = hosts.jobs.swap_remove(at);
        if ended.place == Place::Home {
            self.used -= 1;
        }
        self.report_done(ended.session, job, usage, From::Submitter);
    }

    pub(super) fn scheduler_found(&mut self) {
        self.sessions += 1;
        let session = Session(self.sessions);
        self.session = Some(session);
        // So that monitors and the scheduler's own count see what is running already.
        for (&id, client) in &mut self.clients {
            if let Work::Local(local) = &mut client.work
                && local.running
            {
                local.told = Some(session);
                let (outfile, full) = (local.outfile.clone(), local.full);
                let report = Report::LocalBegun {
                    client: id,
                    outfile,
                    full,
                };
                self.actions.push(Action::Report(report));
            }
        }
    }

    pub(super) fn scheduler_lost(&mut self) {
        self.session = None;
        let unanswered: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, client)| matches!(&client.work, Work::Hosts(hosts) if hosts.owed > 0))
            .map(|(&id, _)| id)
            .collect();
        for id in unanswered {
            self.answer_at_home(id);
        }
    }

    pub(super) fn report_begun(&mut self, session: Option<Session>, job: JobId) {
        if session.is_some() && session == self.session {
            let client_count = self.client_count();
            self.actions
                .push(Action::Report(Report::Begun { job, client_count }));
        }
    }

    pub(super) fn report_done(
        &mut self,
        session: Option<Session>,
        job: JobId,
        usage: Usage,
        from: From,
    ) {
        if session.is_some() && session == self.session {
            let client_count = self.client_count();
            self.actions.push(Action::Report(Report::Done {
                job,
                usage,
                from,
                client_count,
            }));
        }
    }

    /// No scheduler will answer the client: it compiles everything here. The job's number is the
    /// client's, as icecream has it.
    fn answer_at_home(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Work::Hosts(hosts) = &mut client.work else {
            return;
        };
        for _ in 0..std::mem::take(&mut hosts.owed) {
            let job = JobId(id.0);
            hosts.jobs.push(HostJob {
                job,
                session: None,
                place: Place::HomeWaiting,
                why: None,
            });
            self.queue.push(Class::Home, hosts.niceness, id, job);
        }
    }

    /// The client's requests, if an answer is owed to it. Otherwise the scheduler learns that
    /// nobody will take the job.
    fn owed_answer(&mut self, id: ClientId, job: JobId) -> Option<&mut Hosts> {
        let owed = self
            .clients
            .get(&id)
            .is_some_and(|client| matches!(&client.work, Work::Hosts(hosts) if hosts.owed > 0));
        if !owed {
            let usage = Usage::failed(code::CLIENT_GONE);
            self.report_done(self.session, job, usage, From::Submitter);
            return None;
        }
        match &mut self.clients.get_mut(&id)?.work {
            Work::Hosts(hosts) => {
                hosts.owed -= 1;
                Some(hosts)
            }
            _ => None,
        }
    }
}
