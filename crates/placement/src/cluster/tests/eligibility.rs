//! Which hosts may have a job at all.

use super::*;

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
fn a_job_that_found_too_little_memory_goes_where_the_most_is_free() {
    let mut bench = Bench::with(&[1, 1, 1]);
    for (host, free_memory) in [(2, 2000), (3, 16_000), (4, 8000)] {
        let load = Load {
            free_memory,
            ..Load::default()
        };
        let host = HostId(host);
        bench.event(Event::Load { host, load });
    }
    let hungry = || wants().with_much_memory(true);
    assert_eq!(bench.place(hungry()), Some(3));
    assert_eq!(bench.place(hungry()), Some(4), "the largest one is busy");
}
