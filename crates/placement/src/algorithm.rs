//! The four ways to choose among the hosts that can take a job, by icecream's names.

use std::fmt;
use std::str::FromStr;

use crate::host::Host;

/// How to choose a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// The one where the job is expected to end first.
    #[default]
    Fastest,
    /// The one that has waited longest for a job.
    RoundRobin,
    /// The one with the smallest part of its slots in use.
    LeastBusy,
    /// Any.
    Random,
}

/// A name that is none of the four.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm {0:?}: use fastest, round_robin, least_busy or random")]
pub struct UnknownAlgorithm(String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let all = [
            Self::Fastest,
            Self::RoundRobin,
            Self::LeastBusy,
            Self::Random,
        ];
        all.into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownAlgorithm(name.chars().take(60).collect()))
    }
}

/// In capitals, as icecream's scheduler logs it.
impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Fastest => "FASTEST",
            Self::RoundRobin => "ROUND_ROBIN",
            Self::LeastBusy => "LEAST_BUSY",
            Self::Random => "RANDOM",
        }
    }

    /// Whether hosts get jobs beyond their slots when no slot is free anywhere.
    pub(crate) fn preloads(self) -> bool {
        self != Self::LeastBusy
    }

    /// Whether a host that has the toolchain is better than one that must be sent it.
    pub(crate) fn minds_toolchains(self) -> bool {
        self == Self::Fastest
    }

    /// What the next job would cost on `host`; less is better.
    pub(crate) fn cost(self, host: &Host) -> u32 {
        match self {
            Self::Fastest => (1000.0 * slowness(host) / host.pace.factor()) as u32,
            Self::LeastBusy => {
                (1000.0 * f64::from(host.occupied()) / f64::from(host.slots.max(1))) as u32
            }
            Self::RoundRobin | Self::Random => 0,
        }
    }
}

/// How much longer the next job takes on `host` than on an idle host of the same speed: the more of
/// its processors are in use the slower each is, and beyond that they are shared.
fn slowness(host: &Host) -> f64 {
    let used =
        f64::from(host.occupied() + 1) / f64::from(host.slots.max(1)) + foreign(host.shown_load());
    if used <= 1.0 {
        1.0 + used / 2.0
    } else {
        1.5 * used
    }
}

/// The part of a host that others use, from its load report, in quarters.
///
/// A report is the larger of processor use and memory use, is only renewed when it moves by a tenth,
/// and below one half usually shows file caches: only clear differences may count.
fn foreign(load: u32) -> f64 {
    match load {
        0..=549 => 0.0,
        550..=699 => 0.25,
        700..=849 => 0.5,
        _ => 0.75,
    }
}

/// A source of chance that is the same for the same seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_found_by_name_in_any_case() {
        assert_eq!("Fastest".parse(), Ok(Algorithm::Fastest));
        assert_eq!("ROUND_ROBIN".parse(), Ok(Algorithm::RoundRobin));
        assert_eq!("least_busy".parse(), Ok(Algorithm::LeastBusy));
        assert_eq!("random".parse(), Ok(Algorithm::Random));
        let unknown = "quickest".parse::<Algorithm>().unwrap_err();
        assert!(unknown.to_string().contains("round_robin"));
    }
}
