use super::*;
use crate::load::Lack;

const START: Duration = Duration::ZERO;

fn core(slots: u32) -> Core {
    Core::new(slots)
}

fn with_scheduler(slots: u32) -> Core {
    let mut core = core(slots);
    assert_eq!(core.apply(START, Event::SchedulerFound), []);
    core
}

fn wants_host(core: &mut Core) -> (ClientId, Vec<Action>) {
    let client = core.arrive(true);
    let actions = core.apply(
        START,
        Event::HostsWanted {
            client,
            count: 1,
            niceness: 0,
        },
    );
    (client, actions)
}

fn wants_local(core: &mut Core, full: bool) -> (ClientId, Vec<Action>) {
    let client = core.arrive(true);
    let outfile = b"/x/y".to_vec();
    (
        client,
        core.apply(
            START,
            Event::LocalWanted {
                client,
                outfile,
                full,
            },
        ),
    )
}

fn wants_compile(core: &mut Core, job: u32) -> (ClientId, Vec<Action>) {
    let client = core.arrive(false);
    (
        client,
        core.apply(
            START,
            Event::CompileWanted {
                client,
                job: JobId(job),
            },
        ),
    )
}

fn leaves(core: &mut Core, client: ClientId, farewell: bool) -> Vec<Action> {
    core.apply(START, Event::ClientLeft { client, farewell })
}

fn placement(job: u32) -> Placement {
    Placement {
        job: JobId(job),
        host: "10.0.0.2".into(),
        port: 10245,
        platform: "x86_64".into(),
        has_toolchain: true,
        matched: JobId(0),
    }
}

fn done(job: u32, code: i32, from: From, client_count: u32) -> Action {
    let usage = Usage::failed(code);
    Action::Report(Report::Done {
        job: JobId(job),
        usage,
        from,
        client_count,
    })
}

fn begun(job: u32, client_count: u32) -> Action {
    Action::Report(Report::Begun {
        job: JobId(job),
        client_count,
    })
}

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
                job: JobId(9)
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
                job: JobId(9)
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
fn without_a_scheduler_compiles_stay_at_home_and_nothing_is_reported() {
    let mut core = core(2);
    let (client, actions) = wants_host(&mut core);
    let job = JobId(client.0);
    assert_eq!(actions, [Action::CompileAtHome { client, job }]);
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
        job: JobId(3)
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
        };
        assert!(actions.contains(&expected), "{actions:?}");
    }
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
            job: JobId(waiting.0)
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
        },
    );
    assert_eq!(
        home,
        [Action::CompileAtHome {
            client,
            job: JobId(1)
        }]
    );
    assert_eq!(
        core.apply(
            START,
            Event::SentHome {
                client,
                job: JobId(2)
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
        job: JobId(2)
    }));
    let end = leaves(&mut core, client, true);
    assert_eq!(end, [done(2, 119, From::Submitter, 0)]);
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
    assert_eq!(actions, [Action::RefuseCompile { client }]);
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
