//! What becomes of other hosts' compiles that run already when the owner needs the machine: they
//! stop where they are, and go on if that was short; otherwise they are handed back, and their
//! clients compile elsewhere. `(now, situation) -> stance`; it owns no clock.

use std::time::Duration;

use crate::owner::{Objection, Owner, Situation};

/// The load average that is compared, the first one, forgets with this time constant
/// (kernel/sched/loadavg.c).
const FORGETS: Duration = Duration::from_secs(60);

/// What running compiles of other hosts shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    Run,
    Frozen(Objection),
    /// They end without a result.
    HandBack(Objection),
}

/// The owner's claim on the machine.
#[derive(Clone, Debug)]
pub struct Claim {
    owner: Owner,
    /// How much of the load average is other hosts' compiles, in thousandths: they must not stop
    /// themselves.
    own: f64,
    last: Duration,
    since: Option<Duration>,
}

impl Claim {
    pub fn new(owner: Owner) -> Self {
        Self {
            owner,
            own: 0.0,
            last: Duration::ZERO,
            since: None,
        }
    }

    /// `running`: compiles of other hosts that ran since the last time.
    pub fn observe(&mut self, now: Duration, situation: &Situation, running: u32) -> Stance {
        let elapsed = now.saturating_sub(self.last);
        self.last = now;
        let kept = (-elapsed.as_secs_f64() / FORGETS.as_secs_f64()).exp();
        let ran = if self.since.is_some() { 0 } else { running };
        self.own = self.own * kept + f64::from(ran) * 1000.0 * (1.0 - kept);
        let others = Situation {
            load: situation.load.saturating_sub(self.own as u32),
            ..*situation
        };
        let Some(objection) = self.owner.objection(&others) else {
            self.since = None;
            return Stance::Run;
        };
        let since = *self.since.get_or_insert(now);
        if now >= since + self.owner.patience {
            Stance::HandBack(objection)
        } else {
            Stance::Frozen(objection)
        }
    }

    /// When to ask again at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let end = self.since? + self.owner.patience;
        (end > self.last).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn claim(max_load: Option<u32>) -> Claim {
        Claim::new(Owner {
            max_load,
            not_on_battery: true,
            patience: 20 * SECOND,
            ..Owner::default()
        })
    }

    fn load(load: u32) -> Situation {
        Situation {
            load,
            ..Situation::default()
        }
    }

    const BATTERY: Situation = Situation {
        load: 0,
        minute: 0,
        on_battery: true,
    };

    #[test]
    fn a_short_need_freezes_and_a_long_one_hands_back() {
        let mut claim = claim(None);
        let mains = Situation::default();
        assert_eq!(claim.observe(SECOND, &mains, 2), Stance::Run);
        assert_eq!(claim.deadline(), None);
        let frozen = Stance::Frozen(Objection::Battery);
        assert_eq!(claim.observe(3 * SECOND, &BATTERY, 2), frozen);
        assert_eq!(claim.deadline(), Some(23 * SECOND));
        assert_eq!(claim.observe(22 * SECOND, &BATTERY, 2), frozen);
        assert_eq!(claim.observe(22 * SECOND, &mains, 2), Stance::Run);
        assert_eq!(claim.observe(23 * SECOND, &BATTERY, 2), frozen);
        let back = Stance::HandBack(Objection::Battery);
        assert_eq!(claim.observe(43 * SECOND, &BATTERY, 2), back);
        assert_eq!(claim.deadline(), None);
        assert_eq!(claim.observe(46 * SECOND, &BATTERY, 0), back);
        assert_eq!(claim.observe(49 * SECOND, &mains, 0), Stance::Run);
    }

    #[test]
    fn the_load_of_the_compiles_themselves_stops_none_of_them() {
        let mut claim = claim(Some(2000));
        // Eight compiles, as the kernel would average them.
        let average = |seconds: u32| {
            let kept = (-f64::from(seconds) / 60.0).exp();
            (8000.0 * (1.0 - kept)) as u32
        };
        for seconds in (3..300).step_by(3) {
            let now = seconds * SECOND;
            assert_eq!(claim.observe(now, &load(average(seconds)), 8), Stance::Run);
        }
        let limit = Stance::Frozen(Objection::Load { limit: 2000 });
        assert_eq!(claim.observe(300 * SECOND, &load(11_000), 8), limit);
        // Frozen ones are no load; what is left of theirs fades as the average does.
        let fading = (-5.0_f64 / 60.0).exp() * 8000.0;
        let others = load(fading as u32 + 1500);
        assert_eq!(claim.observe(305 * SECOND, &others, 8), Stance::Run);
    }

    #[test]
    fn no_patience_hands_back_at_once() {
        let mut claim = Claim::new(Owner {
            not_on_battery: true,
            patience: Duration::ZERO,
            ..Owner::default()
        });
        let back = Stance::HandBack(Objection::Battery);
        assert_eq!(claim.observe(SECOND, &BATTERY, 1), back);
    }
}
