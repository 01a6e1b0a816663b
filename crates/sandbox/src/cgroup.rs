//! Control groups (version 2) for jobs, where the system's manager has delegated some to the daemon:
//! `Delegate=memory pids` in its unit. Everything here is an extra; what fails is done without.
//!
//! Source: the kernel's admin-guide/cgroup-v2, and systemd's CGROUP_DELEGATION, which marks a
//! delegated group with an extended attribute.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::Pid;

use crate::Limits;

const NEEDED: [&str; 2] = ["memory", "pids"];
/// Processes may be only in groups without controlled children, so the daemon moves to this one.
const OWN: &str = "daemon";
const JOB: &str = "job-";

/// Takes over the group that was delegated to this process, with nothing else in it. `user` is who
/// will make groups below it, if root is given up.
pub(crate) fn take_delegation(user: Option<(u32, u32)>) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = directory(&mounts, &own)?;
    let is_ours = is_delegated(&group)
        && has_controllers(&fs::read_to_string(group.join("cgroup.controllers")).ok()?)
        && fs::read_to_string(group.join("cgroup.procs")).ok()?.trim()
            == std::process::id().to_string();
    if !is_ours {
        return None;
    }
    if let Err(error) = occupy(&group, user) {
        // Back to where it was; a group without processes is nobody's loss.
        let _ = fs::write(group.join("cgroup.procs"), "0");
        let _ = fs::remove_dir(group.join(OWN));
        drop(error);
        return None;
    }
    Some(group)
}

fn occupy(group: &Path, user: Option<(u32, u32)>) -> io::Result<()> {
    for old in fs::read_dir(group)?.flatten() {
        if old.file_name().to_string_lossy().starts_with(JOB) {
            let _busy = fs::remove_dir(old.path());
        }
    }
    let own = group.join(OWN);
    if !own.is_dir() {
        fs::create_dir(&own)?;
    }
    fs::write(own.join("cgroup.procs"), "0")?;
    let wanted = NEEDED.map(|name| format!("+{name}")).join(" ");
    fs::write(group.join("cgroup.subtree_control"), wanted)?;
    if let Some((user, group_id)) = user {
        // Who makes groups and puts processes into them needs these, and no others.
        for path in [
            group.to_path_buf(),
            group.join("cgroup.procs"),
            own.join("cgroup.procs"),
        ] {
            chown(path, Some(user), Some(group_id))?;
        }
    }
    Ok(())
}

/// From mountinfo(5) and cgroup(7); the top of the tree is nobody's to delegate.
fn directory(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mount = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        (after.starts_with("cgroup2 ") && root == "/").then_some(place)
    })?;
    let below = path.strip_prefix('/')?;
    (!below.is_empty() && !below.contains("..")).then(|| Path::new(mount).join(below))
}

fn is_delegated(group: &Path) -> bool {
    let mut value = [0; 8];
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        rustix::fs::getxattr(group, *name, &mut value).is_ok_and(|len| &value[..len] == b"1")
    })
}

fn has_controllers(list: &str) -> bool {
    NEEDED
        .iter()
        .all(|needed| list.split_whitespace().any(|name| name == *needed))
}

/// One group.
pub(crate) struct Group {
    path: PathBuf,
    directory: OwnedFd,
}

/// How the kernel holds one job.
pub(crate) struct Hold {
    /// The kernel counts and limits the job's memory.
    pub(crate) memory: Option<Deaths>,
    /// What it has, in figures of many kinds.
    pub(crate) figures: Option<File>,
}

/// Counts what the kernel killed for want of memory.
pub(crate) struct Deaths {
    events: File,
    before: u64,
}

