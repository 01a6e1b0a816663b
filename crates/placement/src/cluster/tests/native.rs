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
    let from = Some(address(77));
    assert_eq!(
        dismissed(&actions),
        [(1, Dismissal::Replaced { from })],
        "and whoever watches is told: it may be a copy"
    );
    assert_eq!(bench.cluster.host_of(FIRST), Some(HostId(4)));
}

#[test]
fn who_failed_a_job_is_passed_over_for_a_while() {
    let mut bench = Bench::of_members(&[8, 1]);
    let from = bench.cluster.host_of(FIRST).unwrap();
    let place = |bench: &mut Bench| {
        let given = assigned(bench.want().1);
        bench.give_up(given[0].job);
        on(&given[0].place)
    };
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

impl Bench {
    /// Of three members only the third takes jobs.
    fn of_one_executor() -> Self {
        let mut bench = Self::new(Algorithm::Fastest);
        for host in [1, 2] {
            bench.join(host, member(host, 0));
        }
        bench.join(3, member(3, 16));
        bench
    }

    /// As [`Self::want`], of any member; whose host it came to, and whether it was said to have the toolchain.
    fn want_of(&mut self, host: u32) -> Option<(JobId, u32, bool)> {
        let mut actions = Vec::new();
        let mut wants = Arc::new(wants().natively());
        let asked = (HostId(host), 0);
        let job = self
            .cluster
            .wanted(self.now, asked, &mut wants, &mut actions);
        actions.extend(self.settled());
        let assigned = assigned(actions);
        let given = assigned.iter().find(|given| Ok(given.job) == job)?;
        Some((given.job, on(&given.place), got_toolchain(given)))
    }

    fn begins(&mut self, host: u32, job: JobId) -> Vec<Assignment> {
        let begin = Begin {
            job,
            start_time: 1,
            client_count: 0,
        };
        let host = HostId(host);
        assigned(self.event(Event::Began { host, begin }))
    }
}

#[test]
fn a_member_knows_of_toolchains_what_its_own_jobs_have_shown() {
    // All of them announce it.
    let mut bench = Bench::of_one_executor();
    let (job, host, has) = bench.want_of(1).unwrap();
    assert_eq!((host, has), (3, false), "not shown to this member");
    bench.begins(3, job);
    let (second, host, has) = bench.want_of(1).unwrap();
    assert_eq!((host, has), (3, true), "its job has shown it");
    for job in [job, second] {
        bench.give_up(job);
    }
    let (_, host, has) = bench.want_of(2).unwrap();
    assert_eq!(
        (host, has),
        (3, false),
        "which is nothing to another member"
    );
}

#[test]
fn what_a_host_announces_changes_no_members_places() {
    let answers = |announced: &[&str]| {
        let mut bench = Bench::of_members(&[2, 3]);
        let mut seen = Vec::new();
        for round in 0..12 {
            let host = HostId(2 + round % 2);
            let toolchains = announced.iter().map(|name| toolchain(name)).collect();
            bench.event(Event::Toolchains { host, toolchains });
            let given = bench.want_of(1);
            seen.push(given);
            if let Some((job, host, _)) = given {
                bench.begins(host, job);
                if round % 3 == 0 {
                    bench.done(host, job);
                }
            }
        }
        seen
    };
    assert_eq!(answers(&["gcc"]), answers(&[]));
}

#[test]
fn few_jobs_bring_a_toolchain_and_others_of_their_member_wait_for_it() {
    let mut bench = Bench::of_one_executor();
    let (job, host, _) = bench.want_of(1).unwrap();
    assert_eq!(host, 3);
    for _ in 1..4 {
        assert_eq!(bench.want_of(1).map(|(_, host, _)| host), Some(3));
    }
    assert_eq!(bench.want_of(1), None, "it is on its way");
    let (_, host, has) = bench.want_of(2).unwrap();
    assert_eq!((host, has), (3, false), "another member does not see that");
    let placed = bench.begins(3, job);
    assert_eq!(placed.iter().map(got_toolchain).collect::<Vec<_>>(), [true]);
}

#[test]
fn what_is_known_is_forgotten_with_the_refusal_and_with_either_host() {
    let knows = |bench: &mut Bench| {
        let (job, host, has) = bench.want_of(1).unwrap();
        bench.begins(host, job);
        bench.give_up(job);
        has
    };
    let mut bench = Bench::of_members(&[4]);
    assert!(!knows(&mut bench));
    assert!(knows(&mut bench));
    let wants = wants().natively();
    bench.cluster.missing(HostId(1), HostId(2), &wants);
    assert!(!knows(&mut bench), "it was told that it is not there");
    assert!(knows(&mut bench));
    bench.join(2, member(2, 4));
    let host = HostId(7);
    bench.join(
        7,
        Login {
            member: Some(Member([2; 16])),
            ..member(7, 4)
        },
    );
    assert!(
        bench.cluster.host(HostId(2)).is_none(),
        "replaced by {host}"
    );
    assert!(!knows(&mut bench), "it logged in afresh");
    assert!(knows(&mut bench));
    bench.event(Event::Lost { host: HostId(1) });
    bench.join(1, member(1, 4));
    assert!(!knows(&mut bench));
}

#[test]
fn nobody_makes_a_host_keep_many_names() {
    let mut bench = Bench::of_members(&[4]);
    for number in 0..40 {
        let mut wants = Arc::new(wants_of(&format!("made-{number}"), "", 21, 0).natively());
        let mut actions = Vec::new();
        let asked = (HostId(1), 0);
        let wanted = bench
            .cluster
            .wanted(bench.now, asked, &mut wants, &mut actions);
        bench.settled();
        bench.begins(2, wanted.unwrap());
        bench.give_up(wanted.unwrap());
    }
    let shown = &bench.cluster.host(HostId(2)).unwrap().shown;
    let known = |number: u32| shown.has(FIRST, &toolchain(&format!("made-{number}")));
    assert_eq!((0..40).filter(|number| known(*number)).count(), 16);
    assert!(known(39) && !known(0));
}
