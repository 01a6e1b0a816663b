//! Watching over a running job: its end, its memory, and what its caller wants of it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::Pid;

use crate::cgroup::Deaths;
use crate::codec::Report;
use crate::gauge::{Gauge, Teller};
use crate::held::Held;
use crate::kernel::{self, Crowd};
use crate::watch::{bytes_below, children};
use crate::{Ended, StartError, Step, Usage, packet};

/// What the caller may say while the job runs; hanging up kills it.
pub(crate) const FREEZE: &[u8] = b"freeze";
pub(crate) const THAW: &[u8] = b"thaw";

/// How often memory is looked at. A process fills a few hundred MiB meanwhile at most; looking
/// costs some 50 µs for gcc's three processes.
const GLANCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 40_000_000,
};

/// Where an init stands.
pub(crate) struct Post<'a> {
    /// To the caller.
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) children: &'a OwnedFd,
    pub(crate) proc_directory: BorrowedFd<'a>,
    pub(crate) program: Pid,
    pub(crate) crowd: Crowd,
    /// Nothing of the job may be left, not even what has left its group.
    pub(crate) thorough: bool,
    /// How the job's memory is measured, where somebody wants to know.
    pub(crate) gauge: Option<Gauge<'a>>,
    /// Bytes that the job may have, unless the kernel sees to that.
    pub(crate) memory: Option<u64>,
    /// A scratch directory on disk.
    pub(crate) disk: Option<Disk<'a>>,
    /// The kernel watches the memory, and kills for it.
    pub(crate) deaths: Option<&'a Deaths>,
    pub(crate) set_up: Duration,
}

/// Where a job writes without a quota of the kernel's.
pub(crate) struct Disk<'a> {
    pub(crate) directory: BorrowedFd<'a>,
    pub(crate) held: Held<'a>,
    /// Bytes.
    pub(crate) limit: u64,
}

/// Until the program ends, uses too much, or the caller hangs up. No process of the job is left
/// afterwards.
pub(crate) fn supervise(post: &Post<'_>, ready: Result<(), Errno>) -> Report {
    let started = Instant::now();
    let mut usage = Usage {
        set_up: post.set_up,
        ..Usage::default()
    };
    let mut status = None;
    let mut failed = ready.err();
    let mut starved = false;
    let mut teller = Teller::default();
    let watched = post.gauge.is_some() || post.disk.is_some();
    let timeout = watched.then_some(GLANCE);
    let mut overfull = false;
    while status.is_none() && failed.is_none() {
        let mut waiting = [
            PollFd::new(post.children, PollFlags::IN),
            PollFd::from_borrowed_fd(post.socket, PollFlags::IN | PollFlags::RDHUP),
        ];
        match poll(&mut waiting, timeout.as_ref()) {
            Ok(_) if !waiting[1].revents().is_empty() => {
                if !obey(post) {
                    break;
                }
            }
            Ok(_) => {
                // Which children ended is asked for below; this only makes the descriptor wait again.
                let _ = rustix::io::read(post.children, &mut [0; 128]);
            }
            Err(Errno::INTR) => {}
            Err(errno) => failed = Some(errno),
        }
        while let Ok(Some(reaped)) = kernel::reap(false) {
            add(&mut usage, &reaped.usage);
            if reaped.pid == post.program {
                status = Some(reaped.status);
            }
        }
        if status.is_none() && uses_too_much(post, &mut teller) {
            starved = true;
            break;
        }
        if status.is_none() && fills_too_much(post) {
            overfull = true;
            break;
        }
    }
    let wall = started.elapsed();
    kernel::signal(post.crowd, libc::SIGKILL);
    if let (Crowd::Group(_), true) = (post.crowd, post.thorough) {
        kernel::kill_each(&children(post.proc_directory));
    }
    while let Ok(Some(reaped)) = kernel::reap(post.thorough) {
        add(&mut usage, &reaped.usage);
        if reaped.pid == post.program {
            status = Some(reaped.status);
        }
        if let (Crowd::Group(_), true) = (post.crowd, post.thorough) {
            // The children of the dead come to this process one generation after the other.
            kernel::kill_each(&children(post.proc_directory));
        }
    }
    usage.wall = wall;
    usage.peak_memory = teller.peak().max(usage.max_rss_kib.saturating_mul(1024));
    let succeeded = status.is_some_and(|status| status == 0);
    starved |= !succeeded && post.deaths.is_some_and(Deaths::happened);
    let ended = match (status, failed) {
        _ if starved => Ended::OutOfMemory,
        _ if overfull => Ended::OutOfDisk,
        (Some(status), _) if libc::WIFEXITED(status) => Ended::Exited(libc::WEXITSTATUS(status)),
        (Some(status), _) => Ended::Signalled(libc::WTERMSIG(status)),
        (None, errno) => Ended::NotStarted(StartError {
            step: Step::Supervise,
            errno: errno.unwrap_or(Errno::CHILD),
        }),
    };
    Report { ended, usage }
}

/// Whether the caller wants the job to go on.
fn obey(post: &Post<'_>) -> bool {
    let mut word = [0; 8];
    match packet::receive(post.socket, &mut word, RecvFlags::DONTWAIT) {
        Ok((len, _)) if &word[..len] == FREEZE => kernel::signal(post.crowd, libc::SIGSTOP),
        Ok((len, _)) if &word[..len] == THAW => kernel::signal(post.crowd, libc::SIGCONT),
        Err(Errno::AGAIN | Errno::INTR) => {}
        _ => return false,
    }
    true
}

/// Tells the caller as well, who sees to all jobs together.
fn uses_too_much(post: &Post<'_>, teller: &mut Teller) -> bool {
    let Some(used) = post.gauge.as_ref().and_then(Gauge::read) else {
        return false;
    };
    teller.tell(post.socket, used);
    post.memory.is_some_and(|limit| used > limit)
}

fn fills_too_much(post: &Post<'_>) -> bool {
    post.disk.as_ref().is_some_and(|disk| {
        let named = bytes_below(disk.directory);
        // What loses its name between the two looks is counted twice, and not never.
        named > disk.limit || named.saturating_add(disk.held.bytes()) > disk.limit
    })
}

fn add(total: &mut Usage, one: &Usage) {
    total.user += one.user;
    total.system += one.system;
    total.max_rss_kib = total.max_rss_kib.max(one.max_rss_kib);
    total.minor_faults += one.minor_faults;
    total.major_faults += one.major_faults;
}
