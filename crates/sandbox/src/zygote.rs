//! The caller's side: starting the zygote, asking it for jobs, holding on to a job.

use std::ffi::NulError;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, shutdown};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};
use thiserror::Error;

use crate::codec::{REPORT_LEN, Report, decode_report, encode_job};
use crate::findings::{TRIALS_LEN, Trials, decode_trials};
use crate::keeper::{self, Setup};
use crate::kernel::{self, Forked};
use crate::serve::{MAX_PACKET, MAX_REQUEST};
use crate::step::At as _;
use crate::supervise::{FREEZE, THAW};
use crate::{
    Files, Findings, Job, Outcome, Protection, Rung, StartError, Step, Unavailable, cgroup, gauge,
    packet, privileges,
};

/// The keeper waits for each rung for as long.
const START_LIMIT: Timespec = Timespec {
    tv_sec: 90,
    tv_nsec: 0,
};

/// It needs a millisecond as well.
const END_LIMIT: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// The helper process. Dropping it ends the helper and every job.
///
/// If it dies it is started again at once by its keeper, a process of its own that does nothing
/// else; jobs that ran are lost. The descriptor becomes readable when the keeper itself has died,
/// which ends everything: it cannot be started again from a program that has threads by then.
#[derive(Debug)]
pub struct Zygote {
    client: ZygoteClient,
    process: OwnedFd,
    pid: Pid,
    findings: Findings,
}

/// Asks the zygote for jobs; cheap to clone.
#[derive(Clone, Debug)]
pub struct ZygoteClient {
    socket: Arc<OwnedFd>,
    rung: Rung,
}

/// Why a job did not reach the zygote.
#[derive(Debug, Error)]
pub enum SpawnError {
    #[error(
        "the sandbox helper has more requests waiting than its socket holds; try again in a moment"
    )]
    Busy,
    #[error("the sandbox helper and its keeper are gone; restart the daemon")]
    Gone,
    #[error("the job's command line is {0} bytes long, more than the {MAX_REQUEST} allowed")]
    TooLong(usize),
    #[error("a path of the job contains a NUL byte")]
    Path(#[from] NulError),
    #[error("cannot hand a job to the sandbox helper: {0}")]
    System(#[from] Errno),
}

/// The job's processes are gone and nobody can say how they ended: the helper died, or the kernel
/// killed the job's first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sandbox helper died while it ran the job")]
pub struct Lost;

impl Zygote {
    /// Forks the helper, which takes the best rung that works. Call it early: in `main`, before
    /// other threads exist, after root was given up. (With threads it works as long as no other
    /// thread is inside a lock of the C library other than the allocator's; tests do that.)
    pub fn start() -> Result<Self, Unavailable> {
        Self::start_with(Protection::full(), Rung::WITHOUT_ROOT, None)
    }

    /// The same before root is given up: where nobody else may make sandboxes, the helper keeps
    /// root, and its jobs run as `user` (user id, group id), who must not be root.
    pub fn start_as_root(user: (u32, u32)) -> Result<Self, Unavailable> {
        Self::start_with(Protection::full(), Rung::AS_ROOT, Some(user))
    }

    /// Tests take walls away, and choose rungs.
    #[doc(hidden)]
    pub fn start_with(
        protection: Protection,
        rungs: &[Rung],
        user: Option<(u32, u32)>,
    ) -> Result<Self, Unavailable> {
        let refused = |failure| {
            Unavailable(Findings::new(Trials {
                chosen: None,
                failed: rungs.iter().map(|rung| (*rung, failure)).collect(),
            }))
        };
        let is_root = privileges::is_root() || privileges::is_root_group();
        if is_root && user.is_none_or(|(user, group)| user == 0 || group == 0) {
            return Err(refused(StartError {
                step: Step::Root,
                errno: Errno::PERM,
            }));
        }
        let setup = Setup {
            protection,
            rungs: rungs.to_vec(),
            user: user.filter(|_| is_root),
            group: cgroup::take_delegation(user.filter(|_| is_root)),
        };
        let (socket, process, pid, trials) = fork(&setup).map_err(refused)?;
        let chosen = trials.chosen;
        let findings = Findings::new(trials);
        let Some(rung) = chosen else {
            // It has ended already.
            let _ = waitpid(Some(pid), WaitOptions::empty());
            return Err(Unavailable(findings));
        };
        Ok(Self {
            client: ZygoteClient {
                socket: Arc::new(socket),
                rung,
            },
            process,
            pid,
            findings,
        })
    }

    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    pub fn client(&self) -> ZygoteClient {
        self.client.clone()
    }

    /// The keeper's, for log lines and tests.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }
}

fn fork(setup: &Setup) -> Result<(OwnedFd, OwnedFd, Pid, Trials), StartError> {
    let (ours, theirs) = packet::pair().at(Step::Fork)?;
    // The kernel's death signal is about the thread that forked, not about its process.
    let on_main_thread = rustix::thread::gettid() == rustix::process::getpid();
    let pid = match kernel::fork().at(Step::Fork)? {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            // A panic must not climb into the copy of the caller's frames.
            let _ = std::panic::catch_unwind(move || keeper::run(setup, theirs, on_main_thread));
            kernel::exit(101)
        }
    };
    drop(theirs);
    let started = || {
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let mut waiting = [PollFd::new(&ours, PollFlags::IN)];
        if poll(&mut waiting, Some(&START_LIMIT))? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        let mut buffer = [0; TRIALS_LEN];
        let (len, _) = packet::receive(&ours, &mut buffer, RecvFlags::empty())?;
        let trials = decode_trials(&buffer[..len]).ok_or(Errno::PIPE)?;
        Ok((process, trials))
    };
    match started() {
        Ok((process, trials)) => Ok((ours, process, pid, trials)),
        Err(errno) => {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
            Err(errno).at(Step::Fork)
        }
    }
}

