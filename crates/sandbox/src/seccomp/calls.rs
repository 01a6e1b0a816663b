//! The lists: what gcc, clang, their assemblers, and the shells and scripts around them need.

use libc::{EINVAL, ENOSYS, ENOTTY};

use super::Profile;
use super::program::{Rule, Table};

/// CLONE_NEW*, all that clone(2) takes.
const NAMESPACES: u32 = 0x7E02_0000;
/// F_SETOWN, F_SETSIG, F_SETOWN_EX, F_NOTIFY: each can make the kernel send signals. F_SETLEASE too,
/// and it makes others wait who open a file that they share with the job, 45 s each time.
/// F_SETLK, F_SETLKW (and as i386 numbers those of large files), F_OFD_SETLK and F_OFD_SETLKW: one file
/// has as many locks as somebody asks for, in memory that is counted nowhere as the job's.
const MEDDLING_FCNTL: &[u32] = &[6, 7, 8, 10, 13, 14, 15, 37, 38, 1024, 1026];
/// MAP_SHARED with MAP_ANONYMOUS: memory that belongs to no process once it is unmapped from the page
/// table, and is not found where a job's memory is counted.
const SHARED_ANONYMOUS: u32 = 0x21;
/// TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
const IOCTLS: &[u32] = &[0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451];
/// PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ,
/// PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_SET_VMA.
const PRCTLS: &[u32] = &[1, 3, 15, 16, 23, 39, 41, 42, 0x5356_4D41];
/// The usual one, and the question which it is.
const PERSONALITIES: &[u32] = &[0, 0xFFFF_FFFF];

macro_rules! numbers {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// On every architecture.
#[rustfmt::skip]
const COMMON: &[libc::c_long] = numbers! {
    // Files and directories.
    SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv SYS_pwritev
    SYS_preadv2 SYS_pwritev2 SYS_sendfile SYS_splice SYS_tee SYS_copy_file_range SYS_dup SYS_dup3 SYS_flock SYS_fsync
    SYS_fdatasync SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_readahead SYS_getdents64
    SYS_getcwd SYS_chdir SYS_fchdir SYS_openat SYS_openat2 SYS_close_range SYS_mkdirat SYS_newfstatat SYS_statx SYS_unlinkat
    SYS_renameat2 SYS_linkat SYS_symlinkat SYS_readlinkat SYS_fchmod SYS_faccessat SYS_faccessat2 SYS_umask
    SYS_statfs SYS_fstatfs SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr
    // Waiting, but not by epoll or inotify: a user has watches by the million, each of them some 170 bytes
    // of the kernel's that are counted nowhere as the job's. gcc, clang, and what they call, ask for none.
    SYS_pipe2 SYS_pselect6 SYS_ppoll SYS_eventfd2 SYS_nanosleep SYS_clock_nanosleep
    SYS_getitimer SYS_setitimer
    // Memory.
    SYS_brk SYS_mmap SYS_mprotect SYS_munmap SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_mlock SYS_munlock
    SYS_get_mempolicy SYS_membarrier
    // Processes, threads and their signals.
    SYS_execve SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_set_tid_address SYS_set_robust_list SYS_get_robust_list
    SYS_futex SYS_futex_waitv SYS_rseq SYS_restart_syscall SYS_sched_yield SYS_sched_getaffinity SYS_sched_getparam
    SYS_sched_getscheduler SYS_sched_getattr SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_rr_get_interval SYS_getpriority SYS_getcpu SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn
    SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigsuspend SYS_sigaltstack
    // Asking about oneself and the machine.
    SYS_getpid SYS_getppid SYS_gettid SYS_getpgid SYS_getsid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getgroups
    SYS_getresuid SYS_getresgid SYS_capget SYS_uname SYS_sysinfo SYS_times SYS_getrusage
    SYS_gettimeofday SYS_clock_gettime SYS_clock_getres SYS_getrandom
};

/// Older calls, most of which newer architectures never had.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER: &[libc::c_long] = numbers! {
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_mkdir SYS_rmdir SYS_unlink SYS_rename SYS_link
    SYS_symlink SYS_getdents SYS_dup2 SYS_pipe SYS_poll SYS_select SYS_eventfd
    SYS_renameat SYS_sync_file_range SYS_getrlimit SYS_setrlimit SYS_alarm SYS_pause SYS_fork SYS_vfork
    SYS_getpgrp SYS_time SYS_arch_prctl
};
/// renameat, sync_file_range, getrlimit and setrlimit, by the numbers that these architectures share.
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[38, 84, 163, 164];

/// They change files by name, which Landlock does not see (truncate not before its version 3): only
/// where no file of the host can be named.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const CHANGE_BY_NAME: &[libc::c_long] = numbers! {
    SYS_truncate SYS_fchmodat SYS_utimensat SYS_chmod SYS_utime SYS_utimes SYS_futimesat
};
#[cfg(not(target_arch = "x86_64"))]
const CHANGE_BY_NAME: &[libc::c_long] = numbers! { SYS_truncate SYS_fchmodat SYS_utimensat };

const GROUPS: &[libc::c_long] = numbers! { SYS_setsid SYS_setpgid };
const SIGNALS: &[libc::c_long] = numbers! { SYS_kill SYS_tkill SYS_tgkill };

/// fchmodat2 came with Linux 6.6, and its number is everybody's.
const FCHMODAT2: u32 = 452;
/// No architecture's; see [`super::is_available`].
const UNKNOWN: u32 = 0;
/// Of Linux 6.18, the same for all architectures since 424.
const NEWEST: u32 = 469;

