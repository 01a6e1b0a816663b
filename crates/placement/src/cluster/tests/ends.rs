//! Ends of jobs and of hosts.

use super::*;

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
    assert_eq!(
        dismissed(&actions),
        [(2, Dismissal::Replaced { from: None })]
    );
    assert!(matches!(
        actions[0],
        Action::Notice(Notice::HostJoined { host: HostId(9) })
    ));
}
