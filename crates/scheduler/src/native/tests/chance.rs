//! Whatever happens in whatever order, nothing is lost and everybody gets a part.

use super::*;

/// SplitMix64: the same seed, the same history.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

const ENDINGS: [Ending; 4] = [
    Ending::Done,
    Ending::Lost,
    Ending::Cancelled,
    Ending::Unreachable,
];

#[test]
fn any_history_ends_with_nothing_open() {
    for seed in 0..40 {
        history(seed);
    }
}

fn history(seed: u64) {
    let mut chance = Chance(seed);
    let mut world = World::with(4, &[3, 1, 6]);
    let mut streams: BTreeMap<StreamKey, u8> = BTreeMap::new();
    let mut running: Vec<(StreamKey, Granted)> = Vec::new();
    let mut number = 0;
    for _ in 0..400 {
        let pick = chance.below(streams.len().max(1));
        let some = streams.keys().nth(pick).copied();
        match (chance.below(14), some) {
            (0, _) if streams.len() < 12 => {
                number += 1;
                let owner = 1 + chance.below(4) as u8;
                let key = stream(u32::from(owner), number);
                streams.insert(key, owner);
                world.open(owner, key, chance.below(20) as u32);
            }
            (1, Some(key)) => world.count(key, chance.below(30) as u32),
            (2, Some(key)) if chance.below(4) == 0 => {
                streams.remove(&key);
                world.close(key);
            }
            (3, Some(key)) => {
                if let Some(grant) = world.held(key).first().cloned() {
                    world.give_back(key, grant.job);
                }
            }
            (4..=7, Some(key)) => {
                if let Some(grant) = world.held(key).first().cloned() {
                    world.begin(&grant);
                    world.drop_held(key, grant.job);
                    running.push((key, grant));
                }
            }
            (8..=10, _) if !running.is_empty() => {
                let (key, grant) = running.remove(chance.below(running.len()));
                let told_first = chance.below(2) == 0;
                let ending = ENDINGS[chance.below(4)];
                if told_first {
                    world.report(key, grant.job, ending);
                }
                if chance.below(5) > 0 {
                    world.end(&grant);
                }
                if !told_first {
                    world.report(key, grant.job, ending);
                }
            }
            (11, _) => {
                let number = [1, 2, 3, 4, 100, 101, 102][chance.below(7)];
                match world.host(number) {
                    Some(_) if chance.below(3) == 0 => world.log_out(number),
                    Some(_) => world.load(number, [10, 1000][chance.below(2)]),
                    None => world.log_in(number, if number < 100 { 0 } else { 3 }),
                }
            }
            // Whoever names what is not its own changes nothing.
            (12, Some(key)) => world.give_back(key, JobId(chance.below(500) as u32)),
            _ => world.pass(chance.below(2000) as f64 / 100.0),
        }
    }
    for key in streams.into_keys() {
        world.close(key);
    }
    world.pass(4000.0);
    assert!(world.ledger.is_idle(), "seed {seed}");
    assert_eq!(world.cluster.task_count(), 0, "seed {seed}");
}

#[test]
fn two_members_who_build_share_fairly() {
    for seed in 0..4 {
        let mut chance = Chance(seed);
        let mut world = World::with(3, &[6, 6]);
        let keys = [stream(1, 1), stream(2, 1)];
        world.open(1, keys[0], 60);
        world.pass(3.0);
        world.open(2, keys[1], 60);
        // A third holds what it gets and uses nothing.
        world.open(3, stream(3, 1), 1000);
        let mut done = [0_u32; 2];
        let mut running: Vec<(usize, Granted)> = Vec::new();
        for _ in 0..2000 {
            for (at, key) in keys.iter().enumerate() {
                for grant in world.held(*key) {
                    world.begin(&grant);
                    world.drop_held(*key, grant.job);
                    running.push((at, grant));
                }
            }
            if !running.is_empty() {
                let (at, grant) = running.remove(chance.below(running.len()));
                world.end(&grant);
                world.report(keys[at], grant.job, Ending::Done);
                done[at] += 1;
            }
            world.pass(0.05);
        }
        let [one, other] = done.map(f64::from);
        assert!(
            one + other > 1750.0,
            "{done:?}: the idle third stops nobody"
        );
        assert!((0.7..1.4).contains(&(one / other)), "seed {seed}: {done:?}");
    }
}
