//! Jobs that somebody stops, gives up or calls back while they run.

use std::time::{Duration, Instant};

use daemon::executor::{Bounds, Failure, Order, Overseer, Source};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::Case;
use crate::fixture::{Fixture, order};

pub(crate) const CASES: &[Case] = &[
    (
        "cleans_up_behind_an_abandoned_job",
        cleans_up_behind_an_abandoned_job,
    ),
    ("freezes_what_runs", freezes_what_runs),
    (
        "evicts_what_has_ended_before_its_source",
        evicts_what_has_ended_before_its_source,
    ),
    ("gives_up_on_clients", gives_up_on_clients),
];

fn cleans_up_behind_an_abandoned_job(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let order = Order::try_from(order("gcc", &["-c"])).unwrap();
        let (sender, receiver) = mpsc::channel(1);
        let running =
            fixture
                .executor
                .clone()
                .run(order, fixture.root("gcc"), receiver, Bounds::default());
        let running = tokio::spawn(running);
        sender.send(Source::Text(b"int x;".to_vec())).await.unwrap();
        sender.send(Source::Text(b"int y;".to_vec())).await.unwrap();
        let wait_for = async |count| {
            let begun = Instant::now();
            while fixture.jobs() != count {
                assert!(begun.elapsed() < Duration::from_secs(5), "{count}");
                sleep(Duration::from_millis(1)).await;
            }
        };
        wait_for(1).await;
        running.abort();
        wait_for(0).await;
    });
}

fn freezes_what_runs(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let order = Order::try_from(order("gcc", &["-c"])).unwrap();
        let (sender, receiver) = mpsc::channel(4);
        let bounds = Bounds {
            deadline: Duration::from_millis(1500),
            ..Bounds::default()
        };
        fixture.executor.freeze(true);
        let running = fixture
            .executor
            .clone()
            .run(order, fixture.root("gcc"), receiver, bounds);
        let mut running = tokio::spawn(running);
        sender.send(Source::Text(b"int x;".to_vec())).await.unwrap();
        sender.send(Source::End).await.unwrap();
        // Longer than the deadline, which it does not reach.
        let frozen = timeout(Duration::from_millis(1800), &mut running).await;
        assert!(frozen.is_err(), "{frozen:?}");
        fixture.executor.freeze(false);
        let finished = running.await.unwrap().unwrap();
        assert_eq!(finished.status, 0);
    });
}

fn evicts_what_has_ended_before_its_source(fixture: &Fixture) {
    // It ends at once, and reads nothing.
    let order = Order::try_from(order("gcc", &["-c", "-fno-such-option"])).unwrap();
    let (_source, receiver) = mpsc::channel(4);
    let (evict, evicted) = oneshot::channel();
    let (used, mut uses) = watch::channel(1);
    let running = fixture.executor.clone().run_overseen(
        order,
        fixture.root("gcc"),
        receiver,
        Bounds::default(),
        Overseer { used, evicted },
    );
    let failure = fixture.runtime.block_on(async {
        let eviction = async {
            let freed = uses.wait_for(|&bytes| bytes == 0).await.is_ok();
            assert!(freed, "it ended by itself");
            drop(evict);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = timeout(Duration::from_secs(20), running) => result.unwrap().unwrap_err(),
            () = eviction => unreachable!(),
        }
    });
    assert!(matches!(failure, Failure::Evicted), "{failure}");
}

fn gives_up_on_clients(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let start = |bounds| {
            let order = Order::try_from(order("gcc", &["-c"])).unwrap();
            let (sender, receiver) = mpsc::channel(4);
            (
                sender,
                fixture
                    .executor
                    .clone()
                    .run(order, fixture.root("gcc"), receiver, bounds),
            )
        };
        let (sender, running) = start(Bounds::default());
        drop(sender);
        assert!(matches!(running.await, Err(Failure::ClientGone)));

        let (sender, running) = start(Bounds {
            source_gap: Duration::from_millis(50),
            ..Bounds::default()
        });
        assert!(matches!(running.await, Err(Failure::SourceStalled)));
        drop(sender);

        let (sender, running) = start(Bounds {
            deadline: Duration::from_millis(50),
            ..Bounds::default()
        });
        assert!(matches!(running.await, Err(Failure::Deadline)));
        drop(sender);
    });
}
