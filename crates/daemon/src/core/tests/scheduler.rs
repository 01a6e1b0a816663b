//! With, without and between schedulers.

use super::*;

#[test]
fn without_a_scheduler_compiles_stay_at_home_and_nothing_is_reported() {
    let mut core = core(2);
    let (client, actions) = wants_host(&mut core);
    let job = JobId(client.0);
    assert_eq!(
        actions,
        [Action::CompileAtHome {
            client,
            job,
            why: None
        }]
    );
    assert_eq!(core.apply(START, Event::HomeBegun { client, job }), []);
    core.apply(START, Event::SchedulerFound);
    let usage = Usage::default();
    assert_eq!(
        core.apply(START, Event::HomeDone { client, job, usage }),
        []
    );
    assert_eq!(core.used(), 0);
}

#[test]
fn losing_the_scheduler_answers_what_was_asked_and_stops_nothing() {
    let mut core = with_scheduler(3);
    let (compile, _) = wants_compile(&mut core, 1);
    let (waiting, _) = wants_host(&mut core);
    let (away, _) = wants_host(&mut core);
    core.apply(
        START,
        Event::Placed {
            client: away,
            placement: placement(2),
        },
    );
    let actions = core.apply(START, Event::SchedulerLost);
    assert_eq!(
        actions,
        [Action::CompileAtHome {
            client: waiting,
            job: JobId(waiting.0),
            why: None
        }]
    );
    assert_eq!(core.used(), 2);
    core.apply(START, Event::SchedulerFound);
    // The new scheduler never heard of these jobs, or knows others by these numbers.
    let usage = Usage::default();
    assert_eq!(
        core.apply(
            START,
            Event::CompileEnded {
                client: compile,
                usage
            }
        ),
        []
    );
    assert_eq!(leaves(&mut core, away, false), []);
    assert_eq!(leaves(&mut core, waiting, false), []);
}

#[test]
fn a_new_scheduler_hears_of_local_jobs_that_are_running() {
    let mut core = core(1);
    let (client, actions) = wants_local(&mut core, false);
    assert_eq!(
        actions,
        [Action::StartLocal {
            client,
            full: false
        }]
    );
    let report = Report::LocalBegun {
        client,
        outfile: b"/x/y".to_vec(),
        full: false,
    };
    assert_eq!(
        core.apply(START, Event::SchedulerFound),
        [Action::Report(report)]
    );
    assert_eq!(
        leaves(&mut core, client, false),
        [Action::Report(Report::LocalDone { client })]
    );
}

#[test]
fn a_client_that_leaves_the_schedulers_queue_withdraws_and_a_late_answer_is_returned() {
    let mut core = with_scheduler(1);
    let (client, _) = wants_host(&mut core);
    let withdrawn = Action::Report(Report::Withdrawn {
        client,
        client_count: 0,
    });
    assert_eq!(leaves(&mut core, client, false), [withdrawn]);
    let late = core.apply(
        START,
        Event::Placed {
            client,
            placement: placement(4),
        },
    );
    assert_eq!(late, [done(4, 107, From::Submitter, 0)]);
    let late = core.apply(
        START,
        Event::SentHome {
            client,
            job: JobId(5),
            why: None,
        },
    );
    assert_eq!(late, [done(5, 107, From::Submitter, 0)]);
}

#[test]
fn each_of_three_answers_is_kept() {
    let mut core = with_scheduler(1);
    let client = core.arrive(true);
    core.apply(
        START,
        Event::HostsWanted {
            client,
            count: 3,
            niceness: 0,
        },
    );
    let home = core.apply(
        START,
        Event::SentHome {
            client,
            job: JobId(1),
            why: None,
        },
    );
    assert_eq!(
        home,
        [Action::CompileAtHome {
            client,
            job: JobId(1),
            why: None
        }]
    );
    assert_eq!(
        core.apply(
            START,
            Event::SentHome {
                client,
                job: JobId(2),
                why: None
            }
        ),
        []
    );
    let away = core.apply(
        START,
        Event::Placed {
            client,
            placement: placement(3),
        },
    );
    assert_eq!(away.len(), 1);
    let usage = Usage::default();
    let next = core.apply(
        START,
        Event::HomeDone {
            client,
            job: JobId(1),
            usage,
        },
    );
    assert!(next.contains(&Action::CompileAtHome {
        client,
        job: JobId(2),
        why: None
    }));
    let end = leaves(&mut core, client, true);
    assert_eq!(end, [done(2, 119, From::Submitter, 0)]);
    assert_eq!(core.used(), 0);
}

#[test]
fn where_jobs_need_grants_the_scheduler_is_asked_for_no_hosts() {
    let mut core = with_scheduler(2).with_grants_only(true);
    let (client, actions) = wants_host(&mut core);
    assert!(
        matches!(&actions[..], [Action::CompileAtHome { client: home, .. }] if *home == client),
        "{actions:?}"
    );
}

#[test]
fn a_job_under_a_grant_that_has_to_wait_is_told_to_have_come() {
    let mut core = with_scheduler(1).with_grants_only(true);
    let (first, actions) = wants_compile(&mut core, 1);
    assert_eq!(
        actions,
        [Action::StartCompile { client: first }, begun(1, 0)]
    );
    let (second, actions) = wants_compile(&mut core, 2);
    let report = Report::Waits {
        job: JobId(2),
        client_count: 0,
    };
    assert_eq!(actions, [Action::Report(report)]);
    let usage = Usage::default();
    let ended = Event::CompileEnded {
        client: first,
        usage,
    };
    let actions = core.apply(START, ended);
    assert!(actions.contains(&Action::StartCompile { client: second }));
    assert!(actions.contains(&begun(2, 0)));
}
