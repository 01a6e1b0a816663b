//! Where toolchains are, where they are sent, and who waits for them.

use super::*;

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
    let hosts: Vec<_> = (0..3).map(|_| bench.place(new())).collect();
    assert!(
        hosts[..2] == [None; 2] && hosts[2].is_some(),
        "now a place behind is as good as any, with others waiting: {hosts:?}"
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
    let mut placed = assigned(bench.event(Event::Requested {
        host: HostId(1),
        request,
    }));
    let first = placed[0].clone();
    placed.extend(bench.done(on(&first.place), first.job));
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
