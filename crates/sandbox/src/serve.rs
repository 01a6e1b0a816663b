//! The zygote: a single-threaded process that waits for jobs and forks an init for each.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, fstat};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, mount_change, open_tree};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior};
use rustix::thread::UnshareFlags;

use crate::cgroup::{Group, Groups};
use crate::codec::{Report, Request, decode_job, encode_report};
use crate::init::{self, Belongings};
use crate::keeper::Setup;
use crate::kernel::{self, Forked};
use crate::kit::Kit;
use crate::networks::Networks;
use crate::rooms::{Rooms, open_proc};
use crate::step::At as _;
use crate::watch::threads_of_user;
use crate::{Ended, Rung, StartError, Step, Wall, packet, privileges, users};

/// Longest request inside a packet. A longer one comes in a memory file.
pub(crate) const MAX_PACKET: usize = 32 * 1024;

/// Longest request at all: icecream's longest message is 1 MiB, and each of its strings gains a
/// length here.
pub(crate) const MAX_REQUEST: usize = 4 << 20;

/// The host name that jobs see.
const HOST_NAME: &[u8] = b"floe";

/// How long a count of the user's threads is good for. New jobs have few compared with the limit.
const COUNT_AGAIN: Duration = Duration::from_secs(1);

struct Zygote {
    requests: OwnedFd,
    children: OwnedFd,
    proc_directory: OwnedFd,
    kit: Kit,
    rooms: Rooms,
    networks: Networks,
    groups: Groups,
    /// Threads of the jobs' user, and when they were counted: a walk through all of `/proc`.
    others: Option<(Instant, u64)>,
}

/// What the zygote's process does. Reports to its keeper first whether it can make sandboxes.
pub(crate) fn run(setup: &Setup, rung: Rung, requests: OwnedFd, keeper: OwnedFd) -> ! {
    let tell = |ended| {
        let report = encode_report(&Report::without_usage(ended));
        packet::send(&keeper, &report, &[], SendFlags::empty())
    };
    match prepare(setup, rung, requests) {
        Ok(mut zygote) => {
            if tell(Ended::Exited(0)).is_ok() {
                drop(keeper);
                zygote.serve();
            }
            kernel::exit(0)
        }
        Err(failure) => {
            let _ = tell(Ended::NotStarted(failure));
            kernel::exit(1)
        }
    }
}

fn prepare(setup: &Setup, rung: Rung, requests: OwnedFd) -> Result<Zygote, StartError> {
    // Only for ps and top.
    let _ = rustix::thread::set_name(c"floe-zygote");
    let is_root = privileges::is_root();
    if let (true, false, Some((user, group))) = (is_root, rung.keeps_root(), setup.user) {
        privileges::drop_thread_to(user, group).at(Step::User)?;
    } else if is_root != rung.keeps_root() {
        return Err(StartError {
            step: Step::Root,
            errno: Errno::PERM,
        });
    }
    // A keeper that has gone leaves nobody to start it again.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Fork)?;
    let children = kernel::take_over_signals().at(Step::Fork)?;
    let proc_directory = open_proc().at(Step::IdMap)?;
    let kit = Kit::new(rung, setup.protection, setup.user)?;
    // After setuid a process is not dumpable, its files in /proc belong to root, and the maps
    // could not be written.
    set_dumpable_behavior(DumpableBehavior::Dumpable).at(Step::IdMap)?;
    let mut networks = Networks::default();
    match rung {
        Rung::Namespaces | Rung::RootNamespaces => {
            if rung == Rung::Namespaces {
                users::isolate(proc_directory.as_fd())?;
            }
            isolate(setup.group.is_none())?;
            if setup.protection.has(Wall::Network) {
                networks.prepare(proc_directory.as_fd())?;
            }
            // Changing credentials has cleared it.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Fork)?;
        }
        Rung::Chroot => try_chroot()?,
        Rung::Installed => {}
    }
    Ok(Zygote {
        requests,
        children,
        proc_directory,
        kit,
        rooms: Rooms::default(),
        networks,
        groups: Groups::below(setup.group.clone()),
        others: None,
    })
}

