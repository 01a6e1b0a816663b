//! How much memory compiles of other hosts get when the owner does not say.
//!
//! Sources: proc(5), cgroups(7); in a container the limit of its control group is what it has.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Memory, ProcPaths};
use crate::memory::LEAST;

/// Quarters. The rest is for this host's own programs, its file cache, and what measuring misses.
const SHARE: u64 = 3;
const GROUPS: &str = "/sys/fs/cgroup";

/// Three quarters of what this host, or this container, has, and no less than [`LEAST`].
pub fn share_of_memory(paths: &ProcPaths) -> u64 {
    let text = fs::read_to_string(&paths.meminfo).unwrap_or_default();
    let total = Memory::parse(&text).total.saturating_mul(1024);
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&own);
    let limits = limits.iter().filter_map(|file| limit(file));
    let share = limits.fold(total, u64::min) / 4 * SHARE;
    // A host that does not tell gives as little as any.
    share.max(LEAST)
}

fn limit(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Of the own group and all above it, in either version; a container may see the top only.
fn limit_files(own: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (top, name) = match controllers {
            "" => (PathBuf::from(GROUPS), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (Path::new(GROUPS).join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let below = Path::new(path.trim_start_matches('/'));
        files.extend(below.ancestors().map(|group| top.join(group).join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_above_limits() {
        let files = limit_files("5:cpu:/x\n4:cpuset,memory:/a/b\n0::/\n");
        let expected = ["memory/a/b", "memory/a", "memory"]
            .map(|group| format!("{GROUPS}/{group}/memory.limit_in_bytes"));
        let unified = format!("{GROUPS}/memory.max");
        let shown: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        assert_eq!(shown[..3], expected);
        assert_eq!(shown[3..], [unified]);
    }

    #[test]
    fn a_host_that_does_not_tell_gives_the_least() {
        let paths = ProcPaths {
            meminfo: "/nonexistent".into(),
            ..ProcPaths::default()
        };
        assert_eq!(share_of_memory(&paths), LEAST);
    }

    #[test]
    fn a_share_of_this_host_is_less_than_all() {
        let paths = ProcPaths::default();
        let text = fs::read_to_string(&paths.meminfo).unwrap();
        let total = Memory::parse(&text).total * 1024;
        assert!((1..total).contains(&share_of_memory(&paths)));
    }
}
