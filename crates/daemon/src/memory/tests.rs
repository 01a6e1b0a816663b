use std::collections::BTreeSet;

use job::ClientId;

use super::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn like(job: u64) -> Likeness {
    Likeness {
        job: job + 1000,
        kind: 1,
        guess: 512 * MIB,
    }
}

fn started(limit: u64, count: u32) -> Budget {
    let mut budget = Budget::new(limit);
    for number in 1..=count {
        let like = like(u64::from(number));
        let expected = budget.expected(&like);
        assert!(budget.fits(expected));
        budget.start(ClientId(number), like, expected, u64::from(number));
    }
    budget
}

#[test]
fn a_compile_starts_only_where_its_expected_need_fits() {
    let mut budget = started(8 * GIB, 15);
    assert!(budget.fits(512 * MIB));
    assert!(!budget.fits(513 * MIB));
    // One that has taken more than was expected leaves less to others.
    budget.measured(ClientId(1), 1024 * MIB);
    assert!(!budget.fits(1));
    budget.end(ClientId(2));
    assert!(budget.fits(512 * MIB));
}

#[test]
fn a_guess_above_the_limit_runs_alone_and_a_known_need_above_it_is_refused() {
    let mut budget = Budget::new(GIB);
    let huge = Likeness {
        guess: 9 * GIB,
        ..like(1)
    };
    assert!(!budget.is_too_large(&huge));
    budget.start(ClientId(1), huge, budget.expected(&huge), 1);
    assert!(!budget.fits(1));
    budget.exceeded(ClientId(1));
    budget.end(ClientId(1));
    assert!(budget.is_too_large(&huge));
    let refused = (0..100).filter(|_| budget.is_too_large(&huge)).count();
    assert!(
        (1..20).contains(&refused),
        "tried again after {refused} refusals"
    );
}

#[test]
fn what_was_too_much_is_measured_by_the_limit_of_its_start() {
    let mut budget = Budget::new(8 * GIB);
    budget.set_available(2 * GIB);
    budget.start(ClientId(1), like(1), GIB, 1);
    budget.set_available(20 * GIB);
    budget.exceeded(ClientId(1));
    budget.end(ClientId(1));
    assert!(!budget.is_too_large(&like(1)), "it had a quarter of it");
    assert_eq!(budget.expected(&like(1)) >> 20, 2304);
    // The host took back what it had given: the job had not more than it may.
    budget.start(ClientId(2), like(2), GIB, 2);
    budget.measured(ClientId(2), 3 * GIB);
    budget.set_available(0);
    budget.measured(ClientId(2), 4 * GIB);
    assert_eq!(budget.excess(), Some(Excess::TooLarge(ClientId(2))));
    budget.end(ClientId(2));
    assert!(!budget.is_too_large(&like(2)));
}

#[test]
fn what_fits_is_not_too_large_for_the_sake_of_a_margin_or_of_a_full_host() {
    let mut budget = started(8 * GIB, 1);
    budget.peaked(ClientId(1), 8 * GIB - MIB);
    budget.end(ClientId(1));
    assert!(!budget.is_too_large(&like(1)));
    budget.set_available(GIB);
    assert!(!budget.is_too_large(&like(1)));
}

#[test]
fn nothing_is_offered_until_the_others_have_room_to_grow() {
    let mut budget = started(8 * GIB, 2);
    budget.measured(ClientId(1), 4 * GIB);
    budget.measured(ClientId(2), 4 * GIB);
    assert_eq!(budget.excess(), Some(Excess::Later(ClientId(2))));
    budget.end(ClientId(2));
    assert_eq!(budget.free(), 0);
    budget.end(ClientId(1));
    assert_eq!(budget.free(), 8 * GIB);
}

#[test]
fn the_youngest_makes_way_and_nothing_starts_until_memory_is_free() {
    let mut budget = started(8 * GIB, 3);
    for (client, used) in [(1, 2), (2, 3), (3, 2)] {
        budget.measured(ClientId(client), used * GIB);
    }
    assert_eq!(budget.excess(), None);
    budget.measured(ClientId(1), 3 * GIB);
    assert_eq!(budget.excess(), Some(Excess::Later(ClientId(3))));
    assert_eq!(budget.excess(), None, "its memory is about to be free");
    assert_eq!(
        budget.end(ClientId(3)),
        Some(4 * GIB),
        "the need is guessed anew"
    );
    assert!(!budget.fits(MIB), "the others are still growing");
    budget.peaked(ClientId(1), 3 * GIB);
    budget.end(ClientId(1));
    assert!(budget.fits(4 * GIB));
    assert_eq!(budget.expected(&like(1)), 3 * GIB + 3 * GIB / 8);
}

