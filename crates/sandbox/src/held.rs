//! How much room the files take that a job holds and that have no name any more, where the kernel
//! does not count for us: what was unlinked lives on in descriptors and mappings.
//!
//! A process's `/proc/PID/fd` and `maps` may be read by who could trace it (proc(5), ptrace(2) on
//! PTRACE_MODE_READ). That is its init where both have one user. One that kept root has the right, or
//! in a container only the name of it, and then looks with the job's user as file system user
//! (setfsuid(2)). A job cannot hide a process by running a program that it may not read: Landlock lets
//! it run nothing that it has written.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

use crate::kernel;
use crate::watch::{children, descendants, numbers_in};

/// More descriptors than a compile has reason to hold count as too much.
const MOST: usize = 16 * 1024;
/// Compilers start a program now and then, not several within each of the milliseconds of a look.
const ROUNDS: usize = 16;
/// All of the mappings that the kernel allows a process have fewer bytes of text.
const LONGEST: usize = 32 << 20;

/// Looks at the files of one job's processes.
pub(crate) struct Held<'a> {
    proc_directory: BorrowedFd<'a>,
    /// Where the scratch directory is, as the kernel writes it in front of names in mappings.
    scratch: Vec<u8>,
    /// The job's, where its init has another.
    user: Option<(u32, u32)>,
    /// How to look, once that has worked. Just after its start a program is still shut, as its init
    /// is; and some hosts let nobody look.
    look: Cell<Option<Look>>,
}

#[derive(Clone, Copy)]
enum Look {
    Directly,
    As(u32, u32),
}

impl<'a> Held<'a> {
    pub(crate) fn new(
        proc_directory: BorrowedFd<'a>,
        scratch: BorrowedFd<'_>,
        user: Option<(u32, u32)>,
    ) -> Self {
        let name = format!("self/fd/{}", scratch.as_raw_fd());
        let path = readlinkat(proc_directory, name, Vec::new());
        Self {
            proc_directory,
            scratch: path.map(CString::into_bytes).unwrap_or_default(),
            user,
            look: Cell::new(None),
        }
    }

    /// Bytes on disk; too many when they cannot be known any more.
    pub(crate) fn bytes(&self) -> u64 {
        let look = self.look.get().or_else(|| self.find_look());
        self.look.set(look);
        look.map_or(0, |look| {
            with_rights(look, || self.count().unwrap_or(u64::MAX))
        })
    }

    fn find_look(&self) -> Option<Look> {
        let first = children(self.proc_directory).first().copied()?;
        let is_open = |look: &Look| {
            with_rights(*look, || {
                // Listing them asks for less than following one.
                let directory = format!("{first}/fd");
                let mut descriptors = numbers_in(self.proc_directory, &directory).into_iter();
                descriptors.any(|number| self.file(&directory, number).is_ok())
                    && read_all(self.proc_directory, &format!("{first}/maps")).is_ok()
            })
        };
        let other = self.user.map(|(user, group)| Look::As(user, group));
        [Some(Look::Directly), other]
            .into_iter()
            .flatten()
            .find(is_open)
    }

    fn file(&self, directory: &str, descriptor: u64) -> Result<Stat, Errno> {
        let name = format!("{directory}/{descriptor}");
        statat(self.proc_directory, name, AtFlags::empty())
    }

    /// Looks again until no process has come that was not looked at: one could hand its files to a
    /// child each time.
    fn count(&self) -> Option<u64> {
        let mut count = Count::default();
        let mut looked_at = HashSet::new();
        for _ in 0..ROUNDS {
            let mut came = descendants(self.proc_directory)?;
            came.retain(|pid| looked_at.insert(*pid));
            if came.is_empty() {
                return Some(count.bytes);
            }
            for pid in came {
                self.add(&mut count, pid)?;
            }
        }
        None
    }

    /// `None`: there is more than can be counted.
    fn add(&self, count: &mut Count, pid: u64) -> Option<()> {
        // Threads may have descriptors of their own.
        for thread in numbers_in(self.proc_directory, &format!("{pid}/task")) {
            let directory = format!("{pid}/task/{thread}/fd");
            for descriptor in numbers_in(self.proc_directory, &directory) {
                count.seen += 1;
                if count.seen > MOST {
                    return None;
                }
                let found = match self.file(&directory, descriptor) {
                    Ok(found) => found,
                    Err(Errno::ACCESS) => return None,
                    // It may be closed already.
                    Err(_) => continue,
                };
                let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
                if is_file && found.st_nlink == 0 && count.files.insert(found.st_ino) {
                    let blocks = u64::try_from(found.st_blocks).unwrap_or(0);
                    count.bytes = count.bytes.saturating_add(blocks * 512);
                }
            }
        }
        // What is only mapped shows its inode and not its size. No compiler needs such a file.
        match read_all(self.proc_directory, &format!("{pid}/maps")) {
            Ok(maps) => {
                let mut lost = unlinked(&maps, &self.scratch);
                lost.all(|inode| count.files.contains(&inode)).then_some(())
            }
            Err(Errno::FBIG | Errno::ACCESS) => None,
            // It has ended.
            Err(_) => Some(()),
        }
    }
}

/// Changing the file system user makes the kernel forget the death signal.
fn with_rights<T>(look: Look, question: impl FnOnce() -> T) -> T {
    let Look::As(user, group) = look else {
        return question();
    };
    let parent = getppid();
    kernel::set_file_system_user(user, group);
    let answer = question();
    kernel::set_file_system_user(0, 0);
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != parent {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    answer
}

#[derive(Default)]
struct Count {
    bytes: u64,
    seen: usize,
    files: HashSet<u64>,
}

/// The inodes of files that were below `scratch`.
fn unlinked<'a>(maps: &'a [u8], scratch: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
    maps.split(|byte| *byte == b'\n').filter_map(move |line| {
        let line = line.strip_suffix(b" (deleted)")?;
        // Addresses, rights, offset, device, inode, and blanks before the path.
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let inode = fields.nth(4)?;
        let path = fields.next()?.trim_ascii_start();
        let is_ours = !scratch.is_empty() && path.starts_with(scratch);
        is_ours.then(|| std::str::from_utf8(inode).ok()?.parse().ok())?
    })
}

fn read_all(proc_directory: BorrowedFd<'_>, name: &str) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(proc_directory, name, flags, Mode::empty())?;
    let mut text = vec![0; 16 * 1024];
    let mut len = 0;
    loop {
        if len == text.len() {
            if len >= LONGEST {
                return Err(Errno::FBIG);
            }
            text.resize(2 * len, 0);
        }
        match rustix::io::read(&file, &mut text[len..])? {
            0 => break,
            more => len += more,
        }
    }
    text.truncate(len);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_names_are_found_in_mappings() {
        let maps = b"55d0-55d1 r--p 00000000 fe:01 17                         /usr/bin/true\n\
            7f00-7f01 rw-s 00000000 fe:01 18                         /scratch/one/a b (deleted)\n\
            7f02-7f03 rw-s 00000000 fe:01 19                         /scratch/one/c\n\
            7f04-7f05 r--p 00000000 fe:01 20                         /usr/lib/libc.so.6 (deleted)\n\
            7ffc-7ffd rw-p 00000000 00:00 0                          [stack]\n";
        let found: Vec<u64> = unlinked(maps, b"/scratch/one").collect();
        assert_eq!(found, [18]);
        assert_eq!(unlinked(maps, b"").count(), 0);
    }
}
