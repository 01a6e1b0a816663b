//! Free slots, places beyond them, and turns among equals.

use super::*;

#[test]
fn equal_hosts_take_turns() {
    let mut bench = Bench::with(&[2, 2, 2]);
    let hosts: Vec<_> = (0..6).map(|_| bench.place(wants())).collect();
    assert_eq!(hosts, [2, 3, 4, 2, 3, 4].map(Some));
}

#[test]
fn slots_beyond_a_hosts_own_are_used_last_and_few() {
    let mut bench = Bench::with(&[4]);
    let hosts: Vec<_> = (0..7).map(|_| bench.place(wants())).collect();
    assert_eq!(hosts[..6], [Some(2); 6], "two beyond its four");
    assert_eq!(hosts[6], None);
}

#[test]
fn a_job_waits_at_a_host_only_while_others_have_enough_to_do() {
    let mut bench = Bench::with(&[1, 1]);
    let both: Vec<_> = (0..2).flat_map(|_| bench.ask(1, wants())).collect();
    let waiting: Vec<_> = (0..2).map(|_| bench.place(wants())).collect();
    assert_eq!(waiting, [None; 2], "whichever host is free first");
    let third = bench.ask(1, wants());
    assert_eq!(third.len(), 1, "two more wait for the other host's slot");
    let behind = on(&third[0].place);
    let free = both.iter().find(|one| on(&one.place) != behind).unwrap();
    let next = bench.done(on(&free.place), free.job);
    assert_eq!(next.len(), 1, "{next:?}");
    assert_ne!(on(&next[0].place), behind);
}

#[test]
fn a_long_way_is_worth_waiting_at_a_host() {
    let mut bench = Bench::with(&[1, 1]);
    let running: Vec<_> = (0..2).flat_map(|_| bench.ask(1, wants())).collect();
    for _ in 0..2 {
        assert_eq!(bench.place(wants()), None, "nothing is known of the way");
    }
    bench.now.0 += Duration::from_millis(600);
    for one in running {
        let next = bench.done(on(&one.place), one.job);
        bench.now.0 += Duration::from_millis(90); // jobs of these tests take 100
        let begin = Begin {
            job: next[0].job,
            start_time: 1,
            client_count: 1,
        };
        let host = HostId(on(&next[0].place));
        bench.event(Event::Began { host, begin });
    }
    assert!(bench.place(wants()).is_some());
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
