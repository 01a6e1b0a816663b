//! Foreign compiles and the memory that they need.

use super::*;
use crate::load::Lack;
use crate::owner::Objection;

const GIB: u64 = 1 << 30;

fn like(job: u64, guess: u64) -> Likeness {
    Likeness {
        job,
        kind: job,
        guess,
    }
}

fn host(slots: u32, memory: u64) -> Core {
    let mut core = Core::new(slots, memory);
    core.apply(START, Event::SchedulerFound);
    core
}

fn uses(core: &mut Core, client: ClientId, bytes: u64) -> Vec<Action> {
    core.apply(START, Event::CompileUses { client, bytes })
}

fn ended(core: &mut Core, client: ClientId) -> Vec<Action> {
    let usage = Usage::default();
    core.apply(START, Event::CompileEnded { client, usage })
}

#[test]
fn a_compile_waits_for_memory_although_slots_are_free() {
    let mut core = host(4, 4 * GIB);
    let (first, _) = wants_compile_like(&mut core, 1, like(1, 3 * GIB));
    let (second, actions) = wants_compile_like(&mut core, 2, like(2, 2 * GIB));
    assert_eq!(actions, []);
    assert_eq!((core.used(), core.deadline()), (1, Some(MEMORY_PATIENCE)));
    // What comes later does not overtake, and local jobs do.
    let (_, actions) = wants_compile_like(&mut core, 3, like(3, 1));
    assert_eq!(actions, []);
    let (local, actions) = wants_local(&mut core, false);
    assert!(actions.contains(&Action::StartLocal {
        client: local,
        full: false
    }));
    let actions = ended(&mut core, first);
    assert!(actions.contains(&Action::StartCompile { client: second }));
}

#[test]
fn the_youngest_makes_way_begins_again_first_and_is_reported_once() {
    let mut core = host(4, 4 * GIB);
    let (first, _) = wants_compile_like(&mut core, 1, like(1, GIB));
    let (second, _) = wants_compile_like(&mut core, 2, like(2, GIB));
    assert_eq!(uses(&mut core, first, 2 * GIB), []);
    let evict = Action::EvictCompile {
        client: second,
        again: true,
    };
    assert_eq!(uses(&mut core, second, 2 * GIB), [evict]);
    assert_eq!(uses(&mut core, first, 3 * GIB), []);
    assert_eq!(
        core.apply(START, Event::CompileEvicted { client: second }),
        []
    );
    assert_eq!(core.used(), 1);
    let (_, actions) = wants_compile_like(&mut core, 3, like(3, 1));
    assert_eq!(actions, []);
    let actions = ended(&mut core, first);
    assert_eq!(
        actions,
        [
            done(1, 0, From::Executor, 0),
            Action::StartCompile { client: second }
        ]
    );
    assert!(core.memory().free() < GIB, "it is thought to need all");
}

#[test]
fn a_compile_that_ended_before_it_could_make_way_is_no_loss() {
    let mut core = host(4, 4 * GIB);
    let (first, _) = wants_compile_like(&mut core, 1, like(1, GIB));
    let (second, _) = wants_compile_like(&mut core, 2, like(2, GIB));
    uses(&mut core, first, 2 * GIB);
    assert_ne!(uses(&mut core, second, 2 * GIB), []);
    ended(&mut core, second);
    let (third, actions) = wants_compile_like(&mut core, 3, like(3, GIB));
    assert_eq!(actions, [], "the first one may still grow");
    let actions = leaves(&mut core, first, false);
    assert!(actions.contains(&Action::StartCompile { client: third }));
}

#[test]
fn what_needs_more_than_there_is_is_sent_back_and_next_time_at_once() {
    let mut core = host(4, 4 * GIB);
    let (client, _) = wants_compile_like(&mut core, 1, like(1, GIB));
    let evict = Action::EvictCompile {
        client,
        again: false,
    };
    assert_eq!(uses(&mut core, client, 4 * GIB + 1), [evict]);
    ended(&mut core, client);
    let (client, actions) = wants_compile_like(&mut core, 2, like(1, GIB));
    let why = Refusal::TooLarge;
    assert_eq!(actions, [Action::RefuseCompile { client, why }]);
    let usage = Usage::failed(code::OUT_OF_MEMORY);
    let actions = core.apply(START, Event::CompileEnded { client, usage });
    assert_eq!(actions, [done(2, code::OUT_OF_MEMORY, From::Executor, 0)]);
    assert_eq!(core.used(), 0);
}

#[test]
fn what_a_compile_needed_is_known_the_next_time() {
    let mut core = host(4, 4 * GIB);
    let (client, _) = wants_compile_like(&mut core, 1, like(1, 1));
    let peak = Peak::Bytes(3 * GIB);
    core.apply(START, Event::CompilePeaked { client, peak });
    ended(&mut core, client);
    wants_compile_like(&mut core, 2, like(1, 1));
    assert!(core.memory().free() < GIB);
    let (_, actions) = wants_compile_like(&mut core, 3, like(1, 1));
    assert_eq!(actions, []);
}

#[test]
fn nothing_starts_to_stand_still() {
    let leave = Pressure::Full(Lack::Leave(Objection::Battery));
    let mut core = host(1, 4 * GIB);
    let (first, _) = wants_compile(&mut core, 1);
    let (second, _) = wants_compile(&mut core, 2);
    assert_eq!(core.apply(START, Event::Frozen(true)), []);
    assert_eq!((core.used(), core.deadline()), (0, None));
    assert_eq!(core.apply(START, Event::Pressure(leave)), []);
    assert_eq!(core.deadline(), Some(PRESSURE_PATIENCE));
    // It was short: the pressure goes first.
    let later = PRESSURE_PATIENCE * 2;
    assert_eq!(core.apply(later, Event::Pressure(Pressure::Open)), []);
    assert_eq!(core.apply(later, Event::Frozen(false)), []);
    assert_eq!(core.used(), 1);
    let actions = ended(&mut core, first);
    assert!(actions.contains(&Action::StartCompile { client: second }));
}

#[test]
fn waiting_for_memory_has_an_end_and_what_fits_behind_starts() {
    let mut core = host(4, 4 * GIB);
    wants_compile_like(&mut core, 1, like(1, 3 * GIB));
    let (client, _) = wants_compile_like(&mut core, 2, like(2, 2 * GIB));
    let (third, _) = wants_compile_like(&mut core, 3, like(3, GIB));
    let early = MEMORY_PATIENCE.saturating_sub(Duration::from_millis(1));
    assert_eq!(core.apply(early, Event::Tick), []);
    let why = Refusal::Crowded;
    let refusal = Action::RefuseCompile { client, why };
    let actions = core.apply(MEMORY_PATIENCE, Event::Tick);
    assert_eq!(
        actions[..2],
        [refusal, Action::StartCompile { client: third }]
    );
    let usage = Usage::failed(code::OUT_OF_MEMORY);
    let actions = core.apply(MEMORY_PATIENCE, Event::CompileEnded { client, usage });
    assert_eq!(actions, [done(2, code::OUT_OF_MEMORY, From::Executor, 0)]);
    assert_eq!(core.deadline(), None);
}
