//! From the kernel's figures to the load value.

use std::time::Duration;

use super::{CpuTimes, Lack, Memory, Pressure};

/// Free disk space that each compile may need.
const DISK_PER_COMPILE: u64 = 25 << 20;

/// What was read at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub cpu: CpuTimes,
    pub memory: Memory,
    /// One, five and fifteen minutes, times 1000.
    pub averages: [u32; 3],
    /// Bytes free where toolchains and compiles live; none when that could not be asked.
    pub disk_free: Option<u64>,
    /// Minutes since midnight, local time.
    pub minute: u16,
    pub on_battery: bool,
}

/// What this daemon itself did since the last sample. Its own compiles must not look like load,
/// or a busy executor would call itself unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Processor time of children that ended.
    pub ended: Duration,
    /// Children that run now.
    pub running: u32,
}

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// 0 to 1000.
    pub value: u32,
    pub pressure: Pressure,
    /// Thousandths of processor time: idle (own children count as idle), and niced.
    pub idle: u32,
    pub nice: u32,
    /// Thousandths of memory in use.
    pub memory: u32,
    /// MiB that compiles could have.
    pub free_memory: u32,
    pub averages: [u32; 3],
}

/// Compares each sample with the one before.
#[derive(Debug)]
pub struct Meter {
    slots: u32,
    last: Option<CpuTimes>,
}

impl Meter {
    pub fn new(slots: u32) -> Self {
        Self { slots, last: None }
    }

    /// The load, `elapsed` after the previous sample. With nothing to compare to, the processors
    /// count as idle: the host is of use at once, and three seconds later the figures are real.
    pub fn read(&mut self, sample: &Sample, own: Own, elapsed: Duration) -> Reading {
        let last = self.last.replace(sample.cpu).unwrap_or(sample.cpu);
        let total = sample.cpu.total.saturating_sub(last.total);
        let share = |now: u64, before: u64| {
            let part = now.saturating_sub(before).min(total);
            u32::try_from((part * 1000).checked_div(total).unwrap_or(0)).unwrap_or(1000)
        };
        let nice = share(sample.cpu.nice, last.nice);
        let mut idle = if total == 0 {
            1000
        } else {
            share(sample.cpu.idle, last.idle)
        };
        idle = (idle + own_share(own, nice, elapsed, sample.cpu.processors)).min(1000);

        let memory = memory_use(&sample.memory);
        let free_children = u64::from((self.slots + 1).saturating_sub(own.running).max(1));
        let disk_full = sample
            .disk_free
            .is_some_and(|free| free < DISK_PER_COMPILE * free_children);
        let value = if disk_full {
            1000
        } else {
            (1000 - idle).max(memory)
        };
        let pressure = match value {
            ..1000 => Pressure::Open,
            _ if disk_full => Pressure::Full(Lack::Disk),
            _ if memory >= 1000 => Pressure::Full(Lack::Memory),
            _ => Pressure::Busy,
        };
        Reading {
            value,
            pressure,
            idle,
            nice,
            memory,
            free_memory: u32::try_from(sample.memory.available() / 1024).unwrap_or(u32::MAX),
            averages: sample.averages,
        }
    }
}

/// Thousandths of all processor time that own children took. Children that still run have not
/// told yet; they are niced, so niced time stands for them.
fn own_share(own: Own, nice: u32, elapsed: Duration, processors: u32) -> u32 {
    let all = elapsed.as_millis() * u128::from(processors.max(1));
    let ended = (own.ended.as_millis() * 1000).checked_div(all).unwrap_or(0);
    let ended = u32::try_from(ended).unwrap_or(1000).min(1000);
    ended.max(if own.running > 0 { nice } else { 0 })
}

fn memory_use(memory: &Memory) -> u32 {
    let available = memory.available().min(memory.total);
    let free = (available * 1000).checked_div(memory.total).unwrap_or(1000);
    1000 - u32::try_from(free).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn sample(idle: u64, nice: u64, total: u64) -> Sample {
        Sample {
            cpu: CpuTimes {
                nice,
                idle,
                total,
                processors: 2,
            },
            memory: Memory {
                total: 1000,
                free: 900,
                ..Memory::default()
            },
            averages: [0; 3],
            disk_free: None,
            ..Sample::default()
        }
    }

    #[test]
    fn the_first_reading_trusts_and_later_ones_measure() {
        let mut meter = Meter::new(2);
        assert_eq!(
            meter
                .read(&sample(0, 0, 1000), Own::default(), SECOND)
                .value,
            100
        );
        let busy = meter.read(&sample(20, 0, 1200), Own::default(), SECOND);
        assert_eq!((busy.value, busy.pressure), (900, Pressure::Open));
        let full = meter.read(&sample(20, 0, 1400), Own::default(), SECOND);
        assert_eq!((full.value, full.pressure), (1000, Pressure::Busy));
    }

    #[test]
    fn a_frozen_clock_of_ticks_means_idle() {
        let mut meter = Meter::new(2);
        meter.read(&sample(0, 0, 1000), Own::default(), SECOND);
        assert_eq!(
            meter
                .read(&sample(0, 0, 1000), Own::default(), SECOND)
                .value,
            100
        );
    }

    #[test]
    fn own_children_are_not_load() {
        let mut meter = Meter::new(2);
        meter.read(&sample(0, 0, 1000), Own::default(), SECOND);
        let running = Own {
            running: 2,
            ..Own::default()
        };
        assert_eq!(
            meter.read(&sample(0, 200, 1200), running, SECOND).value,
            100
        );
        let ended = Own {
            ended: SECOND,
            running: 0,
        };
        assert_eq!(meter.read(&sample(0, 200, 1400), ended, SECOND).value, 500);
    }

    #[test]
    fn a_full_disk_or_memory_is_told_apart_from_busy_processors() {
        let mut meter = Meter::new(2);
        let disk = Sample {
            disk_free: Some(70 << 20),
            ..sample(0, 0, 1000)
        };
        assert_eq!(
            meter.read(&disk, Own::default(), SECOND).pressure,
            Pressure::Full(Lack::Disk)
        );
        let enough = Own {
            running: 1,
            ..Own::default()
        };
        assert_eq!(meter.read(&disk, enough, SECOND).pressure, Pressure::Open);
        let memory = Sample {
            memory: Memory {
                free: 0,
                ..disk.memory
            },
            disk_free: None,
            ..disk
        };
        assert_eq!(
            meter.read(&memory, Own::default(), SECOND).pressure,
            Pressure::Full(Lack::Memory)
        );
    }
}
