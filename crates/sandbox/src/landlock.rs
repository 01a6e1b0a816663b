//! Landlock: what a job may do with files whatever its view of them is, and no signals to others.
//!
//! Source: landlock(7) and the kernel's userspace-api/landlock, ABI 1 (Linux 5.13) to 7 (6.15).

use std::ffi::CStr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_BLOCK: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Those that make sense for something that is no directory.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

const READ: u64 = EXECUTE | READ_FILE | READ_DIR;
const USE_DEVICE: u64 = READ_FILE | WRITE_FILE | TRUNCATE;

/// Signals stay inside, and abstract Unix sockets, from this ABI on.
pub(crate) const SCOPES: u32 = 6;

#[repr(C)]
struct RulesetAttr {
    files: u64,
    network: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

/// The kernel's version of Landlock; 0 where there is none.
pub(crate) fn abi() -> u32 {
    // SAFETY: with this flag the call reads nothing and answers a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttr>(),
            0usize,
            1u32,
        )
    };
    u32::try_from(version).unwrap_or(0)
}

/// Rules to be put in force by [`enforce`]. Nothing is allowed but what is added.
pub(crate) struct Rules {
    ruleset: OwnedFd,
    known: u64,
}

impl Rules {
    /// `abi` is at least 1.
    pub(crate) fn new(abi: u32) -> Result<Self, Errno> {
        let known = match abi {
            1 => (1 << 13) - 1,
            2 => (1 << 14) - 1,
            3 | 4 => (1 << 15) - 1,
            _ => (1 << 16) - 1,
        };
        let attr = RulesetAttr {
            files: known,
            network: if abi >= 4 { 0b11 } else { 0 },
            scopes: if abi >= SCOPES { 0b11 } else { 0 },
        };
        // Older kernels know a shorter structure, and take a longer one whose rest is zero.
        // SAFETY: the structure is as long as is said.
        let ruleset = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attr,
                size_of::<RulesetAttr>(),
                0u32,
            )
        };
        let ruleset = RawFd::try_from(ruleset).unwrap_or(-1);
        if ruleset < 0 {
            return Err(last_errno());
        }
        Ok(Self {
            // SAFETY: the kernel has just made it for us, close-on-exec.
            ruleset: unsafe { OwnedFd::from_raw_fd(ruleset) },
            known,
        })
    }

    /// Reading and executing at `path` and below. What is not there needs no rule.
    pub(crate) fn allow_reading(&self, path: &CStr) -> Result<(), Errno> {
        self.allow(path, READ)
    }

    /// A device that does no harm.
    pub(crate) fn allow_device(&self, path: &CStr) -> Result<(), Errno> {
        self.allow(path, USE_DEVICE)
    }

    /// All below a directory, but no devices and no programs.
    pub(crate) fn allow_scratch(&self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        self.add(
            directory,
            !(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV | EXECUTE) & self.known,
        )
    }

    fn allow(&self, path: &CStr, access: u64) -> Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match openat(CWD, path, flags, Mode::empty()) {
            Ok(place) => self.add(place.as_fd(), access & self.known),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn add(&self, place: BorrowedFd<'_>, access: u64) -> Result<(), Errno> {
        let is_directory = FileType::from_raw_mode(fstat(place)?.st_mode) == FileType::Directory;
        let rule = PathBeneath {
            allowed: if is_directory {
                access
            } else {
                access & OF_FILES
            },
            parent: place.as_raw_fd(),
        };
        // SAFETY: both descriptors are open and the structure is the one of rule type 1.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.ruleset.as_raw_fd(),
                1u32,
                &raw const rule,
                0u32,
            )
        };
        if result < 0 {
            Err(last_errno())
        } else {
            Ok(())
        }
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.ruleset.as_raw_fd()
    }
}

/// Puts the rules in force for this thread and what it starts, for ever. Needs "no new
/// privileges". Touches no memory.
pub(crate) fn enforce(ruleset: RawFd) -> Result<(), Errno> {
    // SAFETY: touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0u32) };
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
