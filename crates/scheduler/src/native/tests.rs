//! The policy on a virtual clock: no sockets, every second one chooses.

mod chance;
mod rules;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use job::{Digest, HostId, JobId, NodeName, Platform};
use placement::{
    Action, Algorithm, Begin, Cluster, Event, Figures, Load, Login, Member, Notice, Place,
    Settings, Time,
};
use wire::field::{Line, List};
use wire::message::{Ending, Toolset, Want};
use wire::name::{Count, Niceness};

use super::words::{Granted, Need, Told};
use super::{Ledger, Said, StreamKey, Why};
use crate::connection::Peer;

/// A cluster with a ledger, as the owner of the state has them.
struct World {
    cluster: Cluster,
    ledger: Ledger,
    now: Time,
    /// Grants that have come, by stream.
    held: BTreeMap<StreamKey, Vec<Granted>>,
    news: Vec<(StreamKey, Why)>,
    signs: Result<(), Arc<str>>,
}

fn member(number: u8) -> Member {
    Member([number; 16])
}

fn stream(link: u32, number: u32) -> StreamKey {
    let link = Peer(link);
    StreamKey { link, number }
}

fn want() -> Want {
    let offer = Toolset {
        toolchain: Digest::from_bytes([7; 32]),
        platform: Platform::parse("x86_64").unwrap(),
    };
    Want {
        count: Count::LEAST,
        offers: List::new(vec![offer]).unwrap(),
        memory: None,
        niceness: Niceness::LEAST,
        preferred: Line::default(),
    }
}

fn need() -> Need {
    Need::of(&want())
}

