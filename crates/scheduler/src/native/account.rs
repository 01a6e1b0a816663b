//! How much of the cluster one member may hold without using it.
//!
//! A grant that is not used keeps a slot empty, so there is a bound on those: of what would be the member's
//! share if all who want something got the same, one half. The rest stays for whoever comes next, who would
//! otherwise find every slot promised. Jobs that run do not count: who uses its grants gets as many as it can
//! use. A member whose grants lapse asked for more than it needs: its bound is halved each time, and grows
//! again as grants are used.

use std::collections::BTreeSet;
use std::time::Duration;

use placement::Time;

use super::words::StreamKey;

/// Of a member's share, one in so many may be held unused.
const HELD_PART: usize = 2;
/// A build with fewer grants ahead than this waits for the scheduler between jobs.
const LEAST: usize = 2;
/// No member needs more ahead: an agent that has so many jobs begins them faster than it prepares them.
const MOST: usize = 1024;
/// How long a member waits after a grant of it lapsed unused, and longer each time in a row up to the
/// life of a grant: so a member that never uses any holds slots for half of the time at most.
const LAPSE_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What one member has and may have.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) streams: BTreeSet<StreamKey>,
    /// Jobs that wait for a place.
    pub(super) waiting: usize,
    /// Grants that no executor has begun to use.
    pub(super) unused: usize,
    /// The sum of the counts of its streams.
    pub(super) wanted: u64,
    window: usize,
    lapses: u32,
    pause: Option<Time>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            streams: BTreeSet::new(),
            waiting: 0,
            unused: 0,
            wanted: 0,
            window: MOST,
            lapses: 0,
            pause: None,
        }
    }
}

impl Account {
    /// How many more requests may be made now, with so many slots and so many who want some of them.
    pub(super) fn room(&self, now: Time, slots: usize, contenders: usize) -> usize {
        if self.pause.is_some_and(|pause| now < pause) {
            return 0;
        }
        let share = slots / contenders.max(1) / HELD_PART;
        let bound = share.clamp(LEAST, MOST).min(self.window);
        bound.saturating_sub(self.waiting + self.unused)
    }

    /// A grant was used.
    pub(super) fn used(&mut self) {
        self.window = (self.window + 1).min(MOST);
        self.lapses = 0;
        self.pause = None;
    }

    /// A grant lapsed. Those that lapse at the same time count once.
    pub(super) fn lapsed(&mut self, now: Time, held: usize) {
        if self.pause.is_some_and(|pause| now < pause) {
            return;
        }
        self.window = (self.window.min(held) / 2).max(1);
        let pause = LAPSE_PAUSE.saturating_mul(1 << self.lapses.min(8));
        self.pause = Some(Time(now.0 + pause.min(LONGEST_PAUSE)));
        self.lapses += 1;
    }

    /// Nothing is known of the member that a new account would not say: who leaves and comes again is not
    /// forgiven what lapsed.
    pub(super) fn is_blank(&self) -> bool {
        let idle = self.streams.is_empty() && self.waiting == 0 && self.unused == 0;
        idle && self.wanted == 0 && self.window == MOST
    }
}
