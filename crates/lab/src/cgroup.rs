//! CPU time of everything that runs on one host, by cgroup: version 2 where mounted (its `cpu.stat`
//! counts without any controller enabled), else version 1's cpuacct.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

/// A cgroup made for one host.
pub(crate) struct Cgroup {
    directory: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, PartialEq)]
enum Version {
    One,
    Two,
}

impl Cgroup {
    /// Makes a cgroup, or says why there is none.
    pub(crate) fn create(name: &str) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")
            .map_err(|e| format!("/proc/self/mountinfo: {e}"))?;
        let (root, version) = find_mount(&mounts)
            .ok_or("neither cgroup version 2 nor the cpuacct controller is mounted")?;
        let directory = root.join(name);
        fs::create_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        Ok(Self { directory, version })
    }

    /// The file to write `0` to in order to join.
    pub(crate) fn door(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }

    /// CPU time used so far, by living and dead.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        let file = self.directory.join(match self.version {
            Version::One => "cpuacct.usage",
            Version::Two => "cpu.stat",
        });
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let nanoseconds = match self.version {
            Version::One => text.trim().parse::<u64>().ok(),
            Version::Two => text
                .lines()
                .find_map(|line| line.strip_prefix("usage_usec "))
                .and_then(|usage| usage.trim().parse::<u64>().ok())
                .map(|microseconds| microseconds * 1000),
        };
        nanoseconds
            .map(Duration::from_nanos)
            .ok_or_else(|| format!("{}: unexpected content", file.display()))
    }

    /// Ids, in this process's view, of everything that runs in it.
    pub(crate) fn members(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.door()).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Ends every member at once.
    pub(crate) fn kill(&self) {
        if fs::write(self.directory.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        for pid in self.members() {
            crate::process::kill(pid, crate::Signal::KILL);
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A cgroup can go only when its last member has been reaped, which takes a moment.
        for _ in 0..200 {
            match fs::remove_dir(&self.directory) {
                Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                    self.kill();
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// Where to make cgroups: the mount point of version 2, else that of cpuacct.
fn find_mount(mountinfo: &str) -> Option<(PathBuf, Version)> {
    let mut one = None;
    for line in mountinfo.lines() {
        // Fields up to " - " vary in number; behind it stand type, source and super options.
        let (head, tail) = line.split_once(" - ")?;
        let point = head.split(' ').nth(4)?;
        let mut tail = tail.split(' ');
        match (tail.next()?, tail.nth(1)) {
            ("cgroup2", _) => return Some((Path::new(point).to_owned(), Version::Two)),
            ("cgroup", Some(options)) if options.split(',').any(|o| o == "cpuacct") => {
                one = Some((Path::new(point).to_owned(), Version::One));
            }
            _ => {}
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
22 1 0:20 / /proc rw,relatime - proc proc rw
30 25 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 25 0:28 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";

    #[test]
    fn version_two_is_preferred_and_cpuacct_the_fallback() {
        let (point, version) = find_mount(HYBRID).unwrap();
        assert!(point == Path::new("/sys/fs/cgroup/unified") && version == Version::Two);
        let old: String = HYBRID
            .lines()
            .take(2)
            .map(|line| format!("{line}\n"))
            .collect();
        let (point, version) = find_mount(&old).unwrap();
        assert!(point == Path::new("/sys/fs/cgroup/cpu") && version == Version::One);
        assert!(find_mount("22 1 0:20 / /proc rw - proc proc rw\n").is_none());
    }
}
