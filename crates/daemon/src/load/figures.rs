//! The kernel's figures, read from the text of /proc/stat, /proc/meminfo and /proc/loadavg (proc(5)).
//! What is missing or unreadable counts as zero: a strange kernel must not stop a daemon.

/// Processor time since boot, in ticks, summed over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    pub nice: u64,
    /// Including the wait for disks.
    pub idle: u64,
    pub total: u64,
    pub processors: u32,
}

impl CpuTimes {
    /// From the text of /proc/stat.
    pub fn parse(text: &str) -> Self {
        let mut times = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("cpu") => {
                    // user nice system idle iowait irq softirq steal; guest time is within user
                    let ticks: Vec<u64> = words
                        .take(8)
                        .map(|word| word.parse().unwrap_or(0))
                        .collect();
                    let at = |index| ticks.get(index).copied().unwrap_or(0);
                    times.nice = at(1);
                    times.idle = at(3) + at(4);
                    times.total = ticks.iter().sum();
                }
                Some(word) if word.starts_with("cpu") => times.processors += 1,
                _ => {}
            }
        }
        times
    }
}

/// Main memory in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub total: u64,
    pub free: u64,
    pub buffers: u64,
    pub cached: u64,
    /// The kernel's own guess of what can be had without writing to swap; 0 where it makes none.
    pub offered: u64,
}

impl Memory {
    /// From the text of /proc/meminfo.
    pub fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
            number.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        Self {
            total: field("MemTotal"),
            free: field("MemFree"),
            buffers: field("Buffers"),
            cached: field("Cached"),
            offered: field("MemAvailable"),
        }
    }

    /// Bytes that compiles could have. What lies in memory file systems counts as cache in the
    /// figures below and cannot be given away, so the kernel's word is better.
    pub fn usable(&self) -> u64 {
        let kib = match self.offered {
            0 => self.available(),
            offered => offered,
        };
        kib.saturating_mul(1024)
    }

    /// What a compile could have, in icecream's measure: free memory and most of what only caches files. One hundredth
    /// of the memory is left to each kind of cache.
    pub fn available(&self) -> u64 {
        let kept = self.total / 100;
        self.free + self.buffers.saturating_sub(kept) + self.cached.saturating_sub(kept)
    }
}

/// The three load averages times 1000, from the text of /proc/loadavg.
pub(super) fn averages(text: &str) -> [u32; 3] {
    let mut words = text.split_ascii_whitespace();
    std::array::from_fn(|_| {
        let average: f64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0.0);
        (average.clamp(0.0, 1e6) * 1000.0) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        let stat = "cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 5\n";
        let expected = CpuTimes {
            nice: 20,
            idle: 450,
            total: 621,
            processors: 2,
        };
        assert_eq!(CpuTimes::parse(stat), expected);
        let meminfo = "MemTotal:  1000 kB\nMemFree: 100 kB\nBuffers: 30 kB\nCached: 210 kB\nSwapCached: 7 kB\n";
        let memory = Memory::parse(meminfo);
        assert_eq!(memory.cached, 210);
        assert_eq!(memory.available(), 100 + 20 + 200);
        assert_eq!(memory.usable(), 320 << 10);
        let told = Memory::parse("MemTotal: 1000 kB\nMemAvailable: 70 kB\n");
        assert_eq!(told.usable(), 70 << 10);
        assert_eq!(averages("0.50 1.25 17.00 3/400 1234\n"), [500, 1250, 17000]);
    }

    #[test]
    fn nonsense_counts_as_zero() {
        assert_eq!(CpuTimes::parse("cpu x y\n\u{0}").total, 0);
        assert_eq!(Memory::parse("MemTotal 5"), Memory::default());
        assert_eq!(averages("nan -1"), [0, 0, 0]);
    }
}
