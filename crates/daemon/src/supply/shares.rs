//! How much of what there is for all members one of them may have, so that it stops nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use membership::MemberId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One member's part of all.
const PART: usize = 4;
/// From so much waiting on, a peer has to have sent so many bytes for each second of it. An agent sends 24
/// files at a time: with an uplink of half a Mbit/s each has more than twice that.
const GRACE: Duration = Duration::from_secs(10);
const LEAST: u64 = 1 << 10;

/// Places for all, and a part of them for each member.
#[derive(Debug)]
pub(super) struct Shares {
    all: Arc<Semaphore>,
    of_one: usize,
    members: Mutex<HashMap<MemberId, Weak<Semaphore>>>,
}

/// One place; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Share {
    _of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Shares {
    pub(super) fn new(all: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            of_one: all / PART,
            members: Mutex::default(),
        }
    }

    /// Waits for one: first among the member's own, so that it queues once for what all want.
    pub(super) async fn take(&self, member: MemberId) -> Option<Share> {
        let own = self.of(member).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Share {
            _of_all: of_all,
            _own: own,
        })
    }

    fn of(&self, member: MemberId) -> Arc<Semaphore> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = members.get(&member).and_then(Weak::upgrade) {
            return own;
        }
        // Whoever has a place, or waits for one, has a handle.
        members.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.of_one));
        members.insert(member, Arc::downgrade(&own));
        own
    }
}

/// What came of a file while it was waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    waited: Duration,
    bytes: u64,
}

impl Rate {
    pub(super) fn add(&mut self, waited: Duration, bytes: usize) {
        self.waited += waited;
        self.bytes += bytes as u64;
    }

    /// A byte now and then is no progress.
    pub(super) fn is_enough(&self) -> bool {
        self.waited < GRACE || self.bytes >= LEAST * self.waited.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn at_once(shares: &Shares, member: u8) -> Option<Share> {
        let taking = pin!(shares.take(MemberId::from_bytes([member; 16])));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(share) => share,
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_member_has_a_quarter_and_waits_for_more_by_itself() {
        let shares = Shares::new(8);
        let first = at_once(&shares, 1);
        let second = at_once(&shares, 1);
        assert!(first.is_some() && second.is_some());
        assert!(at_once(&shares, 1).is_none());
        let others: Vec<_> = (2..=4)
            .flat_map(|member| [at_once(&shares, member), at_once(&shares, member)])
            .collect();
        assert!(others.iter().all(Option::is_some));
        assert!(at_once(&shares, 5).is_none());
        drop(first);
        assert!(at_once(&shares, 5).is_some());
        assert!(at_once(&shares, 1).is_some());
        drop((second, others));
        assert!(at_once(&shares, 1).is_some());
        assert_eq!(shares.members.lock().unwrap().len(), 1);
    }

    #[test]
    fn who_drips_is_too_slow_and_who_has_a_thin_line_is_not() {
        let after = |seconds: u64, bytes: usize| {
            let mut rate = Rate::default();
            for _ in 0..seconds {
                rate.add(Duration::from_secs(1), bytes);
            }
            rate.is_enough()
        };
        assert!(after(9, 0));
        assert!(!after(10, 1));
        assert!(!after(3600, 1000));
        // 512 kbit/s for 24 files at a time.
        assert!(after(3600, 64_000 / 24));
    }
}
