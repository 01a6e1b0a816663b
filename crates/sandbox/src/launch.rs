//! The last steps of the compiler's process before it becomes the compiler.
//!
//! The process is made like vfork does it: it borrows the init's memory until `execve`, so nothing
//! is copied, and a failure is simply written down for the init to find.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit,
};

use crate::codec::Request;
use crate::kernel;
use crate::kit::Kit;
use crate::landlock::{self, Rules};
use crate::privileges;
use crate::seccomp::{self, Instruction};
use crate::step::At as _;
use crate::{Limits, Rung, StartError, Step, Wall};

/// Enough for the few frames of [`enter`]; measured use is below 2 KiB.
const STACK_LEN: usize = 64 * 1024;

struct Program<'a> {
    directory: &'a CStr,
    limits: Limits,
    /// Become descriptors 0 to 2. All are above 2 already.
    streams: [RawFd; 3],
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    /// In a process group of its own, by which it is killed.
    grouped: bool,
    root: Option<&'a CStr>,
    user: Option<(u32, u32)>,
    no_new_privileges: bool,
    ruleset: Option<RawFd>,
    filter: &'a [Instruction],
    failure: Option<StartError>,
}

/// Starts the requested program and returns once it runs.
pub(crate) fn launch(
    request: &Request<'_>,
    kit: &Kit,
    rules: Option<&Rules>,
    streams: [BorrowedFd<'_>; 3],
    others: u64,
) -> Result<Pid, StartError> {
    let mut limits = request.limits;
    if !kit.protection.has(Wall::Limits) {
        limits = Limits {
            nice: limits.nice,
            idle: limits.idle,
            ..Limits::default()
        };
    }
    // The kernel counts all processes of the user in the user namespace.
    limits.processes = limits.processes.map(|count| count.saturating_add(others));
    let mut program = Program {
        directory: request.directory,
        limits,
        streams: streams.map(|stream| stream.as_raw_fd()),
        argv: pointers(&request.arguments),
        envp: pointers(&request.environment),
        grouped: !kit.has_process_namespace(),
        root: request.root.filter(|_| kit.rung == Rung::Chroot),
        user: kit.user,
        no_new_privileges: kit.protection.has(Wall::NoNewPrivileges),
        ruleset: rules.map(Rules::as_raw_fd),
        filter: &kit.filter,
        failure: None,
    };
    if request.arguments.is_empty() {
        return Err(StartError {
            step: Step::Request,
            errno: Errno::INVAL,
        });
    }
    let mut stack = vec![0u128; STACK_LEN / size_of::<u128>()];
    // SAFETY: `enter` is written for this: it calls the kernel and writes to the Program only. The
    // Program and the strings of the request behind its pointers live until after the call.
    let pid =
        unsafe { kernel::vfork(enter, (&raw mut program).cast(), &mut stack) }.at(Step::Vfork)?;
    match program.failure {
        None => Ok(pid),
        Some(failure) => Err(failure),
    }
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

extern "C" fn enter(program: *mut c_void) -> c_int {
    // SAFETY: `launch` passes a pointer to its Program, and is suspended while this runs.
    let program = unsafe { &mut *program.cast::<Program<'_>>() };
    program.failure = Some(become_program(program));
    kernel::exit(127)
}

/// Returns only on failure.
fn become_program(program: &Program<'_>) -> StartError {
    if let Err(failure) = prepare(program) {
        return failure;
    }
    // SAFETY: both lists end with a null pointer and hold C strings that outlive the call.
    unsafe {
        libc::execve(
            program.argv[0],
            program.argv.as_ptr(),
            program.envp.as_ptr(),
        )
    };
    let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    StartError {
        step: Step::Execute,
        errno,
    }
}

/// The order matters: each step needs rights that a later one takes away.
fn prepare(program: &Program<'_>) -> Result<(), StartError> {
    streams(program.streams).at(Step::Descriptors)?;
    if program.grouped {
        rustix::process::setpgid(None, None).at(Step::Supervise)?;
    }
    priority(&program.limits).at(Step::Limit)?;
    if let Some(root) = program.root {
        rustix::process::chroot(root).at(Step::ChangeRoot)?;
    }
    rustix::process::chdir(program.directory).at(Step::Directory)?;
    if let Some((user, group)) = program.user {
        privileges::drop_thread_to(user, group).at(Step::User)?;
    }
    if program.grouped {
        // Only its init can end the job, so it must not outlive it. Changing the user clears this.
        set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Supervise)?;
    }
    limit(&program.limits).at(Step::Limit)?;
    kernel::unblock_signals().at(Step::Execute)?;
    if program.no_new_privileges {
        rustix::thread::set_no_new_privs(true).at(Step::Privileges)?;
    }
    if let Some(ruleset) = program.ruleset {
        landlock::enforce(ruleset).at(Step::Landlock)?;
    }
    if !program.filter.is_empty() {
        seccomp::install(program.filter).at(Step::Seccomp)?;
    }
    Ok(())
}

/// dup2 clears close-on-exec; everything else that is open has it set.
fn streams(streams: [RawFd; 3]) -> Result<(), Errno> {
    for (number, descriptor) in (0..).zip(streams) {
        // SAFETY: the descriptors are open; the numbers 0 to 2 are owned by nobody in this process.
        if unsafe { libc::dup2(descriptor, number) } < 0 {
            return Err(Errno::BADF);
        }
    }
    Ok(())
}

/// A job never gets in the way of the owner of the host.
fn priority(limits: &Limits) -> Result<(), Errno> {
    if limits.nice > 0 {
        nice(i32::from(limits.nice.min(19)))?;
    }
    if limits.idle {
        kernel::run_when_idle()?;
    }
    Ok(())
}

fn limit(limits: &Limits) -> Result<(), Errno> {
    let cpu_hard = limits.cpu_seconds.map(|seconds| seconds.saturating_add(1));
    for (resource, soft, hard) in [
        (Resource::Core, Some(0), Some(0)),
        (Resource::As, limits.address_space, limits.address_space),
        (Resource::Fsize, limits.file_size, limits.file_size),
        (Resource::Nofile, limits.open_files, limits.open_files),
        (Resource::Nproc, limits.processes, limits.processes),
        (Resource::Cpu, limits.cpu_seconds, cpu_hard),
    ] {
        let (Some(soft), Some(hard)) = (soft, hard) else {
            continue;
        };
        // Raising a hard limit is refused, so the daemon's own stays where it is lower.
        let ceiling = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(
            resource,
            Rlimit {
                current: Some(soft.min(ceiling)),
                maximum: Some(hard.min(ceiling)),
            },
        )?;
    }
    Ok(())
}