impl AsFd for Zygote {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // The helper goes when its caller has gone, and its inits die with it. Killing it is quicker,
        // and not allowed when it kept root.
        let _ = shutdown(&self.client.socket, Shutdown::Both);
        let _ = kill_process(self.pid, Signal::KILL);
        let mut waiting = [PollFd::new(&self.process, PollFlags::IN)];
        if poll(&mut waiting, Some(&END_LIMIT)).is_ok_and(|ready| ready > 0) {
            let _ = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

impl ZygoteClient {
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// Sends the job off; never waits. The job's descriptors are copied: drop the [`Job`] soon, or
    /// the other ends of its pipes never see an end of file.
    pub fn spawn(&self, job: &Job) -> Result<Running, SpawnError> {
        let request = encode_job(job)?;
        if request.len() > MAX_REQUEST {
            return Err(SpawnError::TooLong(request.len()));
        }
        let (ours, theirs) = packet::pair()?;
        let mut descriptors = vec![
            theirs.as_fd(),
            job.stdin.as_fd(),
            job.stdout.as_fd(),
            job.stderr.as_fd(),
        ];
        let long = (request.len() > MAX_PACKET)
            .then(|| memory_file(&request))
            .transpose()?;
        descriptors.extend(long.as_ref().map(AsFd::as_fd));
        let bytes: &[u8] = if long.is_some() { b"long" } else { &request };
        match packet::send(&self.socket, bytes, &descriptors, SendFlags::DONTWAIT) {
            Ok(()) => Ok(Running { socket: ours }),
            Err(Errno::AGAIN | Errno::TOOMANYREFS) => Err(SpawnError::Busy),
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Err(SpawnError::Gone),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn memory_file(bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let file = memfd_create(c"floe-job", MemfdFlags::CLOEXEC)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = &rest[written..];
    }
    Ok(file)
}

/// What is heard of a job.
#[derive(Debug)]
pub enum Word {
    /// It has so many bytes in memory now.
    Memory(u64),
    /// Nothing follows.
    Ended(Outcome),
}

/// A job that was handed over. Dropping it kills all its processes at once.
///
/// Its descriptor becomes readable when there is a [`Word`], or when it is known that no outcome comes.
#[derive(Debug)]
pub struct Running {
    socket: OwnedFd,
}

impl Running {
    /// Kills the job; its outcome still comes when the last of its processes is gone.
    pub fn kill(&self) {
        // Fails only when the other end is gone already.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Stops all processes of the job where they are. They keep their memory.
    pub fn freeze(&self) {
        self.say(FREEZE);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.say(THAW);
    }

    fn say(&self, word: &[u8]) {
        // A job that has ended does not listen, and the socket holds many words.
        let _ = packet::send(&self.socket, word, &[], SendFlags::DONTWAIT);
    }

    /// `None` when there is nothing to read yet. Never waits.
    pub fn try_read(&self) -> Result<Option<Word>, Lost> {
        match receive_word(self.socket.as_fd(), RecvFlags::DONTWAIT) {
            Ok(word) => Ok(Some(word)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(_) => Err(Lost),
        }
    }

    /// `None` while the job runs. Never waits.
    pub fn try_read_outcome(&self) -> Result<Option<Outcome>, Lost> {
        loop {
            match self.try_read()? {
                Some(Word::Memory(_)) => {}
                Some(Word::Ended(outcome)) => return Ok(Some(outcome)),
                None => return Ok(None),
            }
        }
    }

    /// For programs that have nothing else to do.
    pub fn wait(&self) -> Result<Outcome, Lost> {
        loop {
            match receive_word(self.socket.as_fd(), RecvFlags::empty()) {
                Ok(Word::Ended(outcome)) => return Ok(outcome),
                Ok(Word::Memory(_)) | Err(Errno::INTR) => {}
                Err(_) => return Err(Lost),
            }
        }
    }
}

impl AsFd for Running {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Running {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn receive_word(socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<Word, Errno> {
    let mut buffer = [0; REPORT_LEN + 1];
    let (len, mut descriptors) = packet::receive(socket, &mut buffer, flags)?;
    if let Some(used) = gauge::decode(&buffer[..len]) {
        return Ok(Word::Memory(used));
    }
    let Report { ended, usage } = decode_report(&buffer[..len]).ok_or(Errno::PIPE)?;
    Ok(Word::Ended(Outcome {
        ended,
        usage,
        files: Files::new(descriptors.pop()),
    }))
}
