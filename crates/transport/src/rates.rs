//! How fast connections to other hosts carry what is sent, judged by how long their senders wait.
//!
//! A conversation is short and the peer may be slow to read for reasons of its own, so a rate is
//! never too high and often too low: the best of the last few is the estimate.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a sender has sent, and how long it waited until the kernel took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub bytes: u64,
    pub waited: Duration,
}

/// What the kernel takes of a new connection before anything has to arrive: 10 segments under way
/// and as much in its buffer (measured: 87 kB).
const TAKEN_AT_ONCE: u64 = 96 << 10;

/// A conversation tells something when it is at least this long.
const TELLING: u64 = TAKEN_AT_ONCE + (32 << 10);

/// Conversations that are remembered of a host.
const RECENT: usize = 12;

/// Hosts that are remembered.
const HOSTS: usize = 1024;

impl Sent {
    /// Bytes per second; `None` when too few bytes were sent to tell.
    fn rate(self) -> Option<u64> {
        if self.bytes < TELLING {
            return None;
        }
        let micros = self.waited.as_micros().max(1);
        let rate = u128::from(self.bytes - TAKEN_AT_ONCE) * 1_000_000 / micros;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// The latest rates, host by host.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<IpAddr, VecDeque<u64>>>);

impl Rates {
    /// Learns from a conversation that has ended.
    pub fn learn(&self, host: IpAddr, sent: Sent) {
        let Some(rate) = sent.rate() else { return };
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&host) {
            hosts.clear();
        }
        let recent = hosts.entry(host).or_default();
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(rate);
    }

    /// Bytes per second that this host's connections carry at least, if that is known.
    pub fn to(&self, host: IpAddr) -> Option<u64> {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&host)?.iter().max().copied()
    }

    /// The same of the slowest host that is known.
    pub fn slowest(&self) -> Option<u64> {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let best = hosts.values().filter_map(|recent| recent.iter().max());
        best.min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn sent(bytes: u64, millis: u64) -> Sent {
        Sent {
            bytes,
            waited: Duration::from_millis(millis),
        }
    }

    #[test]
    fn a_short_conversation_tells_nothing() {
        let rates = Rates::default();
        rates.learn(HOST, sent(TELLING - 1, 0));
        assert_eq!(rates.to(HOST), None);
        assert_eq!(rates.slowest(), None);
    }

    #[test]
    fn the_best_of_the_latest_counts() {
        let rates = Rates::default();
        rates.learn(HOST, sent(TAKEN_AT_ONCE + 1_000_000, 10));
        rates.learn(HOST, sent(TAKEN_AT_ONCE + 1_000_000, 1000));
        assert_eq!(rates.to(HOST), Some(100_000_000));
        for _ in 0..RECENT {
            rates.learn(HOST, sent(TAKEN_AT_ONCE + 1_000_000, 500));
        }
        assert_eq!(rates.to(HOST), Some(2_000_000));
    }

    #[test]
    fn a_host_never_waited_for_is_fast_and_the_slowest_is_known() {
        let rates = Rates::default();
        rates.learn(HOST, sent(10_000_000, 0));
        assert!(rates.to(HOST) > Some(1_000_000_000_000));
        rates.learn(OTHER, sent(TAKEN_AT_ONCE + 1_000_000, 100));
        assert_eq!(rates.slowest(), Some(10_000_000));
    }
}
