//! How fast hosts compile, measured by what their jobs produced.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Figures;

/// Results smaller than this say nothing about speed.
const MIN_OUTPUT: u32 = 4096;
/// From this many records on, a host's speed is trusted.
const TRUSTED: usize = 7;
/// Records kept for each host, and for the cluster as a whole.
pub(crate) const PER_HOST: usize = 200;
pub(crate) const OVERALL: usize = 2000;

/// What one job tells: bytes of output, made comparable, and the CPU time they took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    bytes: f64,
    msec: f64,
}

impl Sample {
    /// `None` when the job failed or was too small to measure.
    pub(crate) fn of(figures: &Figures, arg_flags: u32) -> Option<Self> {
        if figures.exit_code != 0 || figures.out_uncompressed < MIN_OUTPUT || figures.user_msec == 0
        {
            return None;
        }
        let mut bytes = u64::from(figures.out_uncompressed);
        if arg_flags & 0x1 != 0 {
            bytes = bytes * 10 / 36; // debug information is large and cheap
        } else if arg_flags & 0x2 != 0 {
            bytes = bytes * 10 / 45;
        }
        if arg_flags & 0x1c != 0 {
            bytes = bytes * 58 / 35; // optimised code is small and dear
        }
        Some(Self {
            bytes: bytes as f64,
            msec: f64::from(figures.user_msec),
        })
    }
}

/// The last results of a host, or of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Records {
    samples: VecDeque<Sample>,
    bytes: f64,
    msec: f64,
}

impl Records {
    /// Adds a sample and forgets the oldest beyond `keep`.
    pub(crate) fn add(&mut self, mut sample: Sample, keep: usize) {
        if self.samples.len() >= TRUSTED {
            // One odd file must not change what many have shown.
            let usual = self.mean() * sample.msec;
            sample.bytes = sample.bytes.clamp(usual / 1.2, usual * 1.2);
        }
        self.samples.push_back(sample);
        if self.samples.len() > keep {
            self.samples.pop_front();
        }
        // Summed anew: a running sum would keep the rounding of a million jobs.
        self.bytes = self.samples.iter().map(|sample| sample.bytes).sum();
        self.msec = self.samples.iter().map(|sample| sample.msec).sum();
    }

    /// Adds a sample without comparing it with the others.
    pub(crate) fn add_plain(&mut self, sample: Sample, keep: usize) {
        self.bytes += sample.bytes;
        self.msec += sample.msec;
        self.samples.push_back(sample);
        if self.samples.len() > keep
            && let Some(oldest) = self.samples.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.msec -= oldest.msec;
        }
    }

    /// Bytes per millisecond; 0 without records.
    pub(crate) fn mean(&self) -> f64 {
        if self.msec > 0.0 {
            self.bytes / self.msec
        } else {
            0.0
        }
    }

    /// Milliseconds that a job takes on average; 0 without records.
    pub(crate) fn usual_msec(&self) -> f64 {
        match self.samples.len() {
            0 => 0.0,
            count => self.msec / count as f64,
        }
    }

    /// The figure that monitors show: few records count more, as icecream has it.
    pub(crate) fn shown(&self) -> f64 {
        let count = self.samples.len();
        if count < TRUSTED {
            self.mean() * (4.5 - count as f64 / 2.0)
        } else {
            self.mean()
        }
    }

    /// The speed to plan with: the average of the cluster until there are records.
    pub(crate) fn estimate(&self, average: f64) -> f64 {
        let count = self.samples.len() as f64;
        (self.mean() * count + average * TRUSTED as f64) / (count + TRUSTED as f64)
    }
}

/// A host's speed against the average in coarse steps, each one half faster than the one below.
///
/// It stays where it is until the measured speed is clearly in another step: samples are of
/// different files, and hosts that are equal must look equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace(i8);

impl Pace {
    const STEP: f64 = 1.5;
    const MOST: f64 = 5.0;

    pub(crate) fn updated(self, speed: f64, average: f64) -> Self {
        if speed <= 0.0 || average <= 0.0 {
            return self;
        }
        let steps = (speed / average).ln() / Self::STEP.ln();
        if (steps - f64::from(self.0)).abs() <= 0.75 {
            return self;
        }
        Self(steps.round().clamp(-Self::MOST, Self::MOST) as i8)
    }

    /// How much faster than the average.
    pub(crate) fn factor(self) -> f64 {
        Self::STEP.powi(i32::from(self.0))
    }
}

/// How long jobs take from their placement to their begin where a slot is free: the time that a
/// slot stands empty between two jobs when none waits beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    msec: Option<f64>,
}

impl Way {
    /// The part of a new figure in the average.
    const PART: f64 = 0.125;
    /// The part of a usual job that does not matter.
    const TRIFLE: f64 = 0.05;

    pub(crate) fn add(&mut self, took: Duration) {
        let took = took.as_secs_f64() * 1000.0;
        let known = self.msec.unwrap_or(took);
        self.msec = Some(known + (took - known) * Self::PART);
    }

    /// Whether it is known to be long, compared with the CPU time of a usual job.
    pub(crate) fn is_long(self, usual_msec: f64) -> bool {
        self.msec
            .is_some_and(|msec| msec > usual_msec * Self::TRIFLE)
            && usual_msec > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(out_uncompressed: u32, user_msec: u32) -> Figures {
        Figures {
            out_uncompressed,
            user_msec,
            ..Figures::default()
        }
    }

    #[test]
    fn speed_is_shown_as_icecream_shows_it() {
        // Both figures were read from icecc-scheduler 1.4's `listcs`.
        let mut records = Records::default();
        records.add(Sample::of(&done(36000, 100), 0x1 | 0x8).unwrap(), PER_HOST);
        assert_eq!(format!("{:.2}", records.shown()), "662.84");
        records.add(Sample::of(&done(45000, 50), 0x2).unwrap(), PER_HOST);
        assert_eq!(format!("{:.2}", records.shown()), "619.99");
    }

    #[test]
    fn failures_and_trifles_say_nothing() {
        assert!(Sample::of(&done(4095, 10), 0).is_none());
        assert!(Sample::of(&done(5000, 0), 0).is_none());
        assert!(
            Sample::of(
                &Figures {
                    exit_code: 1,
                    ..done(5000, 10)
                },
                0
            )
            .is_none()
        );
    }

    #[test]
    fn noise_does_not_change_the_pace_and_a_real_difference_does() {
        let pace = Pace::default();
        assert_eq!(pace.updated(130.0, 100.0), pace);
        assert_eq!(pace.updated(76.0, 100.0), pace);
        let faster = pace.updated(200.0, 100.0);
        assert!(faster.factor() > 1.4);
        assert_eq!(faster.updated(170.0, 100.0), faster);
    }

    #[test]
    fn an_unknown_host_is_an_average_one() {
        assert_eq!(Records::default().estimate(123.0), 123.0);
    }
}
