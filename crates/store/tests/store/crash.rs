//! Death at any instruction: a process that does everything a store can do is killed again and again,
//! and each time the store must be usable, complete and within its limit.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{Dice, build, check, content, digest, is_whole, open, recipe};

const BASE: &str = "FLOE_TEST_STORE_TO_KILL";
const SEED: &str = "FLOE_TEST_SEED";
const TREES: u64 = 12;
/// Room for about half of the trees, so that something has to go all the time.
const LIMIT: u64 = 1 << 20;
const DEATHS: u64 = 120;
/// On a busy machine fewer deaths will do.
const ENOUGH: (u64, Duration) = (40, Duration::from_secs(5));

/// Not a test by itself: the process that is killed.
#[test]
fn victim() {
    let (Some(base), Ok(seed)) = (std::env::var_os(BASE), std::env::var(SEED)) else {
        return;
    };
    let base = Path::new(&base);
    let mut dice = Dice(seed.parse().unwrap());
    println!("\nalive");
    loop {
        let store = open(base, LIMIT);
        for _ in 0..20 {
            let number = dice.roll(TREES);
            // What fails for want of room is as good as what succeeds.
            match dice.roll(6) {
                0 => drop(store.put(&content(dice.roll(40)), dice.roll(2) == 0)),
                1 => drop(store.distrust_tree(&recipe(number).0)),
                2 => drop(store.verify_tree(&recipe(number).0)),
                3 => drop(store.lease(digest(&content(number)), true)),
                _ => drop(build(&store, number)),
            }
        }
        drop(store);
        if dice.roll(3) == 0 {
            std::fs::write(base.join("floe/boot"), "another boot").unwrap();
        }
    }
}

#[test]
fn a_store_survives_the_death_of_its_process_at_any_instruction() {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64,
    };
    println!("{SEED}={seed}");
    let mut dice = Dice(seed | 1);
    let base = tempfile::tempdir().unwrap();
    let mut most = 0;
    let start = Instant::now();
    for death in 0..DEATHS {
        if death >= ENOUGH.0 && start.elapsed() > ENOUGH.1 {
            break;
        }
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture"])
            .env(BASE, base.path())
            .env(SEED, (dice.roll(1 << 40) | 1).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let alive = lines.map_while(Result::ok).any(|line| line == "alive");
        assert!(alive, "the victim did not start");
        thread::sleep(Duration::from_micros(dice.roll(25_000)));
        victim.kill().unwrap();
        let status = victim.wait().unwrap();
        assert_eq!(status.code(), None, "the victim failed by itself");
        let store = open(base.path(), LIMIT);
        let found = check(base.path(), &store, TREES);
        assert_eq!(found, Ok(()), "{SEED}={seed}, death {death}");
        most = most.max(store.usage().trees);
        if death % 10 == 0 {
            let lease = build(&store, dice.roll(TREES)).unwrap();
            assert!(lease.root().exists());
            let number = (0..TREES).find(|number| recipe(*number).0 == lease.id());
            is_whole(lease.root(), number.unwrap()).unwrap();
        }
    }
    assert!(most > 1, "the victims never got anywhere");
}