/// The namespaces that all jobs share: they hold nothing, and no job has rights over them.
///
/// Not the control groups' where jobs have some: processes cannot be put into groups outside of
/// their own view.
fn isolate(hide_groups: bool) -> Result<(), StartError> {
    kernel::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC)
        .at(Step::Namespaces)?;
    // Kernels without control groups have nothing to hide there.
    let hidden = if hide_groups {
        kernel::unshare(UnshareFlags::NEWCGROUP)
    } else {
        Ok(())
    };
    match hidden {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno).at(Step::Namespaces),
    }
    rustix::system::sethostname(HOST_NAME).at(Step::Namespaces)?;
    // In a user namespace of its own this is so already, for root it is not.
    let alone = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change(c"/", alone).at(Step::MountTrial)?;
    try_mount().at(Step::MountTrial)
}

/// Security modules may allow the namespace and then forbid everything in it.
fn try_mount() -> Result<(), Errno> {
    let tree = open_tree(
        CWD,
        c"/dev/null",
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )?;
    kernel::set_mount_attributes(tree.as_fd(), kernel::NO_SUID)
}

/// To where it is already.
fn try_chroot() -> Result<(), StartError> {
    rustix::process::chroot(c"/").at(Step::ChangeRoot)
}

impl Zygote {
    /// Until the caller's end of the socket is closed.
    fn serve(&mut self) {
        let mut buffer = vec![0; MAX_PACKET];
        loop {
            let mut waiting = [
                PollFd::new(&self.requests, PollFlags::IN),
                PollFd::new(&self.children, PollFlags::IN),
            ];
            match poll(&mut waiting, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            let (asked, ended) = (
                !waiting[0].revents().is_empty(),
                !waiting[1].revents().is_empty(),
            );
            if ended {
                self.reap();
            }
            if asked && self.take_request(&mut buffer).is_err() {
                return;
            }
            if self.has_networks() {
                // After the job has been started, so that nobody waits for it.
                let _ = self.networks.prepare(self.proc_directory.as_fd());
            }
        }
    }

    fn reap(&mut self) {
        // Which children ended is asked for next; this only makes the descriptor wait again.
        let _ = rustix::io::read(&self.children, &mut [0; 128]);
        while let Ok(Some(ended)) = kernel::reap(false) {
            self.networks.ended(ended.pid);
            self.groups.ended(ended.pid);
        }
    }

    /// An error means that the caller is gone.
    fn take_request(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        let Some(asked) = receive(&self.requests, buffer)? else {
            return Ok(());
        };
        let started = match asked.long.map(read_all).transpose() {
            Ok(long) => {
                let request = long.as_deref().unwrap_or(&buffer[..asked.len]);
                self.start(request, &asked.socket, &asked.streams)
            }
            Err(errno) => Err(StartError {
                step: Step::Request,
                errno,
            }),
        };
        if let Err(failure) = started {
            refuse(&asked.socket, failure);
        }
        Ok(())
    }

    fn start(
        &mut self,
        request: &[u8],
        socket: &OwnedFd,
        streams: &[OwnedFd; 3],
    ) -> Result<(), StartError> {
        let request: Request<'_> = decode_job(request).ok_or(Errno::INVAL).at(Step::Request)?;
        let has_mounts = self.kit.rung.has_mounts();
        let (others, has_networks) = (self.others(), self.has_networks());
        let proc_directory = self.proc_directory.as_fd();
        let room = match request.root {
            Some(root) if has_mounts => {
                Some(self.rooms.get(root, proc_directory, self.kit.protection)?)
            }
            // Each job needs its own view of files, or this host's where the rung has no other.
            None if self.kit.rung == Rung::Installed => None,
            Some(_) if self.kit.rung == Rung::Chroot => None,
            _ => return Err(Errno::INVAL).at(Step::View),
        };
        let network = has_networks
            .then(|| self.networks.take(proc_directory))
            .transpose()?;
        let mut namespaces = 0;
        if has_mounts {
            namespaces |= libc::CLONE_NEWIPC;
        }
        if self.kit.has_process_namespace() {
            namespaces |= libc::CLONE_NEWPID;
        }
        let (group, hold) = self.groups.take(&request.limits).unzip();
        match clone(namespaces, group.as_ref()) {
            Ok((Forked::Child, in_group)) => init::run(
                &request,
                &Belongings {
                    socket: socket.as_fd(),
                    streams: streams.each_ref().map(|stream| stream.as_fd()),
                    room,
                    network: network.as_ref().map(|network| network.as_fd()),
                    proc_directory,
                    others,
                    hold: hold.as_ref().filter(|_| in_group),
                    kit: &self.kit,
                },
            ),
            Ok((Forked::Parent(init), _)) => {
                if let Some(group) = group {
                    self.groups.lend(group, init);
                }
                if let Some(network) = network {
                    self.networks.lend(network, init);
                }
                Ok(())
            }
            Err(errno) => {
                if let Some(group) = group {
                    self.groups.give_back(group);
                }
                if let Some(network) = network {
                    self.networks.give_back(network);
                }
                Err(StartError {
                    step: Step::Clone,
                    errno,
                })
            }
        }
    }

    fn has_networks(&self) -> bool {
        self.kit.rung.has_mounts() && self.kit.protection.has(Wall::Network)
    }

    /// Processes that count against a job's limit and are not its own: its init where it has a
    /// user namespace, otherwise all that its user has.
    fn others(&mut self) -> u64 {
        if self.kit.rung == Rung::Namespaces && self.kit.protection.has(Wall::User) {
            return 1;
        }
        match self.others {
            Some((when, count)) if when.elapsed() < COUNT_AGAIN => count,
            _ => {
                let user = self
                    .kit
                    .user
                    .map_or_else(|| rustix::process::getuid().as_raw(), |(user, _)| user);
                let count = threads_of_user(self.proc_directory.as_fd(), user);
                self.others = Some((Instant::now(), count));
                count
            }
        }
    }
}

/// And whether it is in the group.
fn clone(namespaces: i32, group: Option<&Group>) -> Result<(Forked, bool), Errno> {
    match group.map(|group| kernel::clone_into(namespaces, group.directory())) {
        Some(Ok(forked)) => Ok((forked, true)),
        _ => Ok((kernel::clone_process(namespaces)?, false)),
    }
}

/// A request as it arrived.
struct Asked {
    /// In the buffer.
    len: usize,
    /// Where the request is when it is too long for a packet.
    long: Option<OwnedFd>,
    socket: OwnedFd,
    streams: [OwnedFd; 3],
}

/// An error means that the caller is gone.
fn receive(requests: &OwnedFd, buffer: &mut [u8]) -> Result<Option<Asked>, Errno> {
    let (len, mut descriptors) = match packet::receive(requests, buffer, RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        received => received?,
    };
    if len == 0 {
        return Err(Errno::PIPE);
    }
    let long = (descriptors.len() == packet::MAX_DESCRIPTORS)
        .then(|| descriptors.pop())
        .flatten();
    // The kernel leaves descriptors out when this process has too many open. The caller sees
    // the end of file on the job's socket.
    Ok(<[OwnedFd; 4]>::try_from(descriptors)
        .ok()
        .map(|[socket, stdin, stdout, stderr]| Asked {
            len,
            long,
            socket,
            streams: [stdin, stdout, stderr],
        }))
}

/// Refuses all jobs until `end`. An error means that the caller is gone.
pub(crate) fn refuse_all(
    requests: &OwnedFd,
    failure: StartError,
    end: Instant,
) -> Result<(), Errno> {
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        let mut waiting = [PollFd::new(requests, PollFlags::IN)];
        if poll(&mut waiting, Some(&left)).or_else(|errno| match errno {
            Errno::INTR => Ok(0),
            other => Err(other),
        })? > 0
            && let Some(asked) = receive(requests, &mut buffer)?
        {
            refuse(&asked.socket, failure);
        }
    }
}

fn refuse(socket: &OwnedFd, failure: StartError) {
    let report = Report::without_usage(Ended::NotStarted(failure));
    // The caller may have given up.
    let _ = packet::send(socket, &encode_report(&report), &[], SendFlags::DONTWAIT);
}

fn read_all(file: OwnedFd) -> Result<Vec<u8>, Errno> {
    let len = usize::try_from(fstat(&file)?.st_size).map_err(|_| Errno::TOOBIG)?;
    if len > MAX_REQUEST {
        return Err(Errno::TOOBIG);
    }
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match rustix::io::pread(&file, &mut bytes[done..], done as u64)? {
            0 => return Err(Errno::IO),
            count => done += count,
        }
    }
    Ok(bytes)
}
