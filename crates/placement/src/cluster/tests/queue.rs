//! Jobs that wait: turns, niceness, limits.

use super::*;

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
    assert_eq!(bench.place(wants_of("gcc", "", 21, 2)), Some(2));
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
