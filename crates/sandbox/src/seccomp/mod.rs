//! The system calls that a compiler needs, and no others.
//!
//! What is not on the list is answered with an error, because programs try things that they can do
//! without: "not permitted", or, for calls that did not exist when the list was written, "not
//! implemented", which the C library takes as the sign to use an older one. Nothing is killed.
//!
//! The filter is made once and installed by each job's own process just before it becomes the
//! compiler. Raw BPF, because the answer depends on the call's number and on its arguments in ways
//! that the crates for it cannot say in one filter. Source: seccomp(2), and the numbers of
//! Linux 6.18.

mod calls;
mod program;

use rustix::io::Errno;

pub(crate) use program::Instruction;

/// What is added to the common list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Signals may be sent: something else keeps them inside.
    pub(crate) signals: bool,
    /// The job's processes are known by their group, which they must not leave; and files outside
    /// may belong to the job's user, and must keep their modes and times.
    pub(crate) shares_host: bool,
}

/// The filter, for all architectures that this kernel runs.
pub(crate) fn filter(profile: Profile) -> Vec<Instruction> {
    program::assemble(&calls::tables(profile))
}

/// Whether the kernel has filters at all, and we have one for it.
pub(crate) fn is_available() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads one number, which lives.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0u32,
            &raw const action,
        )
    };
    result == 0 && calls::KNOWN
}

/// Puts the filter in force for this thread and what it starts, for ever. Allocates nothing.
pub(crate) fn install(filter: &[Instruction]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::TOOBIG)?,
        filter: filter.as_ptr().cast_mut().cast(),
    };
    // Older kernels slow every filtered process down against an attack on secrets in the process
    // itself, of which a compiler has none.
    // SAFETY: the filter lives and has the length said; the kernel does not write to it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            &raw const program,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}
