//! One test for each rule of placement.

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

#[test]
fn equal_hosts_take_turns() {
    let mut bench = Bench::with(&[2, 2, 2]);
    let hosts: Vec<_> = (0..6).map(|_| bench.place(wants())).collect();
    assert_eq!(hosts, [2, 3, 4, 2, 3, 4].map(Some));
}

#[test]
fn slots_beyond_a_hosts_own_are_used_last_and_few() {
    let mut bench = Bench::with(&[4, 1]);
    let hosts: Vec<_> = (0..8).map(|_| bench.place(wants()).unwrap()).collect();
    assert_eq!(hosts.iter().filter(|host| **host == 2).count(), 6);
    assert_eq!(
        hosts[..5].iter().filter(|host| **host == 3).count(),
        1,
        "{hosts:?}"
    );
    assert_eq!(bench.place(wants()), None);
}

#[test]
fn least_busy_never_goes_beyond_slots() {
    let mut bench = Bench::new(Algorithm::LeastBusy);
    bench.join(
        1,
        Login {
            slots: 0,
            ..login(1, 0)
        },
    );
    for (host, slots) in [(2, 2), (3, 4), (4, 1)] {
        bench.join(host, login(host, slots));
    }
    let mut hosts: Vec<_> = (0..7).map(|_| bench.place(wants()).unwrap()).collect();
    assert_eq!(bench.place(wants()), None);
    hosts.sort_unstable();
    assert_eq!(hosts, [2, 2, 3, 3, 3, 3, 4]);
}

