//! Hosts that refuse work, and how long jobs wait for them.

use super::*;

const PATIENCE: Duration = Cluster::WILL_PATIENCE;

impl Bench {
    fn at(&mut self, seconds: f64) -> &mut Self {
        self.now = Time(Duration::from_secs_f64(seconds));
        self
    }

    fn load(&mut self, host: u32, load: u32) -> Vec<Assignment> {
        let load = Load {
            load,
            ..Load::default()
        };
        assigned(self.event(Event::Load {
            host: HostId(host),
            load,
        }))
    }

    fn tick(&mut self) -> Vec<Assignment> {
        assigned(self.event(Event::Tick))
    }
}

fn sent_home(placed: &[Assignment]) -> bool {
    matches!(
        placed,
        [Assignment {
            place: Place::Home(WhyHome::NobodyWilling),
            ..
        }]
    )
}

#[test]
fn a_job_goes_home_when_all_hosts_have_refused_work_for_five_seconds() {
    let mut bench = Bench::with(&[2, 2]);
    bench.at(10.0).load(2, 1000);
    bench.at(12.0).load(3, 1000);
    assert_eq!(bench.at(13.0).place(wants()), None);
    assert_eq!(
        bench.cluster.deadline(),
        Some(Time(Duration::from_secs(17))),
        "the last one refuses since 12"
    );
    assert!(bench.at(16.9).tick().is_empty());
    assert!(sent_home(&bench.at(17.0).tick()));
    assert_eq!(bench.cluster.deadline(), None);
    let again = bench.at(18.0).ask(1, wants());
    assert!(sent_home(&again), "that is known by now");
}

#[test]
fn a_host_that_is_willing_again_takes_what_waits() {
    let mut bench = Bench::with(&[2]);
    bench.at(10.0).load(2, 1000);
    assert_eq!(bench.place(wants()), None);
    let placed = bench.at(14.0).load(2, 600);
    assert_eq!(on(&placed[0].place), 2);
    let late = bench.cluster.deadline();
    bench.at(15.0).tick();
    assert_eq!(bench.cluster.deadline(), None, "{late:?} was for nobody");
}

#[test]
fn repeated_refusals_do_not_prolong_the_wait_and_a_change_of_mind_does() {
    let mut bench = Bench::with(&[1]);
    bench.at(10.0).load(2, 1000);
    for client in 0..3 {
        assert_eq!(bench.at(11.0 + f64::from(client)).place(wants()), None);
        bench.load(2, 1000);
    }
    assert_eq!(
        bench.cluster.deadline(),
        Some(Time(Duration::from_secs(15)))
    );
    let placed = bench.at(14.0).load(2, 0);
    assert_eq!(placed.len(), 2, "one runs, one waits there");
    bench.at(14.5).load(2, 1000);
    assert!(bench.at(19.4).tick().is_empty());
    assert!(sent_home(&bench.at(19.5).tick()));
}

#[test]
fn a_busy_host_is_waited_for() {
    let mut bench = Bench::with(&[1, 1]);
    bench.load(3, 1000);
    for _ in 0..2 {
        assert_eq!(bench.place(wants()), Some(2));
    }
    assert_eq!(bench.place(wants()), None);
    assert_eq!(bench.cluster.deadline(), None);
    assert!(bench.at(500.0).tick().is_empty());
    bench.at(501.0).load(2, 1000);
    assert!(sent_home(&bench.at(506.0).tick()), "now nobody will come");
}

#[test]
fn a_newcomer_has_time_to_say_that_it_is_willing() {
    let mut bench = Bench::with(&[]);
    bench.at(10.0).event(Event::Login {
        host: HostId(2),
        login: login(2, 1),
    });
    assert_eq!(bench.place(wants()), None);
    bench.at(11.0).load(2, 0);
    let placed = assigned(bench.at(12.0).event(Event::Probed {
        host: HostId(2),
        reachable: true,
    }));
    assert_eq!(on(&placed[0].place), 2);
}

#[test]
fn the_only_host_that_may_be_is_not_replaced_by_willing_ones() {
    let mut bench = Bench::with(&[1, 1]);
    bench.at(10.0).load(2, 1000);
    let only = || wants_of("gcc", "host2", 21, 0);
    assert_eq!(bench.place(only()), None);
    assert!(sent_home(&bench.at(15.0).tick()));
}

#[test]
fn a_submitter_waits_for_its_own_slots_and_not_for_those_that_others_have() {
    let mut bench = Bench::with(&[1]);
    bench.join(5, login(5, 1));
    bench.at(10.0).load(2, 1000);
    let own = bench.ask(5, wants());
    assert!(matches!(own[0].place, Place::Home(_)));
    bench.at(11.0).load(5, 1000);
    assert!(bench.ask(5, wants()).is_empty());
    assert!(bench.at(60.0).tick().is_empty(), "its own job will end");
    let next = bench.done(5, own[0].job);
    assert!(matches!(next[0].place, Place::Home(WhyHome::OthersBusy)));
    bench.done(5, next[0].job);

    bench.at(70.0).load(5, 0);
    assert_eq!(bench.place(wants()), Some(5), "a job of another host");
    bench.at(71.0).load(5, 1000);
    assert!(bench.ask(5, wants()).is_empty());
    assert!(
        sent_home(&bench.at(76.0).tick()),
        "its owner's compile does not wait until that one has ended"
    );
}

#[test]
fn a_deadline_that_has_passed_is_not_set_again() {
    for seed in 1..=20 {
        let mut chance = algorithm::Chance(seed);
        let mut bench = Bench::with(&[1, 2, 1]);
        let mut time = 0.0;
        for _ in 0..300 {
            time += chance.below(2000) as f64 / 1000.0;
            while let Some(deadline) = bench
                .cluster
                .deadline()
                .filter(|due| due.0.as_secs_f64() <= time)
            {
                bench.now = deadline;
                bench.tick();
                assert!(
                    bench.cluster.deadline() > Some(deadline) || bench.cluster.deadline().is_none(),
                    "seed {seed}: a busy loop at {deadline:?}"
                );
            }
            bench.at(time);
            let host = 2 + chance.below(3) as u32;
            match chance.below(4) {
                0 => _ = bench.place(wants()),
                1 => _ = bench.load(host, 1000),
                2 => _ = bench.load(host, 300),
                _ => {
                    let placed = bench.cluster.host(HostId(host)).unwrap().placed().next();
                    placed.map(|job| bench.done(host, job));
                }
            }
        }
        for host in 2..5 {
            bench.load(host, 1000);
        }
        bench.at(time + PATIENCE.as_secs_f64()).tick();
        let waiting = bench.cluster.tasks();
        let waiting = waiting.iter().filter(|task| task.stage() == Stage::Pending);
        assert_eq!(waiting.count(), 0, "seed {seed}");
    }
}
