//! The limit holds at every moment, and nobody loses what he holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use store::{Lookup, ObjectLease, StoreError, TreeLease};

use crate::disk::small_disk;
use crate::support::{Dice, build, check, content, digest, disk_usage, is_whole, open, recipe};

const TREES: u64 = 12;

#[derive(Debug, Clone)]
enum Step {
    Put(u64, bool),
    Build(u64),
    /// Keeps a tree, if it is there.
    Hold(u64),
    LetGo(u64),
    LetGoOfFile(u64),
    Distrust(u64),
    /// With another limit, which takes all leases along.
    Restart(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40u64, any::<bool>()).prop_map(|(number, exec)| Step::Put(number, exec)),
        6 => (0..TREES).prop_map(Step::Build),
        2 => (0..TREES).prop_map(Step::Hold),
        4 => (0..TREES).prop_map(Step::LetGo),
        2 => (0..40u64).prop_map(Step::LetGoOfFile),
        1 => (0..TREES).prop_map(Step::Distrust),
        1 => (500_000..2_000_000u64).prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..ProptestConfig::default() })]

    /// The model: who holds what, and in which order the trees were used.
    #[test]
    fn the_limit_holds_and_so_does_what_is_held(steps in prop::collection::vec(step(), 1..40)) {
        let base = tempfile::tempdir().unwrap();
        let mut limit = 1_200_000;
        let mut store = open(base.path(), limit);
        let mut trees: BTreeMap<u64, TreeLease> = BTreeMap::new();
        let mut files: BTreeMap<u64, ObjectLease> = BTreeMap::new();
        // The latest use last.
        let mut order: Vec<u64> = Vec::new();
        let mut may_vanish: Vec<u64> = Vec::new();
        for step in steps {
            match step {
                Step::Put(number, executable) => match store.put(&content(number), executable) {
                    Ok(lease) => drop(files.insert(number, lease)),
                    Err(error) => prop_assert!(error.is_full(), "{error}"),
                },
                Step::Build(number) => match build(&store, number) {
                    Ok(lease) => {
                        order.retain(|other| *other != number);
                        order.push(number);
                        trees.insert(number, lease);
                    }
                    Err(error) => prop_assert!(error.is_full() || matches!(error, StoreError::Busy), "{error}"),
                },
                Step::Hold(number) => if let Lookup::Ready(lease) = store.lease_tree(&recipe(number).0) {
                    order.retain(|other| *other != number);
                    order.push(number);
                    trees.insert(number, lease);
                },
                Step::LetGo(number) => drop(trees.remove(&number)),
                Step::LetGoOfFile(number) => drop(files.remove(&number)),
                Step::Distrust(number) => {
                    store.distrust_tree(&recipe(number).0);
                    may_vanish.push(number);
                }
                Step::Restart(new) => {
                    trees.clear();
                    files.clear();
                    drop(store);
                    limit = new;
                    store = open(base.path(), limit);
                    may_vanish.clear();
                    check(base.path(), &store, TREES).map_err(TestCaseError::fail)?;
                    // Modification times are too coarse to tell what this test did within them.
                    order.retain(|number| store.contains_tree(&recipe(*number).0));
                    order.clear();
                }
            }
            let usage = store.usage();
            prop_assert!(usage.used <= limit && usage.reserved == 0, "{usage:?}");
            prop_assert_eq!(disk_usage(base.path()), usage.used);
            for (number, lease) in &trees {
                prop_assert!(is_whole(lease.root(), *number).is_ok());
            }
            for (number, lease) in &files {
                prop_assert_eq!(lease.digest(), digest(&content(*number)));
                prop_assert!(lease.path().exists());
            }
            // Whoever is gone was used before whoever is idle and still here.
            let is_here = |number: &u64| store.contains_tree(&recipe(*number).0);
            let idle = |number: &&u64| !trees.contains_key(number) && !may_vanish.contains(number);
            let idle: Vec<u64> = order.iter().filter(idle).copied().collect();
            let last_gone = idle.iter().rposition(|number| !is_here(number));
            let first_here = idle.iter().position(is_here);
            if let (Some(gone), Some(here)) = (last_gone, first_here) {
                prop_assert!(gone < here, "{order:?}");
            }
            order.retain(is_here);
        }
    }
}

/// Only a file system can tell what it holds at one moment: a walk sees what went and what came.
#[test]
fn the_disk_never_holds_more_whoever_looks_and_whenever() {
    let Some(disk) = small_disk("quota::the_disk_never_holds_more_whoever_looks_and_whenever")
    else {
        return;
    };
    let limit = 1 << 20;
    let store = open(&disk, limit);
    let used = || {
        let found = rustix::fs::statvfs(&disk).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize
    };
    let done = AtomicBool::new(false);
    let (looks, most) = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=3)
            .map(|seed| {
                let store = &store;
                scope.spawn(move || {
                    let mut dice = Dice(seed);
                    for _ in 0..100 {
                        let _full = build(store, dice.roll(TREES));
                        let _full = store.put(&content(dice.roll(60)), dice.roll(2) == 0);
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            let (mut looks, mut most) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                most = most.max(used());
                looks += 1;
            }
            (looks, most)
        });
        let worked: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(worked.iter().all(Result::is_ok));
        watcher.join().unwrap()
    });
    assert!(looks > 1000, "only {looks} looks");
    assert!(most <= limit && most > limit / 2, "{most} bytes of {limit}");
    drop(store);
    check(&disk, &open(&disk, limit), TREES).unwrap();
}
