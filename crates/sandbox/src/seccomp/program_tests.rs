//! The program is run by a small interpreter of classic BPF.

use super::super::{Profile, filter};
use super::*;

const NATIVE: u32 = if cfg!(target_arch = "x86_64") {
    0xC000_003E
} else {
    0xC000_00B7
};
const ALLOWED: u32 = SECCOMP_RET_ALLOW;
const REFUSED: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
const UNKNOWN: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

const PLAIN: Profile = Profile {
    signals: true,
    shares_host: false,
};
const SHARED: Profile = Profile {
    signals: false,
    shares_host: true,
};

fn answer_to(profile: Profile, architecture: u32, number: u32, arguments: &[u32]) -> u32 {
    let program = filter(profile);
    let load = |offset: u32| match offset {
        NUMBER => number,
        ARCHITECTURE => architecture,
        other => arguments
            .get((other as usize - 16) / 8)
            .copied()
            .unwrap_or(0),
    };
    let (mut at, mut register) = (0, 0);
    loop {
        let Instruction {
            code,
            if_true,
            if_false,
            value,
        } = program[at];
        at += 1;
        let jump = |condition| usize::from(if condition { if_true } else { if_false });
        match u32::from(code) {
            code if code == BPF_LD | BPF_W | BPF_ABS => register = load(value),
            code if code == BPF_ALU | BPF_AND | BPF_K => register &= value,
            code if code == BPF_JMP | libc::BPF_JA => at += value as usize,
            code if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(register == value),
            code if code == BPF_JMP | BPF_JGE | BPF_K => at += jump(register >= value),
            code if code == BPF_JMP | BPF_JGT | BPF_K => at += jump(register > value),
            code if code == BPF_RET | BPF_K => return value,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn native(number: libc::c_long, arguments: &[u32]) -> u32 {
    answer_to(PLAIN, NATIVE, u32::try_from(number).unwrap(), arguments)
}

#[test]
fn what_compilers_do_is_allowed() {
    for number in [
        libc::SYS_read,
        libc::SYS_openat,
        libc::SYS_execve,
        libc::SYS_wait4,
        libc::SYS_mmap,
        libc::SYS_exit_group,
        libc::SYS_statx,
        libc::SYS_getrandom,
        libc::SYS_kill,
        libc::SYS_renameat2,
    ] {
        assert_eq!(native(number, &[]), ALLOWED, "{number}");
    }
}

#[test]
fn what_only_attackers_do_is_refused() {
    for number in [
        libc::SYS_socket,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_keyctl,
        libc::SYS_bpf,
        libc::SYS_io_uring_setup,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_chroot,
        libc::SYS_memfd_create,
        libc::SYS_open_by_handle_at,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_inotify_init1,
        libc::SYS_inotify_add_watch,
        libc::SYS_timerfd_create,
        libc::SYS_timer_create,
        libc::SYS_signalfd4,
        libc::SYS_fanotify_init,
    ] {
        assert_eq!(native(number, &[]), REFUSED, "{number}");
    }
    assert_eq!(native(libc::SYS_clone3, &[]), UNKNOWN);
    assert_eq!(native(100_000, &[]), UNKNOWN);
    assert_eq!(answer_to(PLAIN, 0x1234, 0, &[]), UNKNOWN);
}

#[test]
fn arguments_are_looked_at() {
    let map = |flags: i32| native(libc::SYS_mmap, &[0, 4096, 3, flags as u32]);
    assert_eq!(map(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), ALLOWED);
    assert_eq!(map(libc::MAP_SHARED), ALLOWED);
    assert_eq!(map(libc::MAP_SHARED | libc::MAP_ANONYMOUS), REFUSED);
    let control = |command: i32| native(libc::SYS_fcntl, &[0, command as u32]);
    assert_eq!(control(libc::F_GETLK), ALLOWED);
    for command in [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK] {
        assert_eq!(control(command), REFUSED, "{command}");
    }
    assert_eq!(control(libc::F_SETLEASE), REFUSED);
    assert_eq!(native(libc::SYS_clone, &[libc::SIGCHLD as u32]), ALLOWED);
    assert_eq!(
        native(libc::SYS_clone, &[libc::CLONE_NEWUSER as u32]),
        REFUSED
    );
    assert_eq!(native(libc::SYS_prlimit64, &[0]), ALLOWED);
    assert_eq!(native(libc::SYS_prlimit64, &[1]), REFUSED);
    assert_eq!(native(libc::SYS_fcntl, &[0, libc::F_GETFD as u32]), ALLOWED);
    assert_eq!(
        native(libc::SYS_fcntl, &[0, libc::F_SETOWN as u32]),
        REFUSED
    );
    assert_eq!(native(libc::SYS_ioctl, &[0, libc::TCGETS as u32]), ALLOWED);
    assert_eq!(
        native(libc::SYS_ioctl, &[0, libc::TIOCSTI as u32]),
        SECCOMP_RET_ERRNO | libc::ENOTTY as u32
    );
}

#[test]
fn a_job_that_shares_the_host_may_less() {
    for number in [
        libc::SYS_kill,
        libc::SYS_setsid,
        libc::SYS_setpgid,
        libc::SYS_fchmodat,
    ] {
        let number = u32::try_from(number).unwrap();
        assert_eq!(answer_to(PLAIN, NATIVE, number, &[]), ALLOWED, "{number}");
        assert_eq!(answer_to(SHARED, NATIVE, number, &[]), REFUSED, "{number}");
    }
    let signals = Profile {
        signals: true,
        ..SHARED
    };
    assert_eq!(
        answer_to(signals, NATIVE, u32::try_from(libc::SYS_kill).unwrap(), &[]),
        ALLOWED
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_other_ways_into_this_kernel_are_filtered_too() {
    const I386: u32 = 0x4000_0003;
    // open, write, mmap2, set_thread_area; then socketcall, ptrace, mount, clone with a namespace.
    for number in [5, 4, 192, 243] {
        assert_eq!(answer_to(PLAIN, I386, number, &[]), ALLOWED, "{number}");
    }
    for number in [102, 26, 21, 254, 255, 291, 321, 322, 327, 329, 332] {
        assert_eq!(answer_to(PLAIN, I386, number, &[]), REFUSED, "{number}");
    }
    assert_eq!(answer_to(PLAIN, I386, 120, &[0x1000_0000]), REFUSED);
    // The x32 numbers begin here.
    assert_eq!(answer_to(PLAIN, NATIVE, 0x4000_0000, &[]), UNKNOWN);
}
