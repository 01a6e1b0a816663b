use job::{Compiled, Input};

use super::*;

struct Bench {
    state: State,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            state: State::new(2, Duration::from_secs(300), now),
            now,
        }
    }

    fn apply(&mut self, event: Event) -> Vec<Action> {
        self.state.apply(event, self.now)
    }

    /// Asks for a permit; the receiver tells whether it was granted.
    fn want(&mut self, niceness: u32) -> oneshot::Receiver<Permit> {
        let (grant, granted) = oneshot::channel();
        let actions = self.apply(Event::WantsPermit {
            pool: Pool::Preprocess,
            niceness,
            grant,
        });
        deliver(actions);
        granted
    }

    fn give_back(&mut self) {
        let actions = self.apply(Event::PermitReturned {
            pool: Pool::Preprocess,
        });
        deliver(actions);
    }
}

fn deliver(actions: Vec<Action>) {
    for action in actions {
        if let Action::Grant { pool, grant } = action {
            grant.send(Permit::unaccounted(pool)).unwrap();
        }
    }
}

#[test]
fn one_permit_per_core_the_least_nice_first_and_nobody_twice() {
    let mut bench = Bench::new();
    let mut first = bench.want(0);
    let mut second = bench.want(0);
    let mut nice = bench.want(10);
    let gone = bench.want(0);
    let mut last = bench.want(0);
    assert!(first.try_recv().is_ok() && second.try_recv().is_ok());
    assert!(nice.try_recv().is_err() && last.try_recv().is_err());
    drop(gone);
    bench.give_back();
    assert!(
        last.try_recv().is_ok(),
        "it skips who went away and whoever is nicer"
    );
    assert!(nice.try_recv().is_err());
    bench.give_back();
    assert!(nice.try_recv().is_ok());
}

#[test]
fn the_log_is_written_in_batches_and_before_the_status_is_told() {
    let mut bench = Bench::new();
    let record = || Event::JobDecided {
        record: Box::default(),
    };
    assert!(matches!(&bench.apply(record())[..], [Action::WriteLog(batch)] if batch.len() == 1));
    assert!(bench.apply(record()).is_empty());
    assert!(bench.apply(record()).is_empty());
    let (answer, _receiver) = oneshot::channel();
    assert!(bench.apply(Event::StatusAsked { answer }).is_empty());
    let next = bench.apply(Event::LogWritten);
    assert!(matches!(&next[..], [Action::WriteLog(batch)] if batch.len() == 2));
    let done = bench.apply(Event::LogWritten);
    assert!(matches!(&done[..], [Action::Answer { status, .. }] if status.jobs_done == 3));
    assert!(bench.apply(record()).is_empty());
    bench.now += TOGETHER;
    assert_eq!(bench.state.wake_at(), Some(bench.now));
    assert!(matches!(&bench.apply(Event::Tick)[..], [Action::WriteLog(batch)] if batch.len() == 1));
}

#[test]
fn it_leaves_when_idle_for_long_and_not_before_its_jobs_are_over() {
    let mut bench = Bench::new();
    bench.apply(Event::Came);
    assert_eq!(bench.state.wake_at(), None);
    bench.now += Duration::from_secs(400);
    assert!(bench.apply(Event::Tick).is_empty());
    bench.apply(Event::Went);
    bench.now += Duration::from_secs(299);
    assert!(bench.apply(Event::Tick).is_empty());
    bench.now += Duration::from_secs(1);
    assert_eq!(bench.state.wake_at(), Some(bench.now));
    assert!(matches!(
        bench.apply(Event::Tick)[..],
        [Action::Retire, Action::Leave]
    ));
}

#[test]
fn a_stop_waits_for_what_runs() {
    let mut bench = Bench::new();
    bench.apply(Event::Came);
    bench.apply(Event::JobBegan {
        job: 1,
        source: b"a.c".to_vec(),
    });
    assert!(matches!(
        bench.apply(Event::StopAsked)[..],
        [Action::Retire]
    ));
    assert!(bench.apply(Event::StopAsked).is_empty());
    let (answer, _receiver) = oneshot::channel();
    let told = bench.apply(Event::StatusAsked { answer });
    assert!(matches!(&told[..], [Action::Answer { status, .. }] if status.running.len() == 1));
    bench.apply(Event::JobEnded { job: 1 });
    assert!(matches!(bench.apply(Event::Went)[..], [Action::Leave]));
}

#[test]
fn a_log_that_takes_nothing_costs_the_oldest_records() {
    let mut bench = Bench::new();
    let mut decide = |number| {
        let record = JobRecord {
            job_id: number,
            ..JobRecord::default()
        };
        bench.apply(Event::JobDecided {
            record: Box::new(record),
        })
    };
    decide(0); // is being written
    for number in 1..=MAX_UNWRITTEN + 2 {
        decide(u32::try_from(number).unwrap());
    }
    assert!(bench.apply(Event::LogWritten).is_empty());
    bench.now = bench.state.wake_at().unwrap();
    let actions = bench.apply(Event::Tick);
    let [Action::WriteLog(records)] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    assert_eq!(records.len(), MAX_UNWRITTEN);
    assert_eq!(records[0].job_id, 3);
}

#[test]
fn jobs_are_counted_by_what_was_sent() {
    let mut bench = Bench::new();
    let sent = [
        (Compiled::Remote, Input::Recorded),
        (Compiled::Remote, Input::Recorded),
        (Compiled::Remote, Input::Text),
        (Compiled::Here, Input::Evaluated),
    ];
    for (compiled, input) in sent {
        let record = JobRecord {
            compiled: compiled.into(),
            input: input.into(),
            ..JobRecord::default()
        };
        bench.apply(Event::JobDecided {
            record: Box::new(record),
        });
    }
    let counts = bench.state.status(bench.now).inputs.unwrap();
    assert_eq!((counts.recorded, counts.evaluated, counts.text), (2, 0, 1));
}
