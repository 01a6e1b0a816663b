/* Reaching for other processes. */
#include "attack.h"
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

int signal_process(int count, char **words) {
    for (int i = 0; i < count; i++) tell(kill(atoi(words[i]), SIGCONT) == 0, "signal");
    return 0;
}

/* PID, and the address of a string of the victim's. */
int trace_process(int count, char **words) {
    if (count < 2) return 1;
    pid_t pid = atoi(words[0]);
    char bytes[8];
    struct iovec here = {bytes, 8}, there = {(void *)strtoul(words[1], 0, 16), 8};
    tell(process_vm_readv(pid, &here, 1, &there, 1, 0) == 8, "process_vm_readv");
    tell(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0, "ptrace");
    return 0;
}

int limit_process(int count, char **words) {
    struct rlimit limit = {64, 64};
    tell(count > 0 && prlimit(atoi(words[0]), RLIMIT_NOFILE, &limit, 0) == 0, "prlimit");
    return 0;
}

/* Leaves a grandchild behind in a session of its own. It says its number, and keeps the output open. */
int survive(int count, char **words) {
    (void)count, (void)words;
    if (fork() == 0) {
        setsid();
        for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
        if (fork() == 0) {
            printf("survivor %d\n", getpid());
            fflush(stdout);
            for (;;) pause();
        }
        _exit(0);
    }
    usleep(100000);
    return 0;
}

/* Ignores what can be ignored, with many children. As a victim it says where its secret is. */
int never_end(int count, char **words) {
    (void)count, (void)words;
    static char secret[8] = "secret!";
    for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
    for (int i = 0; i < 20; i++)
        if (fork() == 0)
            for (;;) pause();
    printf("endless %d %lx\n", getpid(), (unsigned long)secret);
    fflush(stdout);
    for (;;) pause();
}

int become_root(int count, char **words) {
    (void)count, (void)words;
    errno = EPERM;
    tell(geteuid() == 0, "effective user 0");
    return 0;
}
