//! Reads the figures. Short blocking calls: run it on a blocking thread, the base directory may lie
//! on a network file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CpuTimes, Memory, Sample, figures, power};

/// Where the kernel's texts are. A laboratory gives each of its hosts a load of its own.
#[derive(Clone, Debug)]
pub struct ProcPaths {
    pub stat: PathBuf,
    pub meminfo: PathBuf,
    pub loadavg: PathBuf,
    pub supplies: PathBuf,
}

impl Default for ProcPaths {
    fn default() -> Self {
        Self {
            stat: "/proc/stat".into(),
            meminfo: "/proc/meminfo".into(),
            loadavg: "/proc/loadavg".into(),
            supplies: "/sys/class/power_supply".into(),
        }
    }
}

/// Reads everything once. What cannot be read counts as nothing.
pub fn sample(paths: &ProcPaths, base_dir: &Path) -> Sample {
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    Sample {
        cpu: CpuTimes::parse(&text(&paths.stat)),
        memory: Memory::parse(&text(&paths.meminfo)),
        averages: figures::averages(&text(&paths.loadavg)),
        disk_free: rustix::fs::statvfs(base_dir)
            .ok()
            .map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize)),
        minute: minute_of_day(),
        on_battery: power::on_battery(&paths.supplies),
    }
}

fn minute_of_day() -> u16 {
    let time = jiff::Zoned::now().time();
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0)
}
