//! The keeper: starts the zygote on the best rung that works here, and starts it again if it dies.
//!
//! A fork of the daemon, made when it had one thread, that does nothing else: the zygote handles
//! what jobs can influence, and the daemon has threads by the time a new zygote is needed, when
//! forking it is no longer safe. The daemon's end of the socket does not notice a new zygote.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::codec::{REPORT_LEN, decode_report};
use crate::findings::{Trials, encode_trials};
use crate::kernel::{self, Forked};
use crate::serve;
use crate::step::At as _;
use crate::{Ended, Protection, Rung, StartError, Step, Wall, packet, privileges};

/// The zygote needs a millisecond; this is for a machine that is being crushed.
const START_LIMIT: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// A zygote that lived this long died of something rare.
const LONG_LIFE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How the helper is to be.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) protection: Protection,
    /// To be tried in this order.
    pub(crate) rungs: Vec<Rung>,
    /// Whom jobs run as when the caller is root.
    pub(crate) user: Option<(u32, u32)>,
    /// A control group to make jobs' groups in.
    pub(crate) group: Option<std::path::PathBuf>,
}

/// What the keeper's process does. Reports first which rung works.
pub(crate) fn run(setup: &Setup, requests: OwnedFd, dies_with_parent: bool) -> ! {
    let status = match prepare(setup, &requests, dies_with_parent) {
        Ok(()) => keep(setup, &requests),
        Err(failure) => {
            let trials = Trials {
                chosen: None,
                failed: setup.rungs.iter().map(|rung| (*rung, failure)).collect(),
            };
            tell(&requests, &trials);
            1
        }
    };
    kernel::exit(status)
}

fn prepare(setup: &Setup, requests: &OwnedFd, dies_with_parent: bool) -> Result<(), StartError> {
    if setup.protection.has(Wall::Descriptors) {
        kernel::close_all_but(&mut [0, 1, 2, requests.as_raw_fd()]).at(Step::Fork)?;
    }
    let null = open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).at(Step::Fork)?;
    rustix::stdio::dup2_stdin(&null).at(Step::Fork)?;
    rustix::stdio::dup2_stdout(&null).at(Step::Fork)?;
    drop(null);
    // A descriptor for SIGCHLD is of no use here, and closed.
    kernel::take_over_signals().at(Step::Fork)?;
    // A terminal's Ctrl-C is for the program, which then hangs up.
    rustix::process::setsid().at(Step::Fork)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Only for ps and top.
    let _ = rustix::thread::set_name(c"floe-keeper");
    if dies_with_parent {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Fork)?;
    }
    Ok(())
}

/// Returns the keeper's exit status when the caller has gone.
fn keep(setup: &Setup, requests: &OwnedFd) -> i32 {
    let mut failed = Vec::new();
    for &rung in &setup.rungs {
        let begun = Instant::now();
        match start(setup, rung, requests) {
            Ok(zygote) => {
                give_up_root(setup, rung);
                let chosen = Some(rung);
                tell(requests, &Trials { chosen, failed });
                return keep_alive(setup, rung, requests, zygote, begun);
            }
            Err(failure) => failed.push((rung, failure)),
        }
    }
    let chosen = None;
    tell(requests, &Trials { chosen, failed });
    1
}

/// When the rung needs no root, later zygotes do not need it either.
fn give_up_root(setup: &Setup, rung: Rung) {
    if let (true, false, Some((user, group))) =
        (privileges::is_root(), rung.keeps_root(), setup.user)
        && privileges::drop_thread_to(user, group).is_err()
    {
        kernel::exit(1);
    }
}

fn tell(requests: &OwnedFd, trials: &Trials) {
    // Nobody to tell: the zygote will see the same.
    let _ = packet::send(requests, &encode_trials(trials), &[], SendFlags::empty());
}

fn keep_alive(
    setup: &Setup,
    rung: Rung,
    requests: &OwnedFd,
    mut zygote: Pid,
    mut begun: Instant,
) -> i32 {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match waitpid(Some(zygote), WaitOptions::empty()) {
            Err(Errno::INTR) => continue,
            // It saw that the caller has gone.
            Ok(Some((_, status))) if status.exit_status() == Some(0) => return 0,
            Ok(_) => {}
            Err(_) => return 1,
        }
        if begun.elapsed() > LONG_LIFE {
            pause = SHORTEST_PAUSE;
        }
        zygote = loop {
            begun = Instant::now();
            let failure = match start(setup, rung, requests) {
                Ok(zygote) => break zygote,
                Err(failure) => failure,
            };
            // Jobs should not wait for a helper that may never come.
            if serve::refuse_all(requests, failure, Instant::now() + pause).is_err() {
                return 0;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
    }
}

/// A zygote that works.
fn start(setup: &Setup, rung: Rung, requests: &OwnedFd) -> Result<Pid, StartError> {
    let (ours, theirs) = packet::pair().at(Step::Fork)?;
    let theirs_requests = requests.try_clone().map_err(|_| StartError {
        step: Step::Fork,
        errno: Errno::MFILE,
    })?;
    match kernel::fork().at(Step::Fork)? {
        Forked::Child => {
            drop(ours);
            // The keeper's own; the copy has another number.
            let _ = rustix::io::fcntl_setfd(requests, rustix::io::FdFlags::CLOEXEC);
            serve::run(setup, rung, theirs_requests, theirs)
        }
        Forked::Parent(pid) => {
            drop(theirs);
            match ready(ours.as_fd()) {
                Ok(()) => Ok(pid),
                Err(failure) => {
                    let _ = kill_process(pid, Signal::KILL);
                    let _ = waitpid(Some(pid), WaitOptions::empty());
                    Err(failure)
                }
            }
        }
    }
}

fn ready(socket: BorrowedFd<'_>) -> Result<(), StartError> {
    let failed = |errno| StartError {
        step: Step::Fork,
        errno,
    };
    let mut waiting = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    if poll(&mut waiting, Some(&START_LIMIT)).map_err(failed)? == 0 {
        return Err(failed(Errno::TIMEDOUT));
    }
    let mut buffer = [0; REPORT_LEN + 1];
    let (len, _) = packet::receive(socket, &mut buffer, RecvFlags::empty()).map_err(failed)?;
    match decode_report(&buffer[..len]).map(|report| report.ended) {
        Some(Ended::NotStarted(failure)) => Err(failure),
        Some(_) => Ok(()),
        None => Err(failed(Errno::PIPE)),
    }
}
