//! Process 1 of a job: makes the rest of the sandbox, starts the program, sees to its end.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use rustix::net::SendFlags;
use rustix::process::{
    DumpableBehavior, Pid, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags, move_into_link_name_space,
};

use crate::codec::{Request, encode_outcome};
use crate::kernel;
use crate::step::At as _;
use crate::{Ended, Outcome, StartError, Step, Usage, launch, packet};

/// What the zygote gives a job besides the request.
pub(crate) struct Belongings<'a> {
    /// To the caller.
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) streams: [BorrowedFd<'a>; 3],
    /// The toolchain's mount namespace.
    pub(crate) room: BorrowedFd<'a>,
    pub(crate) network: BorrowedFd<'a>,
    pub(crate) proc_directory: BorrowedFd<'a>,
}

/// Runs the job to its end. The process was made with process and IPC namespaces of its own.
pub(crate) fn run(request: &Request<'_>, belongings: &Belongings<'_>) -> ! {
    let begun = Instant::now();
    let started = enter(request, belongings).and_then(|children| {
        let pid = launch::launch(request, belongings.streams)?;
        Ok((children, pid))
    });
    let outcome = match started {
        Ok((children, pid)) => {
            let set_up = begun.elapsed();
            // The pipes' other ends must see the end of file when the program is gone.
            let closed =
                kernel::close_all_but(&mut [belongings.socket.as_raw_fd(), children.as_raw_fd()]);
            supervise(belongings.socket, &children, pid, closed, set_up)
        }
        Err(failure) => Outcome {
            ended: Ended::NotStarted(failure),
            usage: Usage::default(),
        },
    };
    // Nobody is left to tell when the caller has gone.
    let _ = packet::send(
        belongings.socket,
        &encode_outcome(&outcome),
        &[],
        SendFlags::DONTWAIT,
    );
    kernel::exit(0)
}

/// The order matters: rights over the toolchain's namespaces end with the job's user namespace, and
/// the identity maps are writable only while the process is "dumpable".
fn enter(request: &Request<'_>, belongings: &Belongings<'_>) -> Result<OwnedFd, StartError> {
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let scratch = open_tree(CWD, request.scratch, clone).at(Step::ScratchOpen)?;
    kernel::set_mount_attributes(scratch.as_fd(), kernel::NO_SUID | kernel::NO_DEVICES)
        .at(Step::ScratchOpen)?;

    move_into_link_name_space(belongings.room, Some(LinkNameSpaceType::Mount)).at(Step::Enter)?;
    kernel::unshare(UnshareFlags::NEWNS).at(Step::Enter)?;
    move_mount(
        &scratch,
        c"",
        CWD,
        c"/tmp",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .at(Step::ScratchMount)?;
    move_into_link_name_space(belongings.network, Some(LinkNameSpaceType::Network))
        .at(Step::NetworkEnter)?;

    // A user namespace of the job's own counts its processes apart from other jobs', and has no
    // rights over the namespaces made so far.
    isolate_user(belongings.proc_directory)?;
    give_up_rights().at(Step::Privileges)?;
    kernel::child_signals().at(Step::Supervise)
}

/// Enters a new user namespace, in which this process's user and group are all there is.
pub(crate) fn isolate_user(proc_directory: BorrowedFd<'_>) -> Result<(), StartError> {
    // Asked before: inside, until the maps are written, both are the overflow ids.
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    kernel::unshare(UnshareFlags::NEWUSER).at(Step::UserNamespace)?;
    // Without this the kernel refuses a group map from a process without rights outside.
    write(proc_directory, c"self/setgroups", "deny").at(Step::IdMap)?;
    write(
        proc_directory,
        c"self/gid_map",
        &format!("{group} {group} 1"),
    )
    .at(Step::IdMap)?;
    write(proc_directory, c"self/uid_map", &format!("{user} {user} 1")).at(Step::IdMap)
}

fn write(proc_directory: BorrowedFd<'_>, name: &CStr, text: &str) -> Result<(), Errno> {
    let file = openat(
        proc_directory,
        name,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let written = rustix::io::write(&file, text.as_bytes())?;
    if written == text.len() {
        Ok(())
    } else {
        Err(Errno::IO)
    }
}

/// The bounding set needs no clearing: without set-uid, file capabilities or user 0 nothing can be
/// gained from it.
fn give_up_rights() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    rustix::process::setsid()?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )?;
    // Changing credentials clears the death signal, so it comes after. Process 1 gets it although
    // it cannot be killed from inside, because the zygote is outside.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The program has the same user id and would be allowed to trace its init.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Until the program ends or the caller hangs up. No process of the job is left afterwards.
fn supervise(
    socket: BorrowedFd<'_>,
    children: &OwnedFd,
    program: Pid,
    ready: Result<(), Errno>,
    set_up: Duration,
) -> Outcome {
    let started = Instant::now();
    let mut usage = Usage {
        set_up,
        ..Usage::default()
    };
    let mut status = None;
    let mut failed = ready.err();
    while status.is_none() && failed.is_none() {
        let mut waiting = [
            PollFd::new(children, PollFlags::IN),
            PollFd::from_borrowed_fd(socket, PollFlags::IN | PollFlags::RDHUP),
        ];
        match poll(&mut waiting, None) {
            Ok(_) if !waiting[1].revents().is_empty() => break,
            Ok(_) => {
                // Which children ended is asked for below; this only makes the descriptor wait again.
                let _ = rustix::io::read(children, &mut [0; 128]);
            }
            Err(Errno::INTR) => {}
            Err(errno) => failed = Some(errno),
        }
        while let Ok(Some(reaped)) = kernel::reap(false) {
            add(&mut usage, &reaped.usage);
            if reaped.pid == program {
                status = Some(reaped.status);
            }
        }
    }
    let wall = started.elapsed();
    // Everything in the process namespace but this process. ESRCH is the usual answer.
    kernel::kill_all();
    while let Ok(Some(reaped)) = kernel::reap(true) {
        add(&mut usage, &reaped.usage);
        if reaped.pid == program {
            status = Some(reaped.status);
        }
    }
    usage.wall = wall;
    let ended = match (status, failed) {
        (Some(status), _) if libc::WIFEXITED(status) => Ended::Exited(libc::WEXITSTATUS(status)),
        (Some(status), _) => Ended::Signalled(libc::WTERMSIG(status)),
        (None, errno) => Ended::NotStarted(StartError {
            step: Step::Supervise,
            errno: errno.unwrap_or(Errno::CHILD),
        }),
    };
    Outcome { ended, usage }
}

fn add(total: &mut Usage, one: &Usage) {
    total.user += one.user;
    total.system += one.system;
    total.max_rss_kib = total.max_rss_kib.max(one.max_rss_kib);
    total.minor_faults += one.minor_faults;
    total.major_faults += one.major_faults;
}
