//! How hard texts are compressed on their way to each executor: less where the network keeps up with
//! the preprocessor, more where the text has to wait for it.
//!
//! Compressing costs the submit host as much as all else that the agent does for a job (measured),
//! and on a fast network it buys nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use transport::Sent;

use crate::cluster::Effort;

/// From the most work to the least. The quick level halves the time of the first and saves 68
/// instead of 75 % (preprocessed C, measured).
const LADDER: [Effort; 3] = [Effort::Level(1), QUICK, Effort::Store];

pub(crate) const QUICK: Effort = Effort::Level(-3);

/// What the kernel takes of a new connection at once (measured: 87 kB): fewer bytes tell nothing.
const TELLING: u64 = 128 << 10;

/// Texts that have to pass well before less work is tried once more, after it was too little.
const FIRST_HOLD: u32 = 16;
const LONGEST_HOLD: u32 = 1024;

/// Executors that are remembered.
const HOSTS: usize = 1024;

/// All executors' paces.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<IpAddr, Pace>>);

#[derive(Clone, Copy, Debug)]
struct Pace {
    step: usize,
    /// Texts until the next step may be tried.
    hold: u32,
    next_hold: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            step: 0,
            hold: 0,
            next_hold: FIRST_HOLD,
        }
    }
}

impl Paces {
    /// Learns from a text that took so long to make: its pieces may have waited all at once, when
    /// nobody wanted them earlier, or now and then, when they were made on the way.
    pub(crate) fn learn(&self, host: IpAddr, sent: Sent, making: Duration) {
        if sent.bytes < TELLING {
            return;
        }
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&host) {
            hosts.clear();
        }
        hosts.entry(host).or_default().learn(sent.waited, making);
    }

    pub(crate) fn to(&self, host: IpAddr) -> Effort {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&host).map_or(LADDER[0], Pace::effort)
    }

    /// While the executor is not known: good for every one that is.
    pub(crate) fn anywhere(&self) -> Effort {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slowest = hosts.values().min_by_key(|pace| pace.step);
        slowest.map_or(LADDER[0], Pace::effort)
    }
}

impl Pace {
    fn learn(&mut self, waited: Duration, making: Duration) {
        if waited * 4 > making {
            if self.step > 0 {
                self.step -= 1;
                self.hold = self.next_hold;
                self.next_hold = (self.next_hold * 2).min(LONGEST_HOLD);
            }
        } else if waited * 10 < making {
            match self.hold {
                0 => self.step = (self.step + 1).min(LADDER.len() - 1),
                _ => self.hold -= 1,
            }
        }
    }

    fn effort(&self) -> Effort {
        LADDER[self.step.min(LADDER.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    /// A text of 1.4 MB, made in 40 ms, to a host that takes so many bytes per millisecond.
    fn send(paces: &Paces, host: IpAddr, per_millisecond: u64) {
        let bytes = match paces.to(host) {
            Effort::Level(1) => 350_000,
            Effort::Level(_) => 450_000,
            Effort::Store => 1_400_000,
        };
        let needed = Duration::from_micros(bytes * 1000 / per_millisecond);
        let made = Duration::from_millis(40);
        let waited = needed.saturating_sub(made);
        paces.learn(host, Sent { bytes, waited }, made);
    }

    #[test]
    fn a_fast_network_gets_texts_as_they_are() {
        let paces = Paces::default();
        assert_eq!(paces.to(HOST), Effort::Level(1));
        for _ in 0..2 {
            send(&paces, HOST, 120_000);
        }
        assert_eq!(paces.to(HOST), Effort::Store);
        assert_eq!(paces.anywhere(), Effort::Store);
    }

    #[test]
    fn a_slower_one_gets_the_least_work_that_keeps_up_and_is_seldom_tried_with_less() {
        let paces = Paces::default();
        let mut stored = 0;
        for _ in 0..1000 {
            send(&paces, HOST, 12_500);
            stored += u32::from(paces.to(HOST) == Effort::Store);
        }
        assert_eq!(paces.to(HOST), Effort::Level(-3));
        assert!(stored < 8, "{stored}");
    }

    #[test]
    fn a_slow_one_always_gets_the_most() {
        let paces = Paces::default();
        for _ in 0..1000 {
            send(&paces, HOST, 2_500);
            assert_eq!(paces.to(HOST), Effort::Level(1));
        }
        for _ in 0..5 {
            send(&paces, OTHER, 120_000);
        }
        assert_eq!(paces.anywhere(), Effort::Level(1));
    }

    #[test]
    fn short_texts_tell_nothing() {
        let paces = Paces::default();
        let short = Sent {
            bytes: TELLING - 1,
            waited: Duration::ZERO,
        };
        for _ in 0..10 {
            paces.learn(HOST, short, Duration::from_secs(1));
        }
        assert_eq!(paces.to(HOST), Effort::Level(1));
    }
}