impl Deaths {
    pub(crate) fn happened(&self) -> bool {
        count(&self.events) > self.before
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

fn count(events: &File) -> u64 {
    let mut text = [0; 512];
    let len = rustix::io::pread(events, &mut text, 0).unwrap_or(0);
    oom_kills(&String::from_utf8_lossy(&text[..len]))
}

fn oom_kills(events: &str) -> u64 {
    events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
        .unwrap_or(0)
}

/// The groups of a zygote's jobs, used again by later jobs. The one that rested longest goes first:
/// what its last job left in memory is most likely gone.
#[derive(Default)]
pub(crate) struct Groups {
    parent: Option<PathBuf>,
    made: u64,
    free: VecDeque<Group>,
    used: HashMap<Pid, Group>,
}

impl Groups {
    pub(crate) fn below(parent: Option<PathBuf>) -> Self {
        Self {
            parent,
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, limits: &Limits) -> Option<(Group, Hold)> {
        let parent = self.parent.as_ref()?;
        let group = match self.free.pop_front() {
            Some(group) => group,
            None => {
                self.made += 1;
                make(&parent.join(format!("{JOB}{}-{}", std::process::id(), self.made))).ok()?
            }
        };
        let hold = group.limit(limits);
        Some((group, hold))
    }

    pub(crate) fn lend(&mut self, group: Group, init: Pid) {
        self.used.insert(init, group);
    }

    pub(crate) fn give_back(&mut self, group: Group) {
        self.free.push_back(group);
    }

    pub(crate) fn ended(&mut self, init: Pid) {
        self.free.extend(self.used.remove(&init));
    }
}

fn make(path: &Path) -> io::Result<Group> {
    fs::create_dir(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Group {
        directory: openat(CWD, path, flags, Mode::empty())?,
        path: path.to_path_buf(),
    })
}

impl Group {
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    fn limit(&self, limits: &Limits) -> Hold {
        let set = |file: &str, value: Option<u64>| {
            let value = value.map_or_else(|| "max".to_owned(), |value| value.to_string());
            fs::write(self.path.join(file), value)
        };
        // The init is one more. Without this the kernel's limit of the user's processes holds.
        let _ = set(
            "pids.max",
            limits.processes.map(|count| count.saturating_add(1)),
        );
        // Without swap this fails, and is not needed.
        let _ = set("memory.swap.max", Some(0));
        let limited = set("memory.max", limits.memory).is_ok();
        let memory = limited.then(|| {
            let events = File::open(self.path.join("memory.events")).ok()?;
            let before = count(&events);
            Some(Deaths { events, before })
        });
        Hold {
            memory: memory.flatten(),
            figures: File::open(self.path.join("memory.stat")).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_own_group_is_found() {
        let own = "4:memory:/a\n0::/system.slice/floe.service\n";
        assert_eq!(
            directory(MOUNTS, own),
            Some("/sys/fs/cgroup/unified/system.slice/floe.service".into())
        );
        assert_eq!(directory(MOUNTS, "0::/\n"), None);
        assert_eq!(directory(MOUNTS, "0::/../x\n"), None);
        assert_eq!(directory("", own), None);
        assert_eq!(directory(MOUNTS, "1:cpu:/x\n"), None);
    }

    #[test]
    fn both_controllers_are_needed() {
        assert!(has_controllers("cpuset cpu io memory hugetlb pids\n"));
        assert!(!has_controllers("hugetlb\n"));
        assert!(!has_controllers("memory\n"));
    }

    #[test]
    fn deaths_for_want_of_memory_are_counted() {
        assert_eq!(
            oom_kills("low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n"),
            2
        );
        assert_eq!(oom_kills(""), 0);
    }

    #[test]
    fn a_group_of_plain_files_is_limited() {
        let base = tempfile::tempdir().unwrap();
        let mut groups = Groups::below(Some(base.path().to_path_buf()));
        let limits = Limits {
            memory: Some(1 << 30),
            processes: Some(8),
            ..Limits::default()
        };
        let (group, hold) = groups.take(&limits).unwrap();
        // Here nobody makes memory.events, so memory must be watched otherwise.
        assert!(hold.memory.is_none());
        let text = |file| fs::read_to_string(group.path.join(file)).unwrap();
        assert_eq!(
            (text("pids.max"), text("memory.max")),
            ("9".into(), "1073741824".into())
        );
        fs::write(group.path.join("memory.events"), "oom_kill 1\n").unwrap();
        let path = group.path.clone();
        groups.give_back(group);
        let (group, hold) = groups.take(&limits).unwrap();
        assert_eq!(group.path, path);
        let deaths = hold.memory.unwrap();
        assert!(!deaths.happened());
        fs::write(path.join("memory.events"), "oom_kill 2\n").unwrap();
        assert!(deaths.happened());
    }
}