#[test]
fn chance_gives_every_host_its_part() {
    let mut bench = Bench::new(Algorithm::Random);
    bench.join(
        1,
        Login {
            slots: 0,
            ..login(1, 0)
        },
    );
    for host in 2..5 {
        bench.join(host, login(host, 1000));
    }
    let mut counts = [0; 3];
    for _ in 0..900 {
        counts[bench.place(wants()).unwrap() as usize - 2] += 1;
    }
    assert!(
        counts.iter().all(|count| (240..360).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn what_a_job_needs_decides_who_may_have_it() {
    let mut bench = Bench::with(&[]);
    bench.join(
        2,
        Login {
            platform: platform("aarch64"),
            ..login(2, 1)
        },
    );
    bench.join(
        3,
        Login {
            features: 1,
            ..login(3, 1)
        },
    );
    bench.join(
        4,
        Login {
            version: 42,
            ..login(4, 1)
        },
    );
    bench.join(
        5,
        Login {
            chroot_possible: false,
            ..login(5, 1)
        },
    );
    bench.join(
        6,
        Login {
            no_remote: true,
            ..login(6, 1)
        },
    );
    assert_eq!(
        bench.place(wants_of("gcc", "", 43, 2)),
        Some(0),
        "nobody ever can"
    );
    assert_eq!(bench.place(wants_of("gcc", "", 42, 2)), Some(4));
    assert_eq!(bench.place(wants_of("gcc", "", 21, 1)), Some(3));
    bench.join(7, login(7, 1));
    assert_eq!(bench.place(wants_of("gcc", "", 43, 2)), Some(7));
}

#[test]
fn older_tools_run_on_newer_machines() {
    let mut bench = Bench::with(&[1]);
    let name = EnvironmentName::parse("old").unwrap();
    let offer = Offer {
        runs_on: platform("i686"),
        name,
    };
    let old = Wants::new(&platform("i686"), [offer], String::new(), 21, 0);
    let assignments = bench.ask(1, old);
    let Place::Host {
        ref platform,
        has_toolchain,
        ..
    } = assignments[0].place
    else {
        panic!("at home")
    };
    assert_eq!((platform.as_str(), has_toolchain), ("i686", false));
}

#[test]
fn an_unreached_or_silent_or_overloaded_host_gets_nothing() {
    let mut bench = Bench::with(&[]);
    let host = HostId(2);
    bench.event(Event::Login {
        host,
        login: login(2, 4),
    });
    assert_eq!(bench.place(wants()), None, "not reached yet");
    bench.event(Event::Probed {
        host,
        reachable: true,
    });
    assert_eq!(bench.place(wants()), None, "no load report yet");
    let report = |load| Event::Load {
        host,
        load: Load {
            load,
            ..Load::default()
        },
    };
    assert_eq!(assigned(bench.event(report(999))).len(), 2);
    bench.event(report(1000));
    assert_eq!(bench.place(wants()), None, "it asked for no work");
    assert_eq!(assigned(bench.event(report(0))).len(), 1);
    let sent_home = assigned(bench.event(Event::Probed {
        host,
        reachable: false,
    }));
    assert!(sent_home.is_empty(), "nothing waits");
    assert_eq!(bench.place(wants()), Some(0), "nobody is left who could");
}

#[test]
fn while_a_toolchain_is_installed_only_what_is_there_is_used() {
    let mut bench = Bench::with(&[4]);
    let first = bench.ask(1, wants_of("new", "", 21, 0));
    assert!(!got_toolchain(&first[0]));
    assert_eq!(
        bench.place(wants_of("new", "", 21, 0)),
        None,
        "it is on its way"
    );
    assert_eq!(
        bench.place(wants_of("newer", "", 21, 0)),
        None,
        "one at a time"
    );
    assert_eq!(bench.place(wants()), Some(2), "this one is there");
    let toolchains = vec![toolchain("gcc"), toolchain("new")];
    let placed = assigned(bench.event(Event::Toolchains {
        host: HostId(2),
        toolchains,
    }));
    let got: Vec<_> = placed.iter().map(got_toolchain).collect();
    assert_eq!(
        got,
        [true, false],
        "the second waits no longer, and the third starts the next installation"
    );
}

#[test]
fn a_slot_that_is_about_to_have_the_toolchain_is_waited_for() {
    let mut bench = Bench::with(&[2, 2]);
    let new = || wants_of("new", "", 21, 0);
    let hosts: Vec<_> = (0..2).map(|_| bench.place(new())).collect();
    assert_eq!(hosts, [Some(2), Some(3)], "both install");
    let toolchains = || vec![toolchain("gcc"), toolchain("new")];
    bench.event(Event::Toolchains {
        host: HostId(2),
        toolchains: toolchains(),
    });
    assert_eq!(bench.place(new()), Some(2), "its second slot");
    assert_eq!(bench.place(new()), None, "no third job behind the two");
    let placed = assigned(bench.event(Event::Toolchains {
        host: HostId(3),
        toolchains: toolchains(),
    }));
    assert_eq!(
        placed.iter().map(|one| on(&one.place)).collect::<Vec<_>>(),
        [3]
    );
    assert!(
        bench.place(new()).is_some(),
        "now a place behind is the best there is"
    );
}

#[test]
fn the_end_of_its_job_ends_an_installation() {
    let mut bench = Bench::with(&[2]);
    let first = bench.ask(1, wants_of("new", "", 21, 0));
    assert!(bench.cluster.deadline().is_some());
    bench.event(Event::Ended {
        host: HostId(1),
        report: report(first[0].job, true),
    });
    assert_eq!(bench.cluster.deadline(), None);
    bench.now = Time(Duration::from_secs(500));
    assert!(
        bench.event(Event::Tick).is_empty(),
        "the healthy host stays"
    );
    assert_eq!(bench.place(wants_of("new", "", 21, 0)), Some(2));
}

#[test]
fn a_host_that_never_ends_installing_is_disconnected() {
    let mut bench = Bench::with(&[2]);
    bench.ask(1, wants_of("new", "", 21, 0));
    bench.now = bench.cluster.deadline().unwrap();
    let actions = bench.event(Event::Tick);
    assert_eq!(
        dismissed(&actions),
        [(2, Dismissal::InstallTimeout(Duration::from_secs(120)))]
    );
}

#[test]
fn a_small_build_goes_where_its_toolchain_is_and_a_large_one_spreads() {
    let mut bench = Bench::with(&[4]);
    bench.join(
        3,
        Login {
            toolchains: Vec::new(),
            ..login(3, 4)
        },
    );
    let mut jobs = Vec::new();
    let mut hosts = Vec::new();
    for _ in 0..40 {
        for assignment in bench.ask(1, wants()) {
            jobs.push(assignment.job);
            hosts.push(on(&assignment.place));
        }
        if jobs.len() > 2 {
            bench.done(*hosts.iter().rev().nth(2).unwrap(), jobs[jobs.len() - 3]);
        }
    }
    assert!(hosts[..10].iter().all(|host| *host == 2), "{hosts:?}");
    assert!(hosts.contains(&3), "{hosts:?}");
}

#[test]
fn distrust_is_the_submitters_own_and_ends_with_the_connection() {
    let mut bench = Bench::with(&[2, 2]);
    let host = HostId(1);
    bench.event(Event::Distrusted {
        host,
        address: address(2),
        toolchain: toolchain("gcc"),
    });
    assert_eq!(
        [bench.place(wants()), bench.place(wants())],
        [Some(3), Some(3)]
    );
    bench.join(
        4,
        Login {
            slots: 0,
            ..login(4, 0)
        },
    );
    let other = bench.ask(4, wants());
    assert_eq!(on(&other[0].place), 2);
    bench.join(5, login(2, 2)); // the node of host 2 logs in again
    assert_eq!(bench.place(wants()), Some(5));
}

#[test]
fn the_preferred_host_or_none() {
    let mut bench = Bench::with(&[1, 1]);
    assert_eq!(bench.place(wants_of("gcc", "host3", 21, 0)), Some(3));
    assert_eq!(
        bench.place(wants_of("gcc", "10.0.0.3", 21, 0)),
        Some(3),
        "one beyond its slot"
    );
    assert_eq!(
        bench.place(wants_of("gcc", "host3", 21, 0)),
        None,
        "it waits although host2 is free"
    );
    assert_eq!(
        bench.place(wants_of("gcc", "nowhere", 21, 0)),
        Some(0),
        "never: build it yourself"
    );
    assert_eq!(
        bench.place(wants()),
        Some(2),
        "the waiting job is in nobody's way"
    );
}

#[test]
fn a_submitter_takes_its_own_job_when_it_has_little_else_to_do() {
    let mut bench = Bench::with(&[4]);
    bench.join(5, login(5, 4));
    let mut one = request(1, wants());
    one.client_count = 1;
    let placed = assigned(bench.event(Event::Requested {
        host: HostId(5),
        request: one,
    }));
    assert!(matches!(placed[0].place, Place::Home(WhyHome::Best)));
    let mut many = request(2, wants());
    many.client_count = 50;
    let placed = assigned(bench.event(Event::Requested {
        host: HostId(5),
        request: many,
    }));
    assert_eq!(on(&placed[0].place), 2);
}

#[test]
fn a_busy_submitter_with_a_slot_takes_what_nobody_else_can() {
    let mut bench = Bench::with(&[]);
    bench.join(
        2,
        Login {
            no_remote: true,
            ..login(2, 1)
        },
    );
    bench.event(Event::Load {
        host: HostId(2),
        load: Load {
            load: 1000,
            ..Load::default()
        },
    });
    let placed = bench.ask(2, wants());
    assert!(matches!(placed[0].place, Place::Home(WhyHome::OthersBusy)));
    assert!(bench.ask(2, wants()).is_empty(), "its slot is taken");
}

#[test]
fn local_jobs_count_and_a_full_one_takes_all() {
    let mut bench = Bench::with(&[4, 4]);
    let file: Arc<[u8]> = Arc::from(&b"a.out"[..]);
    let local = |full| LocalBegin {
        client: ClientId(9),
        file: Arc::clone(&file),
        start_time: 1,
        full,
    };
    let host = HostId(2);
    bench.event(Event::LocalBegan {
        host,
        local: local(true),
    });
    let hosts: Vec<_> = (0..6).map(|_| bench.place(wants()).unwrap()).collect();
    assert_eq!(
        hosts, [3; 6],
        "beyond its slots rather than to a host that is full of local work"
    );
    let placed = assigned(bench.event(Event::LocalBegan {
        host,
        local: local(false),
    }));
    assert!(placed.is_empty());
    assert_eq!(bench.place(wants()), Some(2));
    bench.event(Event::LocalEnded {
        host,
        client: ClientId(9),
    });
    assert_eq!(bench.cluster.host(host).unwrap().occupied(), 1);
}

#[test]
fn submitters_take_turns_and_nice_ones_come_last() {
    let mut bench = Bench::with(&[1]);
    bench.join(
        3,
        Login {
            slots: 0,
            ..login(3, 0)
        },
    );
    let running: Vec<_> = (0..2).flat_map(|_| bench.ask(1, wants())).collect();
    for (host, niceness) in [(1, 0), (1, 0), (1, 0), (3, 5), (3, 0), (3, 0)] {
        bench.clients += 1;
        let request = Request {
            niceness,
            ..request(bench.clients, wants())
        };
        bench.event(Event::Requested {
            host: HostId(host),
            request,
        });
    }
    let mut order = Vec::new();
    let mut job = running[0].job;
    while let Some(assignment) = bench.done(2, job).first() {
        order.push((assignment.submitter.0, assignment.job.0));
        job = assignment.job;
    }
    assert_eq!(order, [(1, 3), (3, 7), (1, 4), (3, 8), (1, 5), (3, 6)]);
}

#[test]
fn a_job_that_cannot_be_placed_is_in_nobodys_way() {
    let mut bench = Bench::with(&[1]);
    bench.join(
        3,
        Login {
            features: 0,
            ..login(3, 1)
        },
    );
    for _ in 0..2 {
        assert_eq!(bench.place(wants_of("gcc", "", 21, 2)), Some(2));
    }
    assert_eq!(bench.place(wants_of("gcc", "", 21, 2)), None);
    assert_eq!(bench.place(wants()), Some(3));
}

#[test]
fn clients_that_go_before_they_get_a_host_leave_the_queue() {
    let mut bench = Bench::with(&[1]);
    for _ in 0..3 {
        bench.place(wants());
    }
    let gone = Report {
        number: 3,
        by_client: true,
        from_submitter: true,
        ..report(JobId(0), true)
    };
    let actions = bench.event(Event::Ended {
        host: HostId(1),
        report: gone,
    });
    assert!(matches!(
        actions[..],
        [Action::Notice(Notice::Ended { job: JobId(3), .. })]
    ));
    assert_eq!(bench.cluster.task_count(), 2);
    assert!(
        bench
            .event(Event::Ended {
                host: HostId(1),
                report: gone
            })
            .is_empty()
    );
}

#[test]
fn a_job_ends_once() {
    let mut bench = Bench::with(&[1]);
    let job = bench.ask(1, wants())[0].job;
    bench.event(Event::Began {
        host: HostId(2),
        begin: Begin {
            job,
            start_time: 5,
            client_count: 1,
        },
    });
    let first = bench.event(Event::Ended {
        host: HostId(1),
        report: report(job, true),
    });
    assert_eq!(first.len(), 1);
    assert!(
        bench
            .event(Event::Ended {
                host: HostId(2),
                report: report(job, false)
            })
            .is_empty()
    );
}

#[test]
fn who_reports_the_end_of_another_hosts_job_is_disconnected() {
    let mut bench = Bench::with(&[1, 1]);
    let job = bench.ask(1, wants())[0].job;
    let actions = bench.event(Event::Began {
        host: HostId(3),
        begin: Begin {
            job,
            start_time: 5,
            client_count: 1,
        },
    });
    assert!(
        matches!(actions[..], [Action::Notice(Notice::NotItsBegin { .. })]),
        "a wrong beginning is ignored"
    );
    let actions = bench.event(Event::Ended {
        host: HostId(3),
        report: report(job, false),
    });
    assert_eq!(dismissed(&actions), [(3, Dismissal::NotItsJob(job))]);
    assert!(bench.cluster.task(job).is_some());
}

#[test]
fn jobs_of_and_on_a_lost_host_end() {
    let mut bench = Bench::with(&[2, 2]);
    bench.join(
        4,
        Login {
            slots: 0,
            ..login(4, 0)
        },
    );
    bench.ask(1, wants());
    bench.ask(4, wants());
    let ended = |actions: Vec<Action>| {
        actions
            .iter()
            .filter(|action| matches!(action, Action::Notice(Notice::Ended { .. })))
            .count()
    };
    assert_eq!(ended(bench.event(Event::Lost { host: HostId(2) })), 1);
    assert_eq!(ended(bench.event(Event::Lost { host: HostId(4) })), 1);
    assert_eq!(bench.cluster.host(HostId(3)).unwrap().occupied(), 0);
    assert_eq!(bench.cluster.task_count(), 0);
}

#[test]
fn a_node_that_logs_in_again_replaces_its_older_self() {
    let mut bench = Bench::with(&[1]);
    bench.ask(1, wants());
    let actions = bench.event(Event::Login {
        host: HostId(9),
        login: login(2, 1),
    });
    assert_eq!(dismissed(&actions), [(2, Dismissal::Replaced)]);
    assert!(matches!(
        actions[0],
        Action::Notice(Notice::HostJoined { host: HostId(9) })
    ));
}

#[test]
fn blocked_hosts_stay_out_until_they_are_let_in() {
    let mut bench = Bench::with(&[1]);
    let actions = bench.event(Event::Block {
        name: "host2".to_owned(),
    });
    assert_eq!(dismissed(&actions), [(2, Dismissal::Blocked)]);
    let actions = bench.event(Event::Login {
        host: HostId(9),
        login: login(2, 1),
    });
    assert_eq!(dismissed(&actions), [(9, Dismissal::Blocked)]);
    bench.event(Event::Unblock {
        name: "host2".to_owned(),
    });
    assert!(
        dismissed(&bench.event(Event::Login {
            host: HostId(10),
            login: login(2, 1)
        }))
        .is_empty()
    );
}

#[test]
fn copies_of_one_request_use_one_toolchain() {
    let mut bench = Bench::with(&[]);
    let offers = ["first", "second"].map(|name| Offer {
        runs_on: platform("x86_64"),
        name: EnvironmentName::parse(name).unwrap(),
    });
    let both = Wants::new(&platform("x86_64"), offers, String::new(), 21, 0);
    bench.join(
        2,
        Login {
            toolchains: vec![toolchain("second")],
            ..login(2, 1)
        },
    );
    bench.join(
        3,
        Login {
            toolchains: vec![toolchain("first")],
            ..login(3, 1)
        },
    );
    let request = Request {
        count: 3,
        ..request(1, both)
    };
    let placed = assigned(bench.event(Event::Requested {
        host: HostId(1),
        request,
    }));
    assert_eq!(placed.len(), 3);
    let installs = placed
        .iter()
        .filter(|assignment| !got_toolchain(assignment))
        .count();
    assert_eq!(
        installs, 1,
        "the host that has only the other one is sent the chosen one: {placed:?}"
    );
}

#[test]
fn speed_counts_once_it_is_certain() {
    let mut bench = Bench::with(&[1, 1]);
    for _ in 0..60 {
        let placed: Vec<_> = (0..2).flat_map(|_| bench.ask(1, wants())).collect();
        for assignment in placed {
            let host = on(&assignment.place);
            let user_msec = if host == 2 { 100 } else { 400 };
            let figures = Figures {
                user_msec,
                out_uncompressed: 100_000,
                ..Figures::default()
            };
            let report = Report {
                figures,
                ..report(assignment.job, false)
            };
            bench.event(Event::Ended {
                host: HostId(host),
                report,
            });
        }
    }
    for _ in 0..5 {
        let job = bench.ask(1, wants());
        assert_eq!(on(&job[0].place), 2, "four times as fast");
        bench.done(2, job[0].job);
    }
}

#[test]
fn one_submitter_cannot_fill_the_scheduler() {
    let mut bench = Bench::with(&[1]);
    let mut actions = Vec::new();
    for client in 0..=Cluster::MAX_OPEN_JOBS as u32 {
        let request = request(client, wants());
        bench.cluster.apply(
            bench.now,
            Event::Requested {
                host: HostId(1),
                request,
            },
            &mut actions,
        );
    }
    assert_eq!(
        dismissed(&actions),
        [(1, Dismissal::TooManyJobs(Cluster::MAX_OPEN_JOBS))]
    );
    assert_eq!(bench.cluster.task_count(), 0);
    bench.cluster.audit();
}

#[test]
fn too_many_kinds_of_requests_go_home() {
    let mut bench = Bench::with(&[1]);
    let mut home = 0;
    for kind in 0..100 {
        let kind = wants_of(&format!("tools{kind}"), "host2", 21, 0);
        home += bench
            .ask(1, kind)
            .iter()
            .filter(|a| matches!(a.place, Place::Home(WhyHome::TooManyKinds)))
            .count();
    }
    assert!((30..40).contains(&home), "{home}");
}
