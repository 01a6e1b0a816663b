//! The system calls that have no safe wrapper in rustix, one thin function each.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::Usage;

/// Which side of a fork this is.
pub(crate) enum Forked {
    Parent(Pid),
    Child,
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(result)
    }
}

/// The C library's fork, whose handlers leave the allocator usable in the child even when another
/// thread was just allocating.
pub(crate) fn fork() -> Result<Forked, Errno> {
    // SAFETY: the child of a program with threads may only do what needs no lock that another
    // thread held. glibc makes its allocator usable; the callers' children use nothing else that
    // is shared (no standard streams of Rust's, no thread-locals of others) and never return.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid).map_or(Forked::Child, Forked::Parent))
}

/// A fork with further namespaces, for programs with one thread only.
pub(crate) fn clone_process(namespaces: c_int) -> Result<Forked, Errno> {
    let flags = libc::c_ulong::try_from(namespaces | libc::SIGCHLD).map_err(|_| Errno::INVAL)?;
    // SAFETY: without CLONE_VM the child gets a copy of the memory and goes on where the parent
    // was, like fork; a null stack keeps the stack pointer. The C library's notion of the thread
    // id gets stale, which only its thread functions read, and these processes have no threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0usize, 0usize, 0usize, 0usize) };
    let pid = check(c_int::try_from(pid).unwrap_or(-1))?;
    Ok(Pid::from_raw(pid).map_or(Forked::Child, Forked::Parent))
}

/// The same, straight into a control group. Kernels before 5.7 cannot.
pub(crate) fn clone_into(namespaces: c_int, group: BorrowedFd<'_>) -> Result<Forked, Errno> {
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let unsigned = |number: c_int| u64::try_from(number).map_err(|_| Errno::INVAL);
    // struct clone_args of clone(2): flags, pidfd, child_tid, parent_tid, exit_signal, stack,
    // stack_size, tls, set_tid, set_tid_size, cgroup.
    let mut arguments = [0u64; 11];
    // The highest of the namespaces' bits is no sign here.
    arguments[0] = u64::from(namespaces.cast_unsigned()) | CLONE_INTO_CGROUP;
    arguments[4] = unsigned(libc::SIGCHLD)?;
    arguments[10] = unsigned(group.as_raw_fd())?;
    // SAFETY: as in `clone_process`; the arguments live and have the length said.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            arguments.as_ptr(),
            size_of_val(&arguments),
        )
    };
    let pid = check(c_int::try_from(pid).unwrap_or(-1))?;
    Ok(Pid::from_raw(pid).map_or(Forked::Child, Forked::Parent))
}

/// Runs `entry(argument)` in a child that borrows this process's memory, and returns when the
/// child has executed another program or has ended.
///
/// # Safety
/// `entry` must not panic, allocate, or touch memory that is not reachable from `argument`; what
/// `argument` points to must be valid for it.
pub(crate) unsafe fn vfork(
    entry: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    stack: &mut [u128],
) -> Result<Pid, Errno> {
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    // SAFETY: CLONE_VFORK suspends this process until the child is done with the shared memory, so
    // the stack and the argument outlive their use; the stack's end is aligned to 16 bytes.
    let pid = check(unsafe {
        libc::clone(
            entry,
            top,
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            argument,
        )
    })?;
    Pid::from_raw(pid).ok_or(Errno::CHILD)
}

/// Ends the process without running anything of the parent's that was copied.
pub(crate) fn exit(status: c_int) -> ! {
    // SAFETY: _exit touches no memory.
    unsafe { libc::_exit(status) }
}

/// `FILES` must not be among the flags: descriptors stay shared.
pub(crate) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: only unsharing the descriptor table can break what other threads rely on.
    unsafe { unshare_unsafe(flags) }
}

/// Flags of mount_setattr(2).
pub(crate) const READ_ONLY: u64 = 1;
pub(crate) const NO_SUID: u64 = 2;
pub(crate) const NO_DEVICES: u64 = 4;
pub(crate) const NO_EXECUTE: u64 = 8;

/// Adds attributes to a mount that is not attached anywhere yet, and cuts it off from its peers.
pub(crate) fn set_mount_attributes(tree: BorrowedFd<'_>, attributes: u64) -> Result<(), Errno> {
    #[repr(C)]
    struct MountAttr {
        attr_set: u64,
        attr_clr: u64,
        propagation: u64,
        userns_fd: u64,
    }
    let wanted = MountAttr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    // SAFETY: the path is an empty C string and the structure has the layout and size named.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const wanted,
            size_of::<MountAttr>(),
        )
    };
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

