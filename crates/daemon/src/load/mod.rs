//! How busy this host is, in icecream's measure: 0 idle to 1000 "give me nothing".

mod figures;
mod meter;
mod power;
mod sampler;
mod total;

use crate::owner::Objection;

pub use figures::{CpuTimes, Memory};
pub use meter::{Meter, Own, Reading, Sample};
pub use sampler::{ProcPaths, sample};
pub use total::share_of_memory;

/// Whether foreign compiles may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pressure {
    /// Yes.
    #[default]
    Open,
    /// The processors have nothing left.
    Busy,
    /// Something that compiles need is lacking: one would likely fail.
    Full(Lack),
}

/// What compiles of other hosts would lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    Disk,
    Memory,
    Sandbox,
    /// The owner's leave.
    Leave(Objection),
}

/// Decides which readings the scheduler hears of: the first of a session, each step of 100 or more
/// since the last one that was sent, and each crossing into or out of 1000. icecream compares with
/// the previous sample instead, and so never reports a slow drift. Free memory is worth a message when
/// it changes by a quarter: a job that found too little elsewhere is sent after it.
#[derive(Debug, Default)]
pub struct Announcer {
    sent: Option<u32>,
    memory: u32,
}

impl Announcer {
    /// A new session: the scheduler takes this host for overloaded until it hears otherwise.
    pub fn reset(&mut self) {
        self.sent = None;
    }

    /// Whether `value`, with `memory` MiB free, is worth a message; if so it counts as sent.
    pub fn worth(&mut self, value: u32, memory: u32) -> bool {
        let worth = match self.sent {
            None => true,
            Some(sent) => {
                sent.abs_diff(value) >= 100
                    || (sent >= 1000) != (value >= 1000)
                    || self.memory.abs_diff(memory) > self.memory / 4
            }
        };
        if worth {
            self.sent = Some(value);
            self.memory = memory;
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_crossings_are_worth_a_message_and_noise_is_not() {
        let mut announcer = Announcer::default();
        assert!(announcer.worth(0, 100));
        assert!(!announcer.worth(60, 100));
        assert!(announcer.worth(120, 100), "a drift adds up");
        assert!(announcer.worth(990, 100));
        assert!(announcer.worth(1000, 100));
        assert!(!announcer.worth(1000, 100));
        assert!(announcer.worth(999, 100));
        assert!(announcer.worth(999, 74) && !announcer.worth(999, 60));
        announcer.reset();
        assert!(announcer.worth(999, 100));
    }
}
