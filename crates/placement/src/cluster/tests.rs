//! One test for each rule of placement, by theme; here is what they share.

mod eligibility;
mod ends;
mod home;
mod native;
mod queue;
mod slots;
mod toolchains;
mod will;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use job::{ClientId, EnvironmentName, HostId, JobId, NodeName, Platform};

use crate::*;

/// A cluster with a clock and short words for events.
struct Bench {
    cluster: Cluster,
    now: Time,
    clients: u32,
}

fn toolchain(name: &str) -> Toolchain {
    Toolchain {
        target: platform("x86_64"),
        name: EnvironmentName::parse(name).unwrap(),
    }
}

fn platform(name: &str) -> Platform {
    Platform::parse(name).unwrap()
}

fn address(host: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host))
}

fn login(host: u32, slots: u32) -> Login {
    Login {
        name: NodeName::display(&format!("host{host}")),
        address: address(host),
        port: 10245,
        slots,
        platform: platform("x86_64"),
        chroot_possible: true,
        no_remote: false,
        features: 3,
        version: 43,
        toolchains: vec![toolchain("gcc")],
        member: None,
    }
}

fn wants() -> Wants {
    wants_of("gcc", "", 21, 0)
}

fn wants_of(name: &str, preferred: &str, version: u32, features: u32) -> Wants {
    let offer = Offer {
        runs_on: platform("x86_64"),
        name: EnvironmentName::parse(name).unwrap(),
    };
    Wants::new(
        &platform("x86_64"),
        [offer],
        preferred.to_owned(),
        version,
        features,
    )
}

fn request(client: u32, wants: Wants) -> Request {
    Request {
        client: ClientId(client),
        wants,
        file: Arc::from(&b"a/b/c.cpp"[..]),
        language: 1,
        count: 1,
        arg_flags: 0,
        niceness: 0,
        client_count: 100,
    }
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let cluster = Cluster::new(Settings { algorithm, seed: 7 });
        Self {
            cluster,
            now: Time::default(),
            clients: 0,
        }
    }

    /// Host 1 submits and has no slots, hosts 2 and up have as many as given.
    fn with(slots: &[u32]) -> Self {
        let mut bench = Self::new(Algorithm::Fastest);
        bench.join(
            1,
            Login {
                slots: 0,
                no_remote: true,
                ..login(1, 0)
            },
        );
        for (host, slots) in (2..).zip(slots) {
            bench.join(host, login(host, *slots));
        }
        bench
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.cluster.apply(self.now, event, &mut actions);
        self.cluster.place(self.now, &mut actions);
        self.cluster.audit();
        self.cluster.audit_idle();
        self.cluster.audit_patience(self.now);
        actions
    }

    fn join(&mut self, host: u32, login: Login) {
        let host = HostId(host);
        self.event(Event::Login { host, login });
        self.event(Event::Probed {
            host,
            reachable: true,
        });
        self.event(Event::Load {
            host,
            load: Load {
                load: 10,
                ..Load::default()
            },
        });
    }

    fn ask(&mut self, host: u32, wants: Wants) -> Vec<Assignment> {
        self.clients += 1;
        let request = request(self.clients, wants);
        assigned(self.event(Event::Requested {
            host: HostId(host),
            request,
        }))
    }

    /// Asks from host 1 for a host; 0 is home and `None` is to wait.
    fn place(&mut self, wants: Wants) -> Option<u32> {
        self.ask(1, wants)
            .first()
            .map(|assignment| on(&assignment.place))
    }

    fn done(&mut self, host: u32, job: JobId) -> Vec<Assignment> {
        assigned(self.event(Event::Ended {
            host: HostId(host),
            report: report(job, false),
        }))
    }
}

fn report(job: JobId, from_submitter: bool) -> Report {
    Report {
        number: job.0,
        by_client: false,
        from_submitter,
        figures: Figures {
            user_msec: 100,
            out_uncompressed: 10_000,
            ..Figures::default()
        },
        client_count: 0,
    }
}

fn assigned(actions: Vec<Action>) -> Vec<Assignment> {
    let assign = |action| match action {
        Action::Assign(assignment) => Some(assignment),
        _ => None,
    };
    actions.into_iter().filter_map(assign).collect()
}

fn dismissed(actions: &[Action]) -> Vec<(u32, Dismissal)> {
    let dismissal = |action: &Action| match action {
        Action::Disconnect { host, why } => Some((host.0, *why)),
        _ => None,
    };
    actions.iter().filter_map(dismissal).collect()
}

fn on(place: &Place) -> u32 {
    match place {
        Place::Home(_) => 0,
        Place::Host { host, .. } => host.0,
    }
}

fn got_toolchain(assignment: &Assignment) -> bool {
    matches!(
        assignment.place,
        Place::Host {
            has_toolchain: true,
            ..
        }
    )
}