/// Closes every descriptor but those named. What owned the closed ones must never be used or
/// dropped again: for processes that leave by [`exit`].
pub(crate) fn close_all_but(keep: &mut [RawFd]) -> Result<(), Errno> {
    keep.sort_unstable();
    let mut first = 0;
    for &descriptor in keep.iter() {
        let Ok(number) = u32::try_from(descriptor) else {
            continue;
        };
        if number > first {
            close_range(first, number - 1)?;
        }
        first = first.max(number + 1);
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: touches no memory; the caller vouches for the owners of the descriptors.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

/// Undoes what the program or its parent did to signals, and blocks SIGCHLD to read it from the
/// descriptor returned.
pub(crate) fn take_over_signals() -> Result<OwnedFd, Errno> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: setting the default action; SIGKILL, SIGSTOP and the C library's own refuse.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    child_signals()
}

/// Blocks SIGCHLD and nothing else, and returns a descriptor that SIGCHLD makes readable.
pub(crate) fn child_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: the set is initialised by sigemptyset before it is read; the descriptor is new.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        check(libc::sigemptyset(&raw mut set))?;
        check(libc::sigaddset(&raw mut set, libc::SIGCHLD))?;
        check(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut(),
        ))?;
        let descriptor = check(libc::signalfd(
            -1,
            &raw const set,
            libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        ))?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// An empty signal mask, as a program expects it.
pub(crate) fn unblock_signals() -> Result<(), Errno> {
    // SAFETY: the set is initialised by sigemptyset before it is read.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        check(libc::sigemptyset(&raw mut set))?;
        check(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut(),
        ))?;
    }
    Ok(())
}

/// The processes of a job, as far as signals are concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crowd {
    /// All of this process's own process namespace but itself.
    Namespace,
    Group(Pid),
}

/// There is nothing to do about a failure: usually nobody is left.
pub(crate) fn signal(crowd: Crowd, signal: c_int) {
    let target = match crowd {
        // Anywhere else this would reach every process of the user's.
        Crowd::Namespace if std::process::id() == 1 => -1,
        Crowd::Namespace => return,
        Crowd::Group(leader) => -leader.as_raw_nonzero().get(),
    };
    // SAFETY: touches no memory.
    unsafe { libc::kill(target, signal) };
}

/// Kills processes by their numbers in this process's namespace.
pub(crate) fn kill_each(processes: &[u64]) {
    for process in processes {
        if let Some(pid) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// For this thread's questions about files. Neither call says whether it worked.
pub(crate) fn set_file_system_user(user: u32, group: u32) {
    // SAFETY: numbers only.
    unsafe {
        // Whoever is no longer user 0 may not choose a group.
        if user != 0 {
            libc::setfsgid(group);
        }
        libc::setfsuid(user);
        if user == 0 {
            libc::setfsgid(group);
        }
    }
}

/// Whatever else wants the processor or the disk goes first. For this thread and what it starts.
pub(crate) fn run_when_idle() -> Result<(), Errno> {
    const THIS_PROCESS: c_int = 1;
    const IDLE_CLASS: c_int = 3 << 13;
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter lives; the rest are numbers.
    let results = unsafe {
        [
            c_long_result(libc::syscall(
                libc::SYS_sched_setscheduler,
                0,
                libc::SCHED_IDLE,
                &raw const parameter,
            )),
            c_long_result(libc::syscall(
                libc::SYS_ioprio_set,
                THIS_PROCESS,
                0,
                IDLE_CLASS,
            )),
        ]
    };
    results.into_iter().collect()
}

fn c_long_result(result: libc::c_long) -> Result<(), Errno> {
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

/// A child that ended.
pub(crate) struct Reaped {
    pub(crate) pid: Pid,
    /// As wait(2) gives it.
    pub(crate) status: c_int,
    pub(crate) usage: Usage,
}

/// One ended child, or `None` when none has ended and `block` is false. ECHILD when there is none.
pub(crate) fn reap(block: bool) -> Result<Option<Reaped>, Errno> {
    let mut status = 0;
    // SAFETY: a rusage is plain numbers, for which zero is a value.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    let flags = if block { 0 } else { libc::WNOHANG };
    // SAFETY: both pointers are to live values of the types that the call fills in.
    let pid = check(unsafe { libc::wait4(-1, &raw mut status, flags, &raw mut usage) })?;
    Ok(Pid::from_raw(pid).map(|pid| Reaped {
        pid,
        status,
        usage: usage_of(&usage),
    }))
}

fn usage_of(usage: &libc::rusage) -> Usage {
    let duration = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        minor_faults: u64::try_from(usage.ru_minflt).unwrap_or(0),
        major_faults: u64::try_from(usage.ru_majflt).unwrap_or(0),
        ..Usage::default()
    }
}
