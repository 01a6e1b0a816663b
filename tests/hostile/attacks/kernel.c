/* Parts of the kernel that no compiler has business with. */
#include "attack.h"
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>

static void in_child(void (*attempt)(void)) {
    if (fork() == 0) {
        attempt();
        exit(0);
    }
    wait(0);
}

static void namespaces(void) { tell(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare"); }

/* The new user namespace gives the right. */
static void mounted(void) {
    tell(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mount("none", "/tmp", "tmpfs", 0, 0) == 0, "mount");
}

int mount_something(int count, char **words) {
    (void)count, (void)words;
    in_child(mounted);
    return 0;
}

static void cloned(void) {
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    tell(pid > 0, "clone");
}

int call_kernel(int count, char **words) {
    (void)count, (void)words;
    in_child(namespaces);
    in_child(cloned);
    tell_reached(syscall(SYS_setns, -1, 0), "setns");
    tell_reached(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1), "keyctl");
    tell_reached(syscall(SYS_add_key, "user", "floe", "x", 1, KEY_SPEC_PROCESS_KEYRING), "add_key");
    char attributes[128] = {0};
    tell_reached(syscall(SYS_bpf, 1, attributes, sizeof attributes), "bpf");
    struct io_uring_params ring = {0};
    tell_reached(syscall(SYS_io_uring_setup, 1, &ring), "io_uring");
    tell_reached(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY), "userfaultfd");
    tell_reached(syscall(SYS_perf_event_open, 0, 0, -1, -1, 0), "perf_event_open");
    tell_reached(syscall(SYS_memfd_create, "x", 0), "memfd_create");
    tell_reached(syscall(SYS_open_by_handle_at, -1, attributes, 99), "open_by_handle_at");
    int shared = shmget(IPC_PRIVATE, 4096, 0600);
    tell_reached(shared, "shmget");
    if (shared >= 0) shmctl(shared, IPC_RMID, 0);
    tell(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED, "shared memory");
    int leased = open("leased", O_RDONLY | O_CREAT, 0600);
    if (leased < 0) leased = open("/tmp/leased", O_RDONLY | O_CREAT, 0600);
    tell(fcntl(leased, F_SETLEASE, F_RDLCK) == 0, "lease");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int locked = open("locked", O_RDWR | O_CREAT, 0600);
    if (locked < 0) locked = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
    tell(fcntl(locked, F_SETLK, &lock) == 0, "lock");
    lock.l_start = 8;
    tell(fcntl(locked, F_OFD_SETLK, &lock) == 0, "lock of a description");
    tell_reached(syscall(SYS_inotify_init1, 0), "inotify");
    tell_reached(syscall(SYS_timerfd_create, 1, 0), "timerfd");
    tell_reached(syscall(SYS_timer_create, 1, 0, &ring), "timer");
    tell_reached(syscall(SYS_quotactl, 0, 0, 0, 0), "quotactl");
    tell_reached(syscall(SYS_mknodat, AT_FDCWD, "/tmp/node", S_IFREG | 0600, 0), "mknod");
    tell_reached(syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open");
    tell_reached(syscall(SYS_personality, 0x0400000), "personality");
    return 0;
}
