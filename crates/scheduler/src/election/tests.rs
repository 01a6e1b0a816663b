//! Schedulers that come, go and lose sight of each other, on a virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::MemberId;
use transport::HostPort;

use super::policy::{BEAT, Candidate, Election, Event, SILENCE, Verdict};

const STEP: Duration = Duration::from_millis(250);
/// Within which all agree after the last change.
const SETTLED: Duration = Duration::from_secs(6);

fn id(number: usize) -> MemberId {
    MemberId::from_bytes([u8::try_from(number).unwrap(); 16])
}

fn candidate(number: usize, started_ms: u64) -> Candidate {
    Candidate {
        member: id(number),
        name: format!("s{number}"),
        started_ms,
        addresses: vec![HostPort {
            host: format!("s{number}"),
            port: 8765,
        }],
    }
}

fn heard(number: usize, started_ms: u64) -> Event {
    Event::Heard {
        stream: number as u64,
        candidate: candidate(number, started_ms),
    }
}

fn known(numbers: &[usize]) -> Event {
    Event::Known(numbers.iter().map(|it| (id(*it), Vec::new())).collect())
}

fn elected(verdict: &Verdict) -> Option<MemberId> {
    match verdict {
        Verdict::Open => None,
        Verdict::Own { .. } => Some(id(0)),
        Verdict::Other { elected, .. } => Some(elected.member),
    }
}

#[test]
fn a_newcomer_waits_for_those_that_are_known_and_no_longer() {
    let at = Duration::from_millis;
    let mut election = Election::new(candidate(0, 50));
    assert_eq!(election.verdict(at(0)), Verdict::Open);
    election.apply(at(10), known(&[0, 1, 2]));
    election.apply(at(20), Event::Missing(id(1)));
    assert_eq!(election.verdict(at(20)), Verdict::Open);
    election.apply(at(30), heard(2, 40));
    assert_eq!(elected(&election.verdict(at(30))), Some(id(2)));
    // Alone in the world it does not wait at all, and without an authority three seconds.
    let mut alone = Election::new(candidate(0, 50));
    assert_eq!(alone.verdict(at(2999)), Verdict::Open);
    assert_eq!(elected(&alone.verdict(at(3000))), Some(id(0)));
    let mut alone = Election::new(candidate(0, 50));
    alone.apply(at(10), known(&[0]));
    assert_eq!(elected(&alone.verdict(at(10))), Some(id(0)));
}

#[test]
fn one_that_ends_is_gone_at_once_and_one_that_is_silent_after_a_while() {
    let at = Duration::from_secs;
    let mut election = Election::new(candidate(0, 50));
    election.apply(at(0), known(&[0, 1]));
    election.apply(at(1), heard(1, 40));
    assert_eq!(elected(&election.verdict(at(1))), Some(id(1)));
    // A second way to it does not end with the first.
    let candidate = candidate(1, 40);
    election.apply(
        at(1),
        Event::Heard {
            stream: 9,
            candidate,
        },
    );
    election.apply(at(2), Event::Over { stream: 1 });
    assert_eq!(elected(&election.verdict(at(2))), Some(id(1)));
    election.apply(at(2), Event::Over { stream: 9 });
    let Verdict::Own { why } = election.verdict(at(2)) else {
        panic!("nobody else is there");
    };
    assert_eq!(
        why,
        "s0 is the only scheduler that runs; 1 more known, not heard now"
    );
    election.apply(at(3), heard(1, 40));
    assert_eq!(election.deadline(at(4)), Some(at(3) + SILENCE));
    assert_eq!(elected(&election.verdict(at(6))), Some(id(1)));
    assert_eq!(elected(&election.verdict(at(7))), Some(id(0)));
}

#[test]
fn the_first_started_is_elected_and_then_the_lower_id() {
    let now = Duration::from_secs(5);
    for (own, other, whom) in [(50, 51, 0), (50, 49, 1), (50, 50, 0)] {
        let mut election = Election::new(candidate(0, own));
        election.apply(now, heard(1, other));
        assert_eq!(elected(&election.verdict(now)), Some(id(whom)));
    }
}

/// Numbers that look random and are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

struct World {
    now: Duration,
    runs: Vec<Option<Running>>,
    /// Those with the same number reach each other.
    part: Vec<u64>,
    next_stream: u64,
}

