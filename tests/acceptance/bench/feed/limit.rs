//! A tenth of a core, for the processes of one host.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The kernel's usual one. Each processor keeps back up to a millisecond of what it was given: of the two of a short
/// period a quarter was lost.
const PERIOD_US: u32 = 100_000;

/// A cgroup with a quota: version 1's cpu controller where it is mounted, else version 2's.
pub(super) struct TenthOfACore {
    directory: PathBuf,
}

impl TenthOfACore {
    pub(super) fn new() -> Result<Self> {
        let one = Path::new("/sys/fs/cgroup/cpu");
        let is_one = one.join("cpu.shares").exists();
        let root = if is_one {
            one
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let directory = root.join(format!("floe-feed-{}", std::process::id()));
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        let limit = Self { directory };
        let quota = PERIOD_US / 10;
        if is_one {
            limit.put("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            limit.put("cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            limit.put("cpu.max", &format!("{quota} {PERIOD_US}"))?;
        }
        Ok(limit)
    }

    /// Holds these, and all that they will start.
    pub(super) fn hold(&self, processes: &[i32]) {
        for process in processes {
            // It may be over meanwhile.
            let _ = fs::write(self.door(), process.to_string());
        }
    }

    /// Who writes `0` there is held.
    pub(super) fn door(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }

    fn put(&self, name: &str, value: &str) -> Result<()> {
        let file = self.directory.join(name);
        fs::write(&file, value).with_context(|| file.display().to_string())
    }
}

impl Drop for TenthOfACore {
    fn drop(&mut self) {
        // Others go back to where all are, or it could not be taken away.
        let above = self.directory.with_file_name("cgroup.procs");
        let members = fs::read_to_string(self.door());
        for member in members.unwrap_or_default().lines() {
            let _ = fs::write(&above, member);
        }
        let _ = fs::remove_dir(&self.directory);
    }
}
