//! Jobs of this host's own clients, here and elsewhere.

use super::*;

#[test]
fn a_job_placed_elsewhere_needs_nothing_more_after_a_farewell() {
    let mut core = with_scheduler(1);
    let (client, actions) = wants_host(&mut core);
    assert_eq!(
        actions,
        [Action::Report(Report::Request {
            client,
            client_count: 1
        })]
    );
    let actions = core.apply(
        START,
        Event::Placed {
            client,
            placement: placement(7),
        },
    );
    assert_eq!(
        actions,
        [Action::Place {
            client,
            placement: placement(7)
        }]
    );
    assert_eq!(core.used(), 0);
    assert_eq!(leaves(&mut core, client, true), []);
}

#[test]
fn a_job_placed_elsewhere_is_reported_when_its_client_closes_without_farewell() {
    let mut core = with_scheduler(1);
    let (client, _) = wants_host(&mut core);
    core.apply(
        START,
        Event::Placed {
            client,
            placement: placement(7),
        },
    );
    assert_eq!(
        leaves(&mut core, client, false),
        [done(7, 118, From::Submitter, 0)]
    );
}

#[test]
fn a_job_sent_home_waits_for_a_slot_and_is_reported_from_begin_to_end() {
    let mut core = with_scheduler(1);
    let (local, actions) = wants_local(&mut core, false);
    assert_eq!(
        actions[0],
        Action::StartLocal {
            client: local,
            full: false
        }
    );
    let (client, _) = wants_host(&mut core);
    assert_eq!(
        core.apply(
            START,
            Event::SentHome {
                client,
                job: JobId(9),
                why: None
            }
        ),
        []
    );
    let actions = leaves(&mut core, local, false);
    assert_eq!(
        actions,
        [
            Action::Report(Report::LocalDone { client: local }),
            Action::CompileAtHome {
                client,
                job: JobId(9),
                why: None
            }
        ]
    );
    let actions = core.apply(
        START,
        Event::HomeBegun {
            client,
            job: JobId(9),
        },
    );
    assert_eq!(actions, [begun(9, 1)]);
    let usage = Usage::failed(3);
    let actions = core.apply(
        START,
        Event::HomeDone {
            client,
            job: JobId(9),
            usage,
        },
    );
    assert_eq!(actions, [done(9, 3, From::Submitter, 1)]);
    assert_eq!(core.used(), 0);
    assert_eq!(leaves(&mut core, client, true), []);
}

#[test]
fn a_full_job_may_start_beside_others_and_then_keeps_everything_out() {
    let mut core = with_scheduler(2);
    let (small, _) = wants_local(&mut core, false);
    let (full, actions) = wants_local(&mut core, true);
    assert_eq!(
        actions[0],
        Action::StartLocal {
            client: full,
            full: true
        }
    );
    let (later, actions) = wants_local(&mut core, false);
    assert_eq!(actions, []);
    assert_eq!(leaves(&mut core, small, false).len(), 1);
    assert!(
        leaves(&mut core, full, false).contains(&Action::StartLocal {
            client: later,
            full: false
        })
    );
    assert_eq!(core.used(), 1);
}

#[test]
fn a_client_that_asks_twice_at_once_is_dropped_and_one_after_the_other_is_fine() {
    let mut core = with_scheduler(2);
    let (client, _) = wants_local(&mut core, false);
    let again = core.apply(
        START,
        Event::HostsWanted {
            client,
            count: 1,
            niceness: 0,
        },
    );
    assert!(matches!(again[..], [Action::Drop { .. }]));

    let (client, _) = wants_host(&mut core);
    core.apply(
        START,
        Event::SentHome {
            client,
            job: JobId(1),
            why: None,
        },
    );
    core.apply(
        START,
        Event::HomeDone {
            client,
            job: JobId(1),
            usage: Usage::default(),
        },
    );
    let again = core.apply(
        START,
        Event::HostsWanted {
            client,
            count: 1,
            niceness: 0,
        },
    );
    assert!(matches!(
        again[..],
        [Action::Report(Report::Request { .. })]
    ));
}

#[test]
fn a_job_that_the_client_does_not_have_is_not_reported() {
    let mut core = with_scheduler(1);
    let (client, _) = wants_host(&mut core);
    core.apply(
        START,
        Event::SentHome {
            client,
            job: JobId(1),
            why: None,
        },
    );
    let usage = Usage::default();
    assert_eq!(
        core.apply(
            START,
            Event::HomeDone {
                client,
                job: JobId(2),
                usage
            }
        ),
        []
    );
    assert_eq!(
        core.apply(
            START,
            Event::HomeBegun {
                client,
                job: JobId(2)
            }
        ),
        []
    );
    assert_eq!(core.used(), 1);
}
