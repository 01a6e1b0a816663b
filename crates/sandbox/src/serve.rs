//! The zygote: a single-threaded process that waits for jobs and forks an init for each.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior};
use rustix::thread::UnshareFlags;

use crate::codec::{Request, decode_job, encode_outcome};
use crate::init::{self, Belongings};
use crate::kernel::{self, Forked};
use crate::networks::Networks;
use crate::rooms::{Rooms, open_proc};
use crate::step::At as _;
use crate::{Ended, Outcome, StartError, Step, Usage, packet};

/// Longest request inside a packet. A longer one comes in a memory file.
pub(crate) const MAX_PACKET: usize = 32 * 1024;

/// Longest request at all: icecream's longest message is 1 MiB, and each of its strings gains a
/// length here.
pub(crate) const MAX_REQUEST: usize = 4 << 20;

/// The host name that jobs see.
const HOST_NAME: &[u8] = b"floe";

struct Zygote {
    requests: OwnedFd,
    children: OwnedFd,
    proc_directory: OwnedFd,
    rooms: Rooms,
    networks: Networks,
}

/// What the zygote's process does. Reports first whether it can make sandboxes.
pub(crate) fn run(requests: OwnedFd, dies_with_parent: bool) -> ! {
    let outcome = |ended| {
        encode_outcome(&Outcome {
            ended,
            usage: Usage::default(),
        })
    };
    match prepare(requests, dies_with_parent) {
        Ok(mut zygote) => {
            let ready = packet::send(
                &zygote.requests,
                &outcome(Ended::Exited(0)),
                &[],
                SendFlags::empty(),
            );
            if ready.is_ok() {
                zygote.serve();
            }
            kernel::exit(0)
        }
        Err((requests, failure)) => {
            let _ = packet::send(
                &requests,
                &outcome(Ended::NotStarted(failure)),
                &[],
                SendFlags::empty(),
            );
            kernel::exit(1)
        }
    }
}

fn prepare(requests: OwnedFd, dies_with_parent: bool) -> Result<Zygote, (OwnedFd, StartError)> {
    match isolate(&requests, dies_with_parent) {
        Ok((children, proc_directory, networks)) => Ok(Zygote {
            requests,
            children,
            proc_directory,
            rooms: Rooms::default(),
            networks,
        }),
        Err(failure) => Err((requests, failure)),
    }
}

fn isolate(
    requests: &OwnedFd,
    dies_with_parent: bool,
) -> Result<(OwnedFd, OwnedFd, Networks), StartError> {
    kernel::close_all_but(&mut [0, 1, 2, requests.as_raw_fd()]).at(Step::Fork)?;
    let null = open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).at(Step::Fork)?;
    rustix::stdio::dup2_stdin(&null).at(Step::Fork)?;
    rustix::stdio::dup2_stdout(&null).at(Step::Fork)?;
    drop(null);
    let children = kernel::take_over_signals().at(Step::Fork)?;
    let proc_directory = open_proc().at(Step::IdMap)?;
    // A terminal's Ctrl-C is for the program, which then hangs up.
    rustix::process::setsid().at(Step::Fork)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Only for ps and top.
    let _ = rustix::thread::set_name(c"floe-zygote");

    // After setuid a process is not dumpable, its files in /proc belong to root, and the maps
    // could not be written.
    set_dumpable_behavior(DumpableBehavior::Dumpable).at(Step::IdMap)?;
    init::isolate_user(proc_directory.as_fd())?;
    kernel::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC)
        .at(Step::Namespaces)?;
    rustix::system::sethostname(HOST_NAME).at(Step::Namespaces)?;
    try_mount().at(Step::MountTrial)?;
    let mut networks = Networks::default();
    networks.prepare(proc_directory.as_fd())?;
    if dies_with_parent {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Fork)?;
    }
    Ok((children, proc_directory, networks))
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
            // After the job has been started, so that nobody waits for it.
            let _ = self.networks.prepare(self.proc_directory.as_fd());
        }
    }

    fn reap(&mut self) {
        // Which children ended is asked for next; this only makes the descriptor wait again.
        let _ = rustix::io::read(&self.children, &mut [0; 128]);
        while let Ok(Some(ended)) = kernel::reap(false) {
            self.networks.ended(ended.pid);
        }
    }

    /// An error means that the caller is gone.
    fn take_request(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        let (len, mut descriptors) =
            match packet::receive(&self.requests, buffer, RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
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
        let Ok([socket, stdin, stdout, stderr]) = <[OwnedFd; 4]>::try_from(descriptors) else {
            return Ok(());
        };
        let streams = [stdin, stdout, stderr];
        let started = match long.map(read_all).transpose() {
            Ok(long) => self.start(long.as_deref().unwrap_or(&buffer[..len]), &socket, &streams),
            Err(errno) => Err(StartError {
                step: Step::Request,
                errno,
            }),
        };
        if let Err(failure) = started {
            let outcome = Outcome {
                ended: Ended::NotStarted(failure),
                usage: Usage::default(),
            };
            let _ = packet::send(&socket, &encode_outcome(&outcome), &[], SendFlags::DONTWAIT);
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
        let room = self.rooms.get(request.root, self.proc_directory.as_fd())?;
        let network = self.networks.take(self.proc_directory.as_fd())?;
        match kernel::clone_process(libc::CLONE_NEWPID | libc::CLONE_NEWIPC) {
            Ok(Forked::Child) => init::run(
                &request,
                &Belongings {
                    socket: socket.as_fd(),
                    streams: streams.each_ref().map(|stream| stream.as_fd()),
                    room,
                    network: network.as_fd(),
                    proc_directory: self.proc_directory.as_fd(),
                },
            ),
            Ok(Forked::Parent(init)) => {
                self.networks.lend(network, init);
                Ok(())
            }
            Err(errno) => {
                self.networks.give_back(network);
                Err(StartError {
                    step: Step::Clone,
                    errno,
                })
            }
        }
    }
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
