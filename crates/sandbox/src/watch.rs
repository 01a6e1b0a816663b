//! How much memory the processes of a job use, asked of the host's `/proc`, and how much room its
//! files with names take on disk ([`crate::held`] sees to the others).
//!
//! Only where the kernel does not count for us: a control group would, and a scratch directory in
//! memory does. Needs CONFIG_PROC_CHILDREN, which distributions set.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, statat};
use rustix::io::Errno;

/// More processes or files than any limit allows; ends a walk through a tree that grows meanwhile.
const MOST: usize = 4096;

/// The children of this process's only thread, as far as they can be known.
pub(crate) fn children(proc_directory: BorrowedFd<'_>) -> Vec<u64> {
    read(proc_directory, "thread-self/children").map_or_else(|_| Vec::new(), |text| numbers(&text))
}

/// How many threads `user` has on this host.
pub(crate) fn threads_of_user(proc_directory: BorrowedFd<'_>, user: u32) -> u64 {
    let mine = |pid: &u64| {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        statat(proc_directory, format!("{pid}"), flags).is_ok_and(|found| found.st_uid == user)
    };
    let processes = numbers_in(proc_directory, ".");
    processes
        .into_iter()
        .filter(mine)
        .map(|pid| numbers_in(proc_directory, &format!("{pid}/task")).len() as u64)
        .sum()
}

/// Bytes of memory that all descendants of this process use. Shared memory counts for each, so
/// this is a little too much. `None` where it cannot be known.
pub(crate) fn memory_of_descendants(proc_directory: BorrowedFd<'_>) -> Option<u64> {
    let mut pages = 0;
    for pid in descendants(proc_directory)? {
        // A process that has just ended uses nothing.
        if let Ok(figures) = read(proc_directory, &format!("{pid}/statm")) {
            pages += numbers(&figures).get(1).copied().unwrap_or(0);
        }
    }
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// Their numbers. `None` where they cannot be known.
pub(crate) fn descendants(proc_directory: BorrowedFd<'_>) -> Option<Vec<u64>> {
    let mut waiting = numbers(&read(proc_directory, "thread-self/children").ok()?);
    let mut found = Vec::new();
    while let Some(pid) = waiting.pop() {
        if found.len() >= MOST {
            break;
        }
        found.push(pid);
        for thread in numbers_in(proc_directory, &format!("{pid}/task")) {
            if let Ok(children) = read(proc_directory, &format!("{pid}/task/{thread}/children")) {
                waiting.extend(numbers(&children));
            }
        }
    }
    Some(found)
}

/// Bytes that the files below `directory` take. A file with two names counts twice.
pub(crate) fn bytes_below(directory: BorrowedFd<'_>) -> u64 {
    let mut visited = 0;
    bytes_in(directory, &mut visited)
}

/// More files than a compile has reason to make count as too much. That also bounds the depth.
fn bytes_in(parent: BorrowedFd<'_>, visited: &mut usize) -> u64 {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match openat(parent, c".", flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOENT) => return 0,
        // Too deep for the descriptors that there are, or made unreadable.
        Err(_) => return u64::MAX,
    };
    let mut buffer = Vec::with_capacity(8192);
    let mut bytes = 0u64;
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        *visited += 1;
        if *visited > MOST {
            return u64::MAX;
        }
        // It may be gone already.
        let Ok(found) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        bytes = bytes.saturating_add(u64::try_from(found.st_blocks).unwrap_or(0) * 512);
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            let below = match openat(&directory, name, flags | OFlags::PATH, Mode::empty()) {
                Ok(child) => bytes_in(child.as_fd(), visited),
                Err(Errno::NOENT) => 0,
                Err(_) => u64::MAX,
            };
            bytes = bytes.saturating_add(below);
        }
    }
    bytes
}

/// The names in a directory that are numbers.
pub(crate) fn numbers_in(proc_directory: BorrowedFd<'_>, name: &str) -> Vec<u64> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = openat(proc_directory, name, flags, Mode::empty()) else {
        return Vec::new();
    };
    let mut buffer = Vec::with_capacity(4096);
    let mut found = Vec::new();
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(Ok(entry)) = entries.next() {
        found.extend(numbers(entry.file_name().to_bytes()));
    }
    found
}

/// Reads a small file; what is longer than a page matters to nobody here.
fn read(proc_directory: BorrowedFd<'_>, name: &str) -> Result<Vec<u8>, Errno> {
    let file: OwnedFd = openat(
        proc_directory,
        name,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut buffer = vec![0; 4096];
    let len = rustix::io::read(&file, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

fn numbers(text: &[u8]) -> Vec<u64> {
    text.split(u8::is_ascii_whitespace)
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .collect()
}
