//! Looks at the disk that serve several jobs.
//!
//! What a look found holds for every job that had arrived before it: a compiler started for that job might have
//! looked at that very moment. So jobs that wait together, where the agent is what a build waits for, share their looks.

use std::time::Instant;

/// When a file or directory was looked at: then, or later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look(Instant);

/// The looks that are taken for one job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    arrived: Instant,
    began: Instant,
}

impl Looks {
    /// For a job that arrived then. To be made before the first of them is taken.
    pub(crate) fn of(arrived: Instant) -> Self {
        Self {
            arrived,
            began: Instant::now(),
        }
    }

    /// One that is about to be taken.
    pub(super) fn look(&self) -> Look {
        Look(self.began)
    }

    pub(super) fn may_use(&self, look: Look) -> bool {
        look.0 >= self.arrived
    }
}

impl Default for Looks {
    /// For what arrives now.
    fn default() -> Self {
        Self::of(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_look_serves_who_had_arrived_before_it() {
        let first = Looks::default();
        let look = first.look();
        assert!(first.may_use(look));
        let earlier = Looks::of(first.began - Duration::from_millis(1));
        assert!(earlier.may_use(look));
        let later = Looks::of(first.began + Duration::from_nanos(1));
        assert!(!later.may_use(look));
    }
}
