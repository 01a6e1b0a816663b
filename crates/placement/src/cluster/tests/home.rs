//! Jobs that their submitter compiles, and what it compiles unasked.

use super::*;

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
