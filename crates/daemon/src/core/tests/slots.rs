//! Who gets a slot, and who waits.

use super::*;
use crate::load::Lack;

#[test]
fn local_jobs_go_before_jobs_sent_home_and_those_before_foreign_ones() {
    let mut core = with_scheduler(1);
    let (first, _) = wants_compile(&mut core, 1);
    let (second, _) = wants_compile(&mut core, 2);
    let (home, _) = wants_host(&mut core);
    core.apply(
        START,
        Event::SentHome {
            client: home,
            job: JobId(3),
            why: None,
        },
    );
    let (local, _) = wants_local(&mut core, false);
    let ended = |core: &mut Core, client| {
        core.apply(
            START,
            Event::CompileEnded {
                client,
                usage: Usage::default(),
            },
        )
    };
    assert!(ended(&mut core, first).contains(&Action::StartLocal {
        client: local,
        full: false
    }));
    let actions = leaves(&mut core, local, false);
    assert!(actions.contains(&Action::CompileAtHome {
        client: home,
        job: JobId(3),
        why: None
    }));
    let actions = leaves(&mut core, home, false);
    assert!(actions.contains(&Action::StartCompile { client: second }));
}

#[test]
fn the_less_nice_compile_is_served_first_and_equals_by_arrival() {
    let mut core = with_scheduler(1);
    let (local, _) = wants_local(&mut core, false);
    let mut clients = Vec::new();
    for niceness in [10, 0, 0] {
        let client = core.arrive(true);
        core.apply(
            START,
            Event::HostsWanted {
                client,
                count: 1,
                niceness,
            },
        );
        core.apply(
            START,
            Event::SentHome {
                client,
                job: JobId(client.0),
                why: None,
            },
        );
        clients.push(client);
    }
    for (gone, next) in [(local, 1), (clients[1], 2), (clients[2], 0)] {
        let actions = leaves(&mut core, gone, false);
        let client = clients[next];
        let expected = Action::CompileAtHome {
            client,
            job: JobId(client.0),
            why: None,
        };
        assert!(actions.contains(&expected), "{actions:?}");
    }
}

#[test]
fn the_slot_of_a_foreign_compile_is_free_when_its_compiler_ended() {
    let mut core = with_scheduler(1);
    let (client, actions) = wants_compile(&mut core, 5);
    assert_eq!(actions, [Action::StartCompile { client }, begun(5, 0)]);
    let (next, actions) = wants_compile(&mut core, 6);
    assert_eq!(actions, []);
    let usage = Usage {
        user_msec: 10,
        ..Usage::default()
    };
    let actions = core.apply(START, Event::CompileEnded { client, usage });
    let report = Report::Done {
        job: JobId(5),
        usage,
        from: From::Executor,
        client_count: 0,
    };
    assert_eq!(
        actions,
        [
            Action::Report(report),
            Action::StartCompile { client: next },
            begun(6, 0)
        ]
    );
    assert_eq!(leaves(&mut core, client, false), []);
}

#[test]
fn a_foreign_client_that_leaves_frees_its_slot_or_place_in_the_queue() {
    let mut core = with_scheduler(1);
    let (running, _) = wants_compile(&mut core, 1);
    let (waiting, _) = wants_compile(&mut core, 2);
    assert_eq!(
        leaves(&mut core, waiting, false),
        [done(2, 118, From::Executor, 0)]
    );
    assert_eq!(
        leaves(&mut core, running, false),
        [done(1, 118, From::Executor, 0)]
    );
    assert_eq!(core.used(), 0);
}

#[test]
fn a_busy_host_starts_an_accepted_compile_after_a_short_wait() {
    let mut core = with_scheduler(1);
    core.apply(START, Event::Pressure(Pressure::Busy));
    let (client, actions) = wants_compile(&mut core, 1);
    assert_eq!(actions, []);
    assert_eq!(core.deadline(), Some(PRESSURE_PATIENCE));
    let early = PRESSURE_PATIENCE - Duration::from_millis(1);
    assert_eq!(core.apply(early, Event::Tick), []);
    let actions = core.apply(PRESSURE_PATIENCE, Event::Tick);
    assert_eq!(actions[0], Action::StartCompile { client });
    assert_eq!(core.deadline(), None);
}

#[test]
fn a_full_host_refuses_an_accepted_compile_after_a_short_wait() {
    let mut core = with_scheduler(1);
    core.apply(START, Event::Pressure(Pressure::Full(Lack::Memory)));
    let (client, _) = wants_compile(&mut core, 1);
    let actions = core.apply(PRESSURE_PATIENCE, Event::Tick);
    let why = Refusal::Full(Lack::Memory);
    assert_eq!(actions, [Action::RefuseCompile { client, why }]);
    let usage = Usage::failed(code::OUT_OF_MEMORY);
    let actions = core.apply(PRESSURE_PATIENCE, Event::CompileEnded { client, usage });
    assert_eq!(actions, [done(1, 105, From::Executor, 0)]);
    assert_eq!(core.used(), 0);
}

#[test]
fn a_host_at_its_limit_still_serves_its_own_clients() {
    let mut core = core(0);
    core.apply(START, Event::Pressure(Pressure::Busy));
    let (client, actions) = wants_local(&mut core, false);
    assert_eq!(
        actions,
        [Action::StartLocal {
            client,
            full: false
        }]
    );
}

#[test]
fn an_arriving_toolchain_keeps_nobody_waiting() {
    let mut core = with_scheduler(1);
    let client = core.arrive(false);
    core.apply(START, Event::InstallBegan { client });
    let (other, actions) = wants_compile(&mut core, 1);
    assert_eq!(actions[0], Action::StartCompile { client: other });
    core.apply(START, Event::InstallEnded { client });
    assert_eq!(core.used(), 1);
    let (other, _) = wants_compile(&mut core, 2);
    let actions = core.apply(START, Event::InstallBegan { client: other });
    assert!(matches!(actions[..], [Action::Drop { .. }]), "{actions:?}");
}

#[test]
fn frozen_compiles_leave_their_slots_and_all_that_run_are_handed_back() {
    let mut core = with_scheduler(1);
    let (foreign, _) = wants_compile(&mut core, 1);
    let (waiting, _) = wants_compile(&mut core, 2);
    let (local, actions) = wants_local(&mut core, false);
    let start = Action::StartLocal {
        client: local,
        full: false,
    };
    assert!(!actions.contains(&start));
    assert!(core.apply(START, Event::Frozen(true)).contains(&start));
    assert_eq!(core.used(), 1);
    // It goes on beside the local job, which nobody takes the slot from.
    assert_eq!(core.apply(START, Event::Frozen(false)), []);
    assert_eq!(core.used(), 2);
    assert_eq!(
        core.apply(START, Event::HandBack),
        [Action::HandBack { client: foreign }]
    );
    leaves(&mut core, local, true);
    assert_eq!(core.used(), 1);
    let usage = Usage::failed(code::OUT_OF_MEMORY);
    let ended = Event::CompileEnded {
        client: foreign,
        usage,
    };
    let next = Action::StartCompile { client: waiting };
    assert!(core.apply(START, ended).contains(&next));
}