#[test]
fn one_alone_may_have_all_and_not_more() {
    let mut budget = started(8 * GIB, 1);
    budget.measured(ClientId(1), 8 * GIB);
    assert_eq!(budget.excess(), None);
    budget.measured(ClientId(1), 8 * GIB + 1);
    assert_eq!(budget.excess(), Some(Excess::TooLarge(ClientId(1))));
    assert_eq!(budget.excess(), None);
    budget.end(ClientId(1));
    assert!(budget.is_too_large(&like(1)));
}

#[test]
fn a_host_that_needs_its_memory_itself_takes_it_back() {
    let mut budget = started(8 * GIB, 2);
    budget.measured(ClientId(1), GIB);
    budget.measured(ClientId(2), GIB);
    budget.set_available(4 * GIB);
    assert_eq!((budget.limit(), budget.excess()), (6 * GIB, None));
    budget.set_available(64 * MIB);
    assert_eq!(budget.excess(), Some(Excess::Later(ClientId(2))));
    budget.set_available(20 * GIB);
    assert_eq!(budget.limit(), 8 * GIB);
}

#[test]
fn what_is_remembered_is_bounded_and_rises_faster_than_it_falls() {
    let mut history = History::default();
    for job in 0..100_000 {
        history.record(&like(job), GIB);
    }
    assert!(history.len() <= 8192);
    assert_eq!(history.known(&like(1)), None);
    assert_eq!(history.likely(&like(1)), GIB + GIB / 2);
    let file = like(99_999);
    history.record(&file, 4 * GIB);
    assert_eq!(history.known(&file), Some(4 * GIB + GIB / 2));
    history.record(&file, 2 * GIB);
    assert_eq!(history.known(&file), Some((3 * GIB + GIB / 2) / 8 * 9));
}

/// A compile of the simulation.
#[derive(Clone, Copy)]
struct Model {
    needs: u64,
    used: u64,
    expected: u64,
    refused: bool,
}

/// Compiles of any size grow in any order: all that can end do, the rest is refused, and what they
/// have together stays within the limit but for one step of each.
#[test]
fn everything_ends_or_is_refused_within_the_limit() {
    for seed in 0..400u64 {
        println!("seed {seed}");
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let limit = GIB + random(8 * GIB);
    let step = limit / 64;
    let mut budget = Budget::new(limit);
    let mut models: Vec<Model> = (0..12)
        .map(|_| Model {
            needs: 1 + random(limit + limit / 4),
            used: 0,
            expected: 0,
            refused: false,
        })
        .collect();
    for (number, model) in models.iter_mut().enumerate() {
        model.expected = budget.expected(&like(number as u64));
    }
    let mut waiting: BTreeSet<usize> = (0..models.len()).collect();
    let mut running = BTreeSet::new();
    for round in 0.. {
        assert!(round < 200_000, "seed {seed}: it does not come to an end");
        while let Some(&first) = waiting.first()
            && budget.fits(models[first].expected)
        {
            waiting.remove(&first);
            models[first].used = 0;
            running.insert(first);
            let client = ClientId(first as u32 + 1);
            budget.start(
                client,
                like(first as u64),
                models[first].expected,
                first as u64,
            );
        }
        let candidates: Vec<usize> = running.iter().copied().collect();
        let Some(&one) = candidates.get(random(12) as usize % candidates.len().max(1)) else {
            assert!(
                waiting.is_empty(),
                "seed {seed}: nothing runs and something waits"
            );
            break;
        };
        let client = ClientId(one as u32 + 1);
        if models[one].used >= models[one].needs {
            budget.peaked(client, models[one].used);
            budget.end(client);
            running.remove(&one);
            continue;
        }
        models[one].used = (models[one].used + step).min(models[one].needs);
        budget.measured(client, models[one].used);
        assert!(budget.used() <= limit + step, "seed {seed}");
        while let Some(excess) = budget.excess() {
            let (Excess::Later(client) | Excess::TooLarge(client)) = excess;
            let gone = client.0 as usize - 1;
            assert!(running.remove(&gone), "seed {seed}");
            let raised = budget.end(client).unwrap();
            if excess == Excess::Later(client) {
                assert!(!running.is_empty(), "seed {seed}: the last one made way");
                models[gone].expected = raised;
                waiting.insert(gone);
            } else {
                assert!(models[gone].needs > limit, "seed {seed}");
                models[gone].refused = true;
            }
        }
    }
    for model in models {
        assert_eq!(model.refused, model.needs > limit, "seed {seed}");
    }
}
