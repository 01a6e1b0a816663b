use std::collections::{BTreeMap, HashSet};

use super::*;

const A: MemberId = MemberId::from_bytes([1; 16]);
const B: MemberId = MemberId::from_bytes([2; 16]);

fn ms(count: u64) -> Moment {
    Duration::from_millis(count)
}

fn grant(number: u64, executor: MemberId) -> Granted<()> {
    Granted {
        number,
        executor,
        lifetime: Duration::from_secs(60),
        what: (),
    }
}

type Actions = Vec<Action<()>>;

fn wants(actions: &Actions) -> Option<u32> {
    actions.iter().rev().find_map(|action| match action {
        Action::Want(count) => Some(*count),
        _ => None,
    })
}

#[test]
fn the_first_job_waits_and_the_next_finds_a_grant() {
    let mut grants = Grants::default();
    let asked = grants.apply(Event::Wanted(Token(1)), ms(0));
    assert_eq!(asked, [Action::Want(2)]);
    let came = vec![grant(7, A), grant(8, B)];
    let given = grants.apply(Event::Granted(came), ms(50));
    assert_eq!(given, [Action::Give(Token(1), grant(7, A))]);
    let next = grants.apply(Event::Wanted(Token(2)), ms(60));
    assert_eq!(next[0], Action::Give(Token(2), grant(8, B)));
    assert_eq!(wants(&next), Some(3));
}

#[test]
fn a_job_that_is_announced_finds_its_grant() {
    let mut grants = Grants::default();
    assert_eq!(grants.apply(Event::Coming, ms(0)), [Action::Want(1)]);
    let came = grants.apply(Event::Granted(vec![grant(1, A)]), ms(50));
    assert_eq!(came, []);
    let given = grants.apply(Event::Wanted(Token(1)), ms(60));
    assert_eq!(given[0], Action::Give(Token(1), grant(1, A)));
}

#[test]
fn what_nobody_uses_goes_back_when_no_job_came_for_a_while() {
    let mut grants = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    grants.apply(Event::Granted(vec![grant(1, A), grant(2, A)]), ms(10));
    assert_eq!(grants.apply(Event::Tick, ms(1999)), []);
    let rest = grants.apply(Event::Tick, ms(2000));
    assert_eq!(rest, [Action::GiveBack(vec![2]), Action::Want(1)]);
    assert!(!grants.is_idle());
    assert_eq!(grants.apply(Event::Over(1), ms(2500)), [Action::Want(0)]);
    assert!(grants.is_idle());
    assert_eq!(grants.wake_at(), None);
}

#[test]
fn a_surplus_goes_back_while_jobs_come() {
    let mut grants = Grants::default();
    let burst: Vec<_> = (1..=4).map(|n| Event::Wanted(Token(n))).collect();
    for wanted in burst {
        grants.apply(wanted, ms(0));
    }
    // Three jobs went elsewhere before their grants came.
    for left in 2..=4 {
        grants.apply(Event::Left(Token(left)), ms(1));
    }
    let came = (1..=5).map(|n| grant(n, A)).collect();
    let given = grants.apply(Event::Granted(came), ms(50));
    assert_eq!(given[0], Action::Give(Token(1), grant(1, A)));
    for later in 1..20 {
        let given = grants.apply(Event::Coming, ms(later * 100));
        let back = given.iter().any(|one| matches!(one, Action::GiveBack(_)));
        assert!(!back, "{later}");
    }
    let given = grants.apply(Event::Coming, ms(2100));
    assert!(matches!(&given[0], Action::GiveBack(numbers) if !numbers.is_empty()));
}

#[test]
fn old_grants_are_dropped() {
    let mut grants = Grants::default();
    grants.apply(Event::Coming, ms(0));
    grants.apply(Event::Granted(vec![grant(1, A)]), ms(0));
    for second in 1..30 {
        assert_eq!(grants.apply(Event::Coming, ms(second * 1000)), []);
    }
    let dropped = grants.apply(Event::Wanted(Token(1)), ms(30_000));
    assert_eq!(dropped[0], Action::GiveBack(vec![1]));
    assert!(!dropped.iter().any(|one| matches!(one, Action::Give(..))));
}

