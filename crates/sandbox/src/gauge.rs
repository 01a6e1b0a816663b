//! How much memory a job has, and when its caller hears of that.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::fstatvfs;
use rustix::net::SendFlags;

use crate::packet;
use crate::watch::memory_of_descendants;

/// A change below this is not told: a caller adds up many jobs and keeps a margin. Most compiles
/// never say more than a word or two.
const WORTH_TELLING: u64 = 32 << 20;

/// No other word has this length.
const WORD_LEN: usize = 8;

/// Where the figure comes from.
pub(crate) enum Gauge<'a> {
    /// `memory.stat` of the job's control group, which counts its files in memory as well.
    Group(&'a File),
    /// The job's processes one by one, and its scratch directory in memory.
    Processes {
        proc_directory: BorrowedFd<'a>,
        files: Option<BorrowedFd<'a>>,
    },
}

impl Gauge<'_> {
    /// Bytes; `None` where it cannot be known.
    pub(crate) fn read(&self) -> Option<u64> {
        match self {
            Self::Group(figures) => {
                let mut text = [0; 4096];
                let len = rustix::io::pread(figures, &mut text, 0).ok()?;
                of_group(&String::from_utf8_lossy(&text[..len]))
            }
            Self::Processes {
                proc_directory,
                files,
            } => {
                let processes = memory_of_descendants(*proc_directory)?;
                Some(processes.saturating_add(files.map_or(0, in_files)))
            }
        }
    }
}

/// Not what only caches the toolchain's files: the kernel gives that away for the asking.
fn of_group(figures: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_prefix(' ')?.trim().parse::<u64>().ok()
    };
    Some(field("anon")?.saturating_add(field("shmem").unwrap_or(0)))
}

fn in_files(directory: BorrowedFd<'_>) -> u64 {
    fstatvfs(directory).map_or(0, |found| {
        let blocks = found.f_blocks.saturating_sub(found.f_bfree);
        blocks.saturating_mul(found.f_frsize)
    })
}

/// Says what is worth saying.
#[derive(Default)]
pub(crate) struct Teller {
    told: u64,
    peak: u64,
}

impl Teller {
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    pub(crate) fn tell(&mut self, socket: BorrowedFd<'_>, used: u64) {
        self.peak = self.peak.max(used);
        if used.abs_diff(self.told) < WORTH_TELLING {
            return;
        }
        // When the socket is full, the next figure is as good.
        let word = used.to_le_bytes();
        if packet::send(socket, &word, &[], SendFlags::DONTWAIT).is_ok() {
            self.told = used;
        }
    }
}

/// `None`: it is another word.
pub(crate) fn decode(packet: &[u8]) -> Option<u64> {
    <[u8; WORD_LEN]>::try_from(packet)
        .ok()
        .map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_groups_caches_do_not_count() {
        let figures = "anon 4096\nfile 999999\nkernel 5\nshmem 100\nanon_thp 7\n";
        assert_eq!(of_group(figures), Some(4196));
        assert_eq!(of_group("file 3\n"), None);
    }

    #[test]
    fn only_changes_that_matter_are_told() {
        let (ours, theirs) = packet::pair().unwrap();
        let mut teller = Teller::default();
        for used in [1, 3 * WORTH_TELLING, 3 * WORTH_TELLING + 5, 3] {
            teller.tell(theirs.as_fd(), used);
        }
        drop(theirs);
        let mut heard = Vec::new();
        let mut buffer = [0; 64];
        while let Ok((len, _)) =
            packet::receive(&ours, &mut buffer, rustix::net::RecvFlags::empty())
            && len > 0
        {
            heard.extend(decode(&buffer[..len]));
        }
        assert_eq!(heard, [3 * WORTH_TELLING, 3]);
        assert_eq!(teller.peak(), 3 * WORTH_TELLING + 5);
    }
}