/// Whether the lists were made for this architecture.
pub(super) const KNOWN: bool = cfg!(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
));

pub(super) fn tables(profile: Profile) -> Vec<Table> {
    vec![
        native(profile),
        #[cfg(target_arch = "x86_64")]
        i386(profile),
    ]
}

fn native(profile: Profile) -> Table {
    let mut allowed: Vec<u32> = [COMMON, OLDER].concat().into_iter().map(number).collect();
    extend(
        &mut allowed,
        profile,
        &numbers_of(CHANGE_BY_NAME),
        &numbers_of(GROUPS),
        &numbers_of(SIGNALS),
    );
    let rules = rules(
        [
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_fcntl,
            libc::SYS_ioctl,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_personality,
            libc::SYS_mmap,
        ]
        .map(number),
    );
    Table {
        architecture: if cfg!(target_arch = "x86_64") {
            0xC000_003E
        } else if cfg!(target_arch = "aarch64") {
            0xC000_00B7
        } else if cfg!(target_arch = "riscv64") {
            0xC000_00F3
        } else {
            UNKNOWN
        },
        rules,
        allowed,
        newest: NEWEST,
    }
}

fn extend(
    allowed: &mut Vec<u32>,
    profile: Profile,
    by_name: &[u32],
    groups: &[u32],
    signals: &[u32],
) {
    if profile.signals {
        allowed.extend(signals);
    }
    if !profile.shares_host {
        allowed.extend(by_name);
        allowed.extend(groups);
        allowed.push(FCHMODAT2);
    }
}

/// clone3 keeps its flags where a filter cannot look; without it the C library uses clone.
fn rules(
    [
        clone,
        clone3,
        fcntl,
        ioctl,
        prctl,
        prlimit,
        personality,
        mmap,
    ]: [u32; 8],
) -> Vec<(u32, Rule)> {
    let one_of = |argument, values, otherwise| Rule::OneOf {
        argument,
        values,
        otherwise,
    };
    vec![
        (
            fcntl,
            Rule::NoneOf {
                argument: 1,
                values: MEDDLING_FCNTL,
            },
        ),
        (
            clone,
            Rule::Without {
                argument: 0,
                bits: NAMESPACES,
            },
        ),
        (clone3, Rule::Refuse(ENOSYS)),
        (ioctl, one_of(1, IOCTLS, ENOTTY)),
        (prctl, one_of(0, PRCTLS, EINVAL)),
        // Another process of the same user is no business of the job's.
        (prlimit, one_of(0, &[0], libc::EPERM)),
        (personality, one_of(0, PERSONALITIES, libc::EPERM)),
        (
            mmap,
            Rule::NotAll {
                argument: 3,
                bits: SHARED_ANONYMOUS,
            },
        ),
    ]
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn numbers_of(calls: &[libc::c_long]) -> Vec<u32> {
    calls.iter().copied().map(number).collect()
}

/// The same calls for 32-bit programs, as vendors' cross compilers still are. From the kernel's
/// table of i386; socketcall (102), ipc (117) and the first mmap (90) hide what they do and are not
/// among them.
#[cfg(target_arch = "x86_64")]
fn i386(profile: Profile) -> Table {
    #[rustfmt::skip]
    const RANGES: &[(u32, u32)] = &[
        (0, 13), (19, 20), (24, 24), (27, 27), (29, 29), (33, 33), (38, 43), (45, 45), (47, 50), (60, 60),
        (63, 65), (67, 67), (72, 73), (75, 78), (80, 80), (82, 83), (85, 85), (91, 91), (93, 94), (96, 96), (99, 100), (104, 108),
        (114, 114), (116, 116), (118, 119), (122, 122), (125, 126), (132, 133), (140, 148), (150, 151), (155, 155), (157, 163),
        (165, 165), (168, 168), (171, 171), (173, 177), (179, 181), (183, 184), (186, 187), (190, 192), (194, 197), (199, 202),
        (205, 205), (209, 209), (211, 211), (218, 220), (224, 225), (229, 234), (239, 240), (242, 244), (250, 250),
        (252, 252), (258, 258), (265, 269), (272, 272), (275, 275), (284, 284), (295, 296), (300, 305),
        (307, 309), (311, 315), (318, 318), (323, 324), (328, 328), (330, 331), (333, 334), (352, 353), (355, 355), (375, 375), (377, 379),
        (383, 384), (386, 386), (403, 403), (406, 407), (413, 414), (421, 423), (436, 437), (439, 439),
        (449, 449),
    ];
    let mut allowed: Vec<u32> = RANGES
        .iter()
        .flat_map(|&(first, last)| first..=last)
        .collect();
    extend(
        &mut allowed,
        profile,
        // chmod, utime, truncate, truncate64, utimes, futimesat, fchmodat, utimensat and its
        // successor.
        &[15, 30, 92, 193, 271, 299, 306, 320, 412],
        &[57, 66],
        &[37, 238, 270],
    );
    let mut rules = rules([120, 435, 55, 54, 172, 340, 136, 192]);
    rules.push((
        221,
        Rule::NoneOf {
            argument: 1,
            values: MEDDLING_FCNTL,
        },
    ));
    Table {
        architecture: 0x4000_0003,
        rules,
        allowed,
        newest: NEWEST,
    }
}
