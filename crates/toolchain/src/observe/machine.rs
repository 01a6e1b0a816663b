//! Which system call a stopped process is in, by its registers (syscall(2)).

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// A system call that names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Directory descriptor, address of the path, flags.
    Open {
        at: i32,
        path: u64,
        flags: i32,
    },
    /// Directory descriptor, address of the path.
    Execute {
        at: i32,
        path: u64,
    },
    /// Directory descriptor, address of the path: asks whether a file is there.
    Look {
        at: i32,
        path: u64,
    },
    Other,
}

/// Where in a system call a process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Begins(Call),
    Ends { success: bool },
}

struct Registers {
    number: i64,
    words: [u64; 3],
    result: i64,
    is_beginning: bool,
}

/// `None` for a program of another word size, whose calls have other numbers: it is left unobserved.
#[cfg(target_arch = "x86_64")]
fn registers(pid: Pid) -> nix::Result<Option<Registers>> {
    /// The code segment of 32-bit programs.
    const SEGMENT_32: u64 = 0x23;
    let r = ptrace::getregs(pid)?;
    let result = r.rax as i64;
    Ok((r.cs != SEGMENT_32).then_some(Registers {
        number: r.orig_rax as i64,
        words: [r.rdi, r.rsi, r.rdx],
        result,
        // The kernel puts it there before the stop; a call that ends so did nothing.
        is_beginning: result == -i64::from(libc::ENOSYS),
    }))
}

#[cfg(target_arch = "aarch64")]
fn registers(pid: Pid) -> nix::Result<Option<Registers>> {
    let r = ptrace::getregs(pid)?.regs;
    Ok(Some(Registers {
        number: r[8] as i64,
        words: [r[0], r[1], r[2]],
        result: r[0] as i64,
        // 1 at the end, while the process is stopped.
        is_beginning: r[7] == 0,
    }))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn registers(_: Pid) -> nix::Result<Option<Registers>> {
    Ok(None)
}

/// Where `pid` stopped. By its registers and not by counting stops: when it was seized it was already
/// within a call.
pub(super) fn stop(pid: Pid) -> nix::Result<Stop> {
    let Some(Registers {
        number,
        words,
        result,
        is_beginning,
    }) = registers(pid)?
    else {
        return Ok(Stop::Begins(Call::Other));
    };
    if !is_beginning {
        return Ok(Stop::Ends {
            success: result >= 0,
        });
    }
    // Descriptors and flags are ints in registers.
    let int = |word: u64| word as i32;
    Ok(Stop::Begins(match number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access | libc::SYS_stat | libc::SYS_lstat => Call::Look {
            at: HERE,
            path: words[0],
        },
        libc::SYS_faccessat | libc::SYS_faccessat2 | libc::SYS_newfstatat | libc::SYS_statx => {
            Call::Look {
                at: int(words[0]),
                path: words[1],
            }
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => Call::Open {
            at: HERE,
            path: words[0],
            flags: int(words[1]),
        },
        libc::SYS_execve => Call::Execute {
            at: HERE,
            path: words[0],
        },
        libc::SYS_openat => Call::Open {
            at: int(words[0]),
            path: words[1],
            flags: int(words[2]),
        },
        // Its flags are in memory. Compilers do not use it.
        libc::SYS_openat2 => Call::Open {
            at: int(words[0]),
            path: words[1],
            flags: libc::O_RDONLY,
        },
        libc::SYS_execveat => Call::Execute {
            at: int(words[0]),
            path: words[1],
        },
        _ => Call::Other,
    }))
}

/// Whether a file opened with these flags is only read.
pub(super) fn only_reads(flags: i32) -> bool {
    let writes = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
    flags & (writes | libc::O_DIRECTORY | libc::O_PATH) == 0
}

pub(super) const HERE: i32 = libc::AT_FDCWD;
