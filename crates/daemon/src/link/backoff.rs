//! How long to wait before the next attempt to reach a scheduler.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// Grows from one second to twenty, plus up to half of it by chance: the daemons of a cluster lose
/// their scheduler at the same moment and should not come back at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    /// ICECC_TESTS: always this long, and no chance.
    fixed: Option<Duration>,
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

impl Backoff {
    pub(super) fn new(tests: bool) -> Self {
        Self {
            next: FIRST,
            fixed: tests.then_some(Duration::from_secs(3)),
        }
    }

    /// The last attempt went well: begin anew.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(super) fn delay(&mut self) -> Duration {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let delay = self.next;
        self.next = (delay * 2).min(LONGEST);
        // Hashers are seeded with randomness; nothing better is needed here.
        let chance = RandomState::new().build_hasher().finish() % 1000;
        delay + delay.mul_f64(chance as f64 / 2000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_limit_and_begins_anew_after_success() {
        let mut backoff = Backoff::new(false);
        let within = |delay: Duration, base: u64| {
            let base = Duration::from_secs(base);
            assert!(
                delay >= base && delay <= base.mul_f64(1.5),
                "{delay:?} for {base:?}"
            );
        };
        for base in [1, 2, 4, 8, 16, 20, 20] {
            within(backoff.delay(), base);
        }
        backoff.reset();
        within(backoff.delay(), 1);
        assert_eq!(Backoff::new(true).delay(), Duration::from_secs(3));
    }
}