/// Whether it tells of that job only.
fn of(job: JobId, action: &Action) -> bool {
    match action {
        Action::Assign(assignment) => assignment.job == job,
        Action::Notice(
            Notice::Queued { job: one, .. }
            | Notice::Began { job: one, .. }
            | Notice::Ended { job: one, .. },
        ) => *one == job,
        _ => false,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let algorithm = Algorithm::Fastest;
        Self {
            cluster: Cluster::new(Settings { algorithm, seed }),
            ledger: Ledger::default(),
            now: Time::default(),
            held: BTreeMap::new(),
            news: Vec::new(),
            signs: Ok(()),
        }
    }

    /// A cluster where members 1, 2, … submit and those from 100 on take so many jobs each.
    fn with(submitters: u8, slots: &[u32]) -> Self {
        let mut world = Self::new(1);
        for number in 1..=submitters {
            world.log_in(number, 0);
        }
        for (number, slots) in (100..).zip(slots) {
            world.log_in(number, *slots);
        }
        world
    }

    fn log_in(&mut self, number: u8, slots: u32) {
        self.log_in_alone(number, slots);
        self.learn(number);
    }

    /// It announces the toolchain, and no member has seen it there.
    fn log_in_alone(&mut self, number: u8, slots: u32) {
        let host = HostId(self.cluster.last_job() + 1000 * u32::from(number));
        let name: String = Digest::from_bytes([7; 32]).to_string()[..32].to_owned();
        let login = Login {
            name: NodeName::display(&format!("host{number}")),
            address: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + u32::from(number))),
            port: 10245,
            slots,
            platform: Platform::parse("x86_64").unwrap(),
            chroot_possible: true,
            no_remote: slots == 0,
            features: 3,
            version: 44,
            toolchains: vec![placement::Toolchain {
                target: Platform::parse("x86_64").unwrap(),
                name: job::EnvironmentName::parse(&name).unwrap(),
            }],
            member: Some(member(number)),
        };
        self.event(Event::Login { host, login });
        self.ledger.logged_in(member(number));
        self.event(Event::Probed {
            host,
            reachable: true,
        });
        self.load(number, 10);
    }

    /// A job of each other host has shown it the toolchain, and one of its own showed it to them, as far as
    /// there is room for one.
    fn learn(&mut self, number: u8) {
        let Some(host) = self.host(number) else {
            return;
        };
        let all = self.cluster.hosts();
        let others: Vec<_> = all.iter().map(|other| (other.id, other.slots)).collect();
        for (other, _) in others {
            for (from, to) in [(host, other), (other, host)] {
                self.show(from, to);
            }
        }
    }

    /// Behind the ledger's back.
    fn show(&mut self, from: HostId, to: HostId) {
        let Some(name) = self.cluster.host(to).map(|host| host.name.to_string()) else {
            return;
        };
        let mut wants = need().wants(&Platform::parse("x86_64").unwrap());
        wants.preferred = name;
        let mut actions = Vec::new();
        let wanted = (from, 0);
        let asked = self
            .cluster
            .wanted(self.now, wanted, &mut Arc::new(wants), &mut actions);
        self.cluster.place(self.now, &mut actions);
        let job = asked.unwrap();
        let begin = Begin {
            job,
            start_time: 1,
            client_count: 0,
        };
        let began = Event::Began { host: to, begin };
        self.cluster.apply(self.now, began, &mut actions);
        self.cluster.given_up(job, &mut actions);
        actions.retain(|action| !of(job, action));
        self.perform(actions);
    }

    fn load(&mut self, number: u8, load: u32) {
        let Some(host) = self.host(number) else {
            return;
        };
        let load = Load {
            load,
            ..Load::default()
        };
        self.event(Event::Load { host, load });
    }

    fn log_out(&mut self, number: u8) {
        if let Some(host) = self.host(number) {
            self.event(Event::Lost { host });
        }
    }

    fn host(&self, number: u8) -> Option<HostId> {
        self.cluster.host_of(member(number))
    }

    fn event(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.cluster.apply(self.now, event, &mut actions);
        self.perform(actions);
        self.settle();
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Assign(assignment) => {
                    assert!(assignment.native);
                    let executor = match &assignment.place {
                        Place::Host { host, .. } => self.cluster.host(*host),
                        Place::Home(_) => None,
                    };
                    let executor = executor.and_then(|host| host.member);
                    self.ledger.placed(self.now, assignment, executor);
                }
                Action::Notice(Notice::Waits { job }) => self.ledger.waits(self.now, job),
                Action::Notice(Notice::Began { job, .. }) => self.ledger.began(self.now, job),
                Action::Notice(Notice::Ended { job, .. }) => self.ledger.ended(self.now, job),
                Action::Notice(_) | Action::Disconnect { .. } => {}
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let mut actions = Vec::new();
            let signs = self.signs.as_ref().copied();
            self.ledger
                .feed(self.now, &mut self.cluster, signs, &mut actions);
            self.perform(actions);
            let mut actions = Vec::new();
            self.cluster.place(self.now, &mut actions);
            self.perform(actions);
            for (stream, places) in self.ledger.grants() {
                self.held.entry(stream).or_default().extend(places);
            }
            self.news.extend(self.ledger.news());
            if !self.ledger.owes() {
                return;
            }
        }
    }

    /// Time passes, and everything that is due in it happens when it is.
    fn pass(&mut self, seconds: f64) {
        let end = Time(self.now.0 + Duration::from_secs_f64(seconds));
        loop {
            let deadlines = [self.cluster.deadline(), self.ledger.deadline()];
            match deadlines.into_iter().flatten().min() {
                Some(due) if due <= end => {
                    self.now = self.now.max(due);
                    let mut actions = Vec::new();
                    self.cluster.apply(self.now, Event::Tick, &mut actions);
                    self.perform(actions);
                    self.ledger.tick(self.now);
                    self.settle();
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn open(&mut self, number: u8, stream: StreamKey, count: u32) {
        let opened = self.ledger.open(stream, member(number), count, need());
        opened.unwrap();
        self.settle();
    }

    fn count(&mut self, stream: StreamKey, count: u32) {
        let count = Some(count);
        self.said(
            stream,
            Said {
                count,
                ..Said::default()
            },
        );
    }

    fn said(&mut self, stream: StreamKey, said: Said) {
        self.ledger.said(self.now, stream, said);
        self.settle();
    }

    fn give_back(&mut self, stream: StreamKey, job: JobId) {
        self.drop_held(stream, job);
        let returned = vec![job];
        self.said(
            stream,
            Said {
                returned,
                ..Said::default()
            },
        );
    }

    fn report(&mut self, stream: StreamKey, job: JobId, ending: Ending) {
        self.drop_held(stream, job);
        let told = Told {
            job,
            ending,
            refusal: None,
        };
        self.said(
            stream,
            Said {
                reports: vec![told],
                ..Said::default()
            },
        );
    }

    fn drop_held(&mut self, stream: StreamKey, job: JobId) {
        if let Some(held) = self.held.get_mut(&stream) {
            held.retain(|grant| grant.job != job);
        }
    }

    fn close(&mut self, stream: StreamKey) {
        self.held.remove(&stream);
        self.ledger.close(stream);
        self.settle();
    }

    fn begin(&mut self, grant: &Granted) {
        let Some(host) = self.cluster.host_of(Member(grant.executor)) else {
            return;
        };
        let begin = Begin {
            job: grant.job,
            start_time: 1,
            client_count: 0,
        };
        self.event(Event::Began { host, begin });
    }

    /// It comes to its executor, where others run.
    fn arrive(&mut self, grant: &Granted) {
        if let Some(host) = self.cluster.host_of(Member(grant.executor)) {
            let job = grant.job;
            self.event(Event::Waits { host, job });
        }
    }

    fn end(&mut self, grant: &Granted) {
        let Some(host) = self.cluster.host_of(Member(grant.executor)) else {
            return;
        };
        let report = placement::Report {
            number: grant.job.0,
            by_client: false,
            from_submitter: false,
            figures: Figures {
                user_msec: 100,
                out_uncompressed: 1000,
                ..Figures::default()
            },
            client_count: 0,
        };
        self.event(Event::Ended { host, report });
    }

    fn held(&self, stream: StreamKey) -> Vec<Granted> {
        self.held.get(&stream).cloned().unwrap_or_default()
    }

    fn waiting(&self) -> usize {
        let pending = |task: &&placement::Task| task.stage() == placement::Stage::Pending;
        self.cluster.tasks().into_iter().filter(pending).count()
    }
}
