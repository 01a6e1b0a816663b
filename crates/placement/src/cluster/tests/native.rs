//! Jobs of agents that ask the scheduler themselves.

use super::*;

const FIRST: Member = Member([1; 16]);

fn member(host: u32, slots: u32) -> Login {
    Login {
        member: Some(Member([host as u8; 16])),
        ..login(host, slots)
    }
}

impl Bench {
    /// Members only: host 1 submits and could take jobs itself, hosts 2 and up have as many slots as given.
    fn of_members(slots: &[u32]) -> Self {
        let mut bench = Self::new(Algorithm::Fastest);
        bench.join(1, member(1, 4));
        for (host, slots) in (2..).zip(slots) {
            bench.join(host, member(host, *slots));
        }
        bench
    }

    fn want(&mut self) -> (Result<JobId, Unasked>, Vec<Action>) {
        let mut actions = Vec::new();
        let mut wants = Arc::new(wants().natively());
        let from = self.cluster.host_of(FIRST).unwrap_or(HostId(99));
        let asked = self
            .cluster
            .wanted(self.now, (from, 0), &mut wants, &mut actions);
        actions.extend(self.settled());
        (asked, actions)
    }

    fn give_up(&mut self, job: JobId) -> Vec<Action> {
        let mut actions = Vec::new();
        self.cluster.given_up(job, &mut actions);
        actions.extend(self.settled());
        actions
    }

    fn settled(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.cluster.place(self.now, &mut actions);
        self.cluster.audit();
        self.cluster.audit_idle();
        self.cluster.audit_patience(self.now);
        actions
    }
}

#[test]
fn it_goes_to_members_and_never_home() {
    let mut bench = Bench::of_members(&[]);
    bench.join(2, login(2, 8)); // no member
    let (_, actions) = bench.want();
    let [assignment] = &assigned(actions)[..] else {
        panic!("no answer")
    };
    assert!(assignment.native);
    assert!(matches!(
        assignment.place,
        Place::Home(WhyHome::NoSuitableHost)
    ));
    assert_eq!(bench.cluster.task_count(), 0, "nothing is kept of it");
    bench.join(3, member(3, 1));
    let (_, actions) = bench.want();
    assert_eq!(on(&assigned(actions)[0].place), 3);
}

#[test]
fn it_waits_for_a_slot_and_takes_the_one_that_is_given_up() {
    let mut bench = Bench::of_members(&[1]);
    let mut placed = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let (asked, actions) = bench.want();
        let job = asked.unwrap();
        match assigned(actions).first() {
            Some(assignment) => placed.push(assignment.job),
            None => waiting.push(job),
        }
    }
    assert!(!placed.is_empty() && !waiting.is_empty());
    let actions = bench.give_up(waiting.pop().unwrap());
    assert!(assigned(actions).is_empty());
    for _ in 0..placed.len() + waiting.len() {
        let ended = placed.remove(0);
        placed.extend(assigned(bench.give_up(ended)).iter().map(|given| given.job));
    }
    assert_eq!(bench.cluster.task_count(), 0);
    let (_, actions) = bench.want();
    assert_eq!(assigned(actions).len(), 1);
}

#[test]
fn it_begins_and_ends_as_others_do() {
    let mut bench = Bench::of_members(&[1]);
    let (asked, _) = bench.want();
    let job = asked.unwrap();
    let begin = Begin {
        job,
        start_time: 1,
        client_count: 0,
    };
    let began = bench.event(Event::Began {
        host: HostId(2),
        begin,
    });
    assert!(matches!(began[..], [Action::Notice(Notice::Began { .. })]));
    let ended = bench.event(Event::Ended {
        host: HostId(2),
        report: report(job, false),
    });
    assert!(matches!(ended[..], [Action::Notice(Notice::Ended { .. })]));
    assert_eq!(bench.cluster.task_count(), 0);
}

#[test]
fn a_client_of_the_daemon_cannot_end_it() {
    let mut bench = Bench::of_members(&[1]);
    let jobs: Vec<_> = (0..4).map(|_| bench.want().0.unwrap()).collect();
    let before = bench.cluster.task_count();
    bench.event(Event::Ended {
        host: HostId(1),
        report: Report {
            number: 0,
            by_client: true,
            ..report(jobs[0], true)
        },
    });
    assert_eq!(bench.cluster.task_count(), before);
}

#[test]
fn who_is_no_host_asks_in_vain() {
    let mut bench = Bench::new(Algorithm::Fastest);
    assert_eq!(bench.want().0, Err(Unasked::NoHost));
}

#[test]
fn a_member_replaces_itself_and_nobody_else() {
    let mut bench = Bench::new(Algorithm::Fastest);
    bench.join(1, member(1, 1));
    // Another member with the same address and name.
    let same = |id: u8| Login {
        member: Some(Member([id; 16])),
        ..login(1, 1)
    };
    bench.join(2, same(2));
    assert_eq!(bench.cluster.host_count(), 2);
    bench.join(3, login(1, 1));
    assert_eq!(
        bench.cluster.host_count(),
        3,
        "and a stranger replaces no member"
    );
    let moved = Login {
        address: address(77),
        ..same(1)
    };
    let actions = bench.event(Event::Login {
        host: HostId(4),
        login: moved,
    });
    assert_eq!(dismissed(&actions), [(1, Dismissal::Replaced)]);
    assert_eq!(bench.cluster.host_of(FIRST), Some(HostId(4)));
}

#[test]
fn who_failed_a_job_is_passed_over_for_a_while() {
    let mut bench = Bench::of_members(&[8, 1]);
    let from = bench.cluster.host_of(FIRST).unwrap();
    let place = |bench: &mut Bench| on(&assigned(bench.want().1)[0].place);
    assert_eq!(place(&mut bench), 2, "the larger one");
    bench.cluster.avoid(from, HostId(2), true);
    assert_eq!(place(&mut bench), 3);
    bench.cluster.avoid(from, HostId(2), false);
    assert_eq!(place(&mut bench), 2);
    let wants = wants().natively();
    bench.cluster.unusable(from, HostId(2), &wants);
    bench.cluster.unusable(from, HostId(3), &wants);
    assert!(!bench.cluster.is_possible(&wants, from));
}
