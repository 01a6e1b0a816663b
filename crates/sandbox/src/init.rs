//! The first process of a job: makes the rest of the sandbox, starts the program, sees to its end.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::process::{
    DumpableBehavior, Signal, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space};

use crate::cgroup::Hold;
use crate::codec::{Report, Request, encode_report};
use crate::gauge::Gauge;
use crate::held::Held;
use crate::kernel::{self, Crowd};
use crate::kit::{Kit, open_scratch};
use crate::landlock::Rules;
use crate::step::At as _;
use crate::supervise::{Disk, Post, supervise};
use crate::{Ended, Rung, StartError, Step, Wall, launch, mounts, packet, privileges, users};

/// What the zygote gives a job besides the request.
pub(crate) struct Belongings<'a> {
    /// To the caller.
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) streams: [BorrowedFd<'a>; 3],
    /// The toolchain's mount namespace and an empty network namespace, where there are any.
    pub(crate) room: Option<BorrowedFd<'a>>,
    pub(crate) network: Option<BorrowedFd<'a>>,
    pub(crate) proc_directory: BorrowedFd<'a>,
    /// Processes that the kernel counts together with the job's.
    pub(crate) others: u64,
    /// The job is in a control group.
    pub(crate) hold: Option<&'a Hold>,
    pub(crate) kit: &'a Kit,
}

/// What the job has got once it is inside.
struct Entered {
    children: OwnedFd,
    scratch: OwnedFd,
    rules: Option<Rules>,
}

/// Runs the job to its end. The process was made with process and IPC namespaces of its own, if
/// the rung has any.
pub(crate) fn run(request: &Request<'_>, belongings: &Belongings<'_>) -> ! {
    let begun = Instant::now();
    let kit = belongings.kit;
    let started = enter(request, belongings).and_then(|entered| {
        let rules = entered.rules.as_ref();
        let others = belongings.others;
        let pid = launch::launch(request, kit, rules, belongings.streams, others)?;
        Ok((entered, pid))
    });
    let (report, files) = match started {
        Ok((entered, program)) => {
            let set_up = begun.elapsed();
            let Entered {
                children,
                scratch,
                rules,
            } = entered;
            drop(rules);
            let deaths = belongings.hold.and_then(|hold| hold.memory.as_ref());
            // The pipes' other ends must see the end of file when the program is gone.
            let mut kept = vec![
                belongings.socket.as_raw_fd(),
                belongings.proc_directory.as_raw_fd(),
                children.as_raw_fd(),
                scratch.as_raw_fd(),
            ];
            kept.extend(deaths.map(|deaths| deaths.descriptor().as_raw_fd()));
            let figures = belongings.hold.and_then(|hold| hold.figures.as_ref());
            kept.extend(figures.map(|figures| figures.as_raw_fd()));
            let ready = kernel::close_all_but(&mut kept);
            let post = Post {
                socket: belongings.socket,
                children: &children,
                proc_directory: belongings.proc_directory,
                program,
                crowd: if kit.has_process_namespace() {
                    Crowd::Namespace
                } else {
                    Crowd::Group(program)
                },
                thorough: kit.protection.has(Wall::Processes),
                gauge: request.limits.memory.map(|_| match figures {
                    Some(figures) => Gauge::Group(figures),
                    None => Gauge::Processes {
                        proc_directory: belongings.proc_directory,
                        files: request.scratch.is_none().then_some(scratch.as_fd()),
                    },
                }),
                memory: request
                    .limits
                    .memory
                    .filter(|_| kit.protection.has(Wall::Memory) && deaths.is_none()),
                deaths,
                disk: request
                    .limits
                    .disk
                    .filter(|_| request.scratch.is_some() && kit.protection.has(Wall::Quota))
                    .map(|limit| Disk {
                        directory: scratch.as_fd(),
                        held: Held::new(belongings.proc_directory, scratch.as_fd(), kit.user),
                        limit,
                    }),
                set_up,
            };
            (supervise(&post, ready), Some(scratch))
        }
        Err(failure) => (Report::without_usage(Ended::NotStarted(failure)), None),
    };
    // On disk the caller has them already.
    let files = files.filter(|_| request.scratch.is_none());
    let descriptors: Vec<BorrowedFd<'_>> = files.iter().map(|files| files.as_fd()).collect();
    // Nobody is left to tell when the caller has gone. One that does not read has the socket full
    // of what this process said before, and is waited for: without a report the job is lost.
    let _ = packet::send(
        belongings.socket,
        &encode_report(&report),
        &descriptors,
        SendFlags::empty(),
    );
    kernel::exit(0)
}

/// The order matters: rights over the toolchain's namespaces end with the job's user namespace, and
/// the identity maps are writable only while the process is "dumpable".
fn enter(request: &Request<'_>, belongings: &Belongings<'_>) -> Result<Entered, StartError> {
    let kit = belongings.kit;
    // When the kernel runs out of memory, it is to take a job and not the daemon. Everybody may say
    // so of himself; a host without /proc does without.
    let _ = users::write(belongings.proc_directory, c"self/oom_score_adj", "1000");
    let scratch = match belongings.room {
        Some(room) => mounts::enter(request, room, kit)?,
        None => open_scratch(request)?,
    };
    let rules = kit.rules(request, scratch.as_fd())?;
    if let Some(network) = belongings.network {
        move_into_link_name_space(network, Some(LinkNameSpaceType::Network))
            .at(Step::NetworkEnter)?;
    }
    if belongings.hold.is_some() && kit.rung.has_mounts() {
        // Older kernels have nothing to hide.
        let _ = kernel::unshare(rustix::thread::UnshareFlags::NEWCGROUP);
    }
    if kit.rung == Rung::Namespaces && kit.protection.has(Wall::User) {
        // A user namespace of the job's own counts its processes apart from other jobs', and has
        // no rights over the namespaces made so far.
        users::isolate(belongings.proc_directory)?;
    }
    rustix::process::setsid().at(Step::Supervise)?;
    if !kit.has_process_namespace() && kit.protection.has(Wall::Processes) {
        // What its parent leaves behind comes to this process.
        set_child_subreaper(Some(rustix::process::getpid())).at(Step::Supervise)?;
    }
    if kit.user.is_none() {
        give_up_rights(kit).at(Step::Privileges)?;
    }
    // Changing credentials clears the death signal, so it comes after. Process 1 gets it although
    // it cannot be killed from inside, because the zygote is outside.
    set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Privileges)?;
    // The program has the same user id and would be allowed to trace its init.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Privileges)?;
    let children = kernel::child_signals().at(Step::Supervise)?;
    Ok(Entered {
        children,
        scratch,
        rules,
    })
}

/// Once and for all, for this process and the program. Where the zygote kept root the program's own
/// process does it, by changing its user.
fn give_up_rights(kit: &Kit) -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    if kit.protection.has(Wall::NoNewPrivileges) {
        rustix::thread::set_no_new_privs(true)?;
    }
    if kit.protection.has(Wall::Capabilities) {
        privileges::drop_bounding_set();
        rustix::thread::set_capabilities(
            None,
            CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            },
        )?;
    }
    Ok(())
}