#[test]
fn a_longer_way_is_met_with_more_ahead() {
    let mut grants = Grants::default();
    grants.apply(Event::Wanted(Token(0)), ms(0));
    grants.apply(Event::Granted(vec![grant(1000, A)]), ms(400));
    let mut most = 0;
    for n in 1..=20 {
        let actions = grants.apply(Event::Wanted(Token(n)), ms(400 + n * 50));
        most = most.max(wants(&actions).unwrap_or(0));
        grants.apply(Event::Granted(vec![grant(n, A)]), ms(400 + n * 50));
    }
    // 20 jobs a second, and answers after up to 0.4 s.
    assert!((22..=40).contains(&most), "{most}");
}

#[test]
fn a_scheduler_that_has_nothing_sends_jobs_home() {
    for kind in [Without::Nobody, Without::NobodyWilling, Without::NoHost] {
        let mut grants = Grants::default();
        let without = kind("why".to_owned());
        let home = |token| Action::Refuse(Token(token), without.clone());
        grants.apply(Event::Wanted(Token(1)), ms(0));
        grants.apply(Event::Wanted(Token(2)), ms(0));
        let nothing = Event::Nothing(without.clone());
        let told = grants.apply(nothing, ms(50));
        assert_eq!(told, [home(1), home(2), Action::Want(1)]);
        // It is not told again, and has something when it grants it.
        assert_eq!(grants.apply(Event::Wanted(Token(3)), ms(1500)), [home(3)]);
        let came = grants.apply(Event::Granted(vec![grant(1, A)]), ms(1600));
        assert_eq!(came, []);
        let given = grants.apply(Event::Wanted(Token(4)), ms(1700));
        assert_eq!(given[0], Action::Give(Token(4), grant(1, A)));
    }
}

#[test]
fn who_comes_after_a_rest_is_answered_anew() {
    let mut grants: Grants<()> = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    let nobody = Without::Nobody(String::new());
    grants.apply(Event::Nothing(nobody), ms(10));
    assert_eq!(grants.apply(Event::Tick, ms(2000)), [Action::Want(0)]);
    let again = grants.apply(Event::Wanted(Token(2)), ms(3000));
    assert_eq!(again, [Action::Want(2)]);
}

#[test]
fn nobody_waits_for_ever() {
    let mut grants: Grants<()> = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    while let Some(at) = grants.wake_at().filter(|at| *at < PLACEMENT) {
        let tick = grants.apply(Event::Tick, at);
        assert!(!tick.iter().any(|one| matches!(one, Action::Refuse(..))));
    }
    let late = grants.apply(Event::Tick, PLACEMENT);
    assert_eq!(late[0], Action::Refuse(Token(1), Without::TooLate));
}

#[test]
fn a_stream_that_ends_takes_its_grants_along() {
    let mut grants = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    grants.apply(Event::Wanted(Token(2)), ms(0));
    grants.apply(Event::Granted(vec![grant(1, A)]), ms(10));
    // One waits still: a stream is opened anew for it.
    let over = grants.apply(Event::StreamOver, ms(20));
    assert_eq!(over, [Action::Want(2)]);
    let none = grants.apply(Event::NoScheduler("gone".to_owned()), ms(30));
    let gone = Without::NoScheduler("gone".to_owned());
    assert_eq!(none, [Action::Refuse(Token(2), gone)]);
    // The end of a job of the old stream is nobody's business.
    assert_eq!(wants(&grants.apply(Event::Over(1), ms(40))), Some(1));
}

#[test]
fn an_executor_that_failed_is_not_offered_to_the_next_job() {
    let mut grants = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    let came = vec![grant(1, A), grant(2, A), grant(3, B)];
    grants.apply(Event::Granted(came), ms(10));
    let avoided = grants.apply(Event::Avoid(A), ms(20));
    assert_eq!(avoided[0], Action::GiveBack(vec![2]));
    let given = grants.apply(Event::Wanted(Token(2)), ms(30));
    assert_eq!(given[0], Action::Give(Token(2), grant(3, B)));
}