struct Running {
    began: Duration,
    started_ms: u64,
    election: Election,
    verdict: Option<MemberId>,
    changes: u32,
    streams: BTreeMap<usize, u64>,
}

impl World {
    fn start(&mut self, who: usize, skew_ms: u64) {
        let started_ms = self.now.as_millis() as u64 + skew_ms;
        let mut election = Election::new(candidate(who, started_ms));
        let everybody: Vec<_> = (0..self.runs.len()).collect();
        election.apply(Duration::ZERO, known(&everybody));
        self.runs[who] = Some(Running {
            began: self.now,
            started_ms,
            election,
            verdict: None,
            changes: 0,
            streams: BTreeMap::new(),
        });
    }

    /// Everybody who hears of it hears at once, as of a closed connection.
    fn end(&mut self, who: usize) {
        self.runs[who] = None;
        for other in 0..self.runs.len() {
            let reaches = self.part[other] == self.part[who];
            let now = self.now;
            if let Some(running) = self.runs[other].as_mut().filter(|_| reaches)
                && let Some(stream) = running.streams.remove(&who)
            {
                running
                    .election
                    .apply(now - running.began, Event::Over { stream });
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let beats = self.now.as_millis().is_multiple_of(BEAT.as_millis());
        for to in 0..self.runs.len() {
            for from in (0..self.runs.len()).filter(|from| beats && *from != to) {
                let Some(started_ms) = self.runs[from].as_ref().map(|it| it.started_ms) else {
                    continue;
                };
                let (now, reaches) = (self.now, self.part[from] == self.part[to]);
                let next_stream = &mut self.next_stream;
                if let Some(running) = self.runs[to].as_mut().filter(|_| reaches) {
                    let stream = *running.streams.entry(from).or_insert_with(|| {
                        *next_stream += 1;
                        *next_stream
                    });
                    let candidate = candidate(from, started_ms);
                    let event = Event::Heard { stream, candidate };
                    running.election.apply(now - running.began, event);
                }
            }
        }
        for (who, running) in self.runs.iter_mut().enumerate() {
            let Some(running) = running else { continue };
            let verdict = match running.election.verdict(self.now - running.began) {
                Verdict::Own { .. } => Some(id(who)),
                other => elected(&other),
            };
            running.changes += u32::from(verdict != running.verdict);
            running.verdict = verdict;
        }
    }

    /// In each part the eldest is elected by all, and no verdict moves any more.
    fn check(&mut self, seed: u64) {
        for running in self.runs.iter_mut().flatten() {
            running.changes = 0;
        }
        for _ in 0..20 {
            self.step();
        }
        for (who, running) in self.runs.iter().enumerate() {
            let Some(running) = running else { continue };
            let reached = (0..self.runs.len()).filter(|it| self.part[*it] == self.part[who]);
            let eldest = reached
                .filter_map(|it| Some((self.runs[it].as_ref()?.started_ms, id(it))))
                .min();
            assert_eq!(running.verdict, eldest.map(|(_, it)| it), "seed {seed}");
            assert_eq!(running.changes, 0, "seed {seed}");
        }
    }
}

#[test]
fn whatever_happens_each_part_of_the_network_soon_has_one_scheduler() {
    for seed in 0..300 {
        let mut chance = Chance(seed);
        let count = 2 + chance.below(4) as usize;
        let mut world = World {
            now: Duration::from_secs(1000),
            runs: (0..count).map(|_| None).collect(),
            part: vec![0; count],
            next_stream: 0,
        };
        for who in 0..count {
            let skew = chance.below(3);
            world.start(who, skew);
        }
        for _ in 0..12 {
            let who = chance.below(count as u64) as usize;
            match chance.below(4) {
                0 => world.end(who),
                // Clocks of different hosts differ, by an hour at most.
                1 if world.runs[who].is_none() => {
                    let skew = chance.below(3_600_000);
                    world.start(who, skew);
                }
                2 => world.part = (0..count).map(|_| chance.below(2)).collect(),
                _ => world.part = vec![0; count],
            }
            for _ in 0..chance.below(30) {
                world.step();
            }
            if chance.below(2) == 0 {
                for _ in 0..SETTLED.as_millis() / STEP.as_millis() {
                    world.step();
                }
                world.check(seed);
            }
        }
    }
}