#[test]
fn a_grant_that_a_job_did_not_take_serves_another() {
    let mut grants = Grants::default();
    grants.apply(Event::Wanted(Token(1)), ms(0));
    grants.apply(Event::Wanted(Token(2)), ms(0));
    grants.apply(Event::Granted(vec![grant(1, A)]), ms(10));
    let unused = grants.apply(Event::Unused(grant(1, A)), ms(20));
    assert_eq!(unused[0], Action::Give(Token(2), grant(1, A)));
    // One of an earlier stream is not known.
    assert_eq!(grants.apply(Event::Unused(grant(9, A)), ms(30)), []);
}

/// A scheduler with some places, a network with a delay, jobs of random lengths that come and go.
struct World {
    seed: u64,
    grants: Grants<()>,
    places: usize,
    /// What the scheduler was told to want, and what it has granted of that.
    want: u32,
    out: HashSet<u64>,
    next: u64,
    waiting: HashSet<Token>,
    running: BTreeMap<(Moment, u64), ()>,
    coming: BTreeMap<(Moment, u64), Vec<Event<()>>>,
    served: usize,
}

impl World {
    fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn happen(&mut self, event: Event<()>, now: Moment) {
        let mut unused = Vec::new();
        for action in self.grants.apply(event, now) {
            match action {
                Action::Give(token, grant) => {
                    assert!(self.out.contains(&grant.number), "a grant out of nothing");
                    if self.waiting.remove(&token) {
                        self.served += 1;
                        let end = now + ms(20 + self.random(500));
                        self.running.insert((end, grant.number), ());
                    } else {
                        // It left at the same moment.
                        unused.push(Event::Unused(grant));
                    }
                }
                Action::Refuse(token, why) => {
                    assert!(self.waiting.remove(&token));
                    assert_eq!(why, Without::TooLate);
                }
                Action::Want(count) => self.want = count,
                Action::GiveBack(numbers) => {
                    for number in numbers {
                        assert!(self.out.remove(&number), "{number} went back twice");
                    }
                }
            }
        }
        for event in unused {
            self.happen(event, now);
        }
    }

    /// The scheduler grants what it can.
    fn grant(&mut self, now: Moment) {
        let mut some = Vec::new();
        while self.out.len() < self.places && self.out.len() < self.want as usize {
            self.next += 1;
            self.out.insert(self.next);
            some.push(grant(self.next, A));
        }
        if !some.is_empty() {
            let at = now + ms(10 + self.random(60));
            self.coming
                .insert((at, self.next), vec![Event::Granted(some)]);
        }
    }
}

#[test]
fn whatever_happens_no_grant_is_lost_and_no_job_forgotten() {
    for seed in 1..=200_u64 {
        let mut world = World {
            seed: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed),
            grants: Grants::default(),
            places: 3 + seed as usize % 5,
            want: 0,
            out: HashSet::new(),
            next: 0,
            waiting: HashSet::new(),
            running: BTreeMap::new(),
            coming: BTreeMap::new(),
            served: 0,
        };
        let mut wanted = 0;
        let mut left = 0;
        for step in 0..2000_u64 {
            let now = ms(step * 10);
            let mut events = Vec::new();
            while let Some(entry) = world.coming.first_entry().filter(|one| one.key().0 <= now) {
                events.extend(entry.remove());
            }
            while let Some(entry) = world.running.first_entry().filter(|one| one.key().0 <= now) {
                let ((_, number), ()) = entry.remove_entry();
                world.out.remove(&number);
                events.push(Event::Over(number));
            }
            if step < 1200 && world.random(10) == 0 {
                wanted += 1;
                world.waiting.insert(Token(wanted));
                events.push(Event::Wanted(Token(wanted)));
            }
            if world.random(80) == 0
                && let Some(token) = world.waiting.iter().min().copied()
            {
                world.waiting.remove(&token);
                left += 1;
                events.push(Event::Left(token));
            }
            if world.grants.wake_at().is_some_and(|at| at <= now) {
                events.push(Event::Tick);
            }
            for event in events {
                world.happen(event, now);
            }
            world.grant(now);
        }
        // 8 s after the last job everything is back.
        assert_eq!(world.waiting, HashSet::new(), "seed {seed}");
        assert_eq!(world.served + left, wanted as usize, "seed {seed}");
        assert_eq!(world.out, HashSet::new(), "seed {seed}");
        assert_eq!(world.want, 0, "seed {seed}");
        assert!(world.grants.is_idle(), "seed {seed}");
    }
}
