/* Taking more than one's share. Each is bounded: the host must survive when nothing else holds it. */
#include "attack.h"
#include <sys/epoll.h>
#include <sys/mman.h>

/* COUNT processes at once. */
int fork_bomb(int count, char **words) {
    int wanted = count > 0 ? atoi(words[0]) : 1, made = 0;
    for (; made < wanted; made++) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0)
            for (;;) pause();
    }
    tell(made == wanted, "processes");
    return 0;
}

/* PROCESSES that hold MEBIBYTES each. */
int memory_bomb(int count, char **words) {
    if (count < 2) return 1;
    int processes = atoi(words[0]), failed = 0;
    size_t bytes = (size_t)atoi(words[1]) << 20;
    for (int i = 0; i < processes; i++)
        if (fork() == 0) {
            char *memory = malloc(bytes);
            if (!memory) _exit(1);
            memset(memory, 1, bytes);
            usleep(300000);
            _exit(memory[bytes / 2] != 1);
        }
    for (int status; wait(&status) > 0;) failed += status != 0;
    errno = ENOMEM;
    tell(failed == 0, "memory");
    return 0;
}

/* One file of MEBIBYTES. */
int disk_bomb(int count, char **words) {
    static char mebibyte[1 << 20];
    int wanted = count > 0 ? atoi(words[0]) : 1, made = 0;
    int file = open("large", O_WRONLY | O_CREAT, 0600);
    while (made < wanted && write(file, mebibyte, sizeof mebibyte) == sizeof mebibyte) made++;
    /* Where nothing holds the single write, somebody looks at the sum now and then. */
    usleep(200000);
    tell(made == wanted, "bytes on disk");
    return 0;
}

/* FILES of MEBIBYTES each that have no name, held open by HOW: descriptors, mappings, or children that hand them on. */
int nameless_bomb(int count, char **words) {
    if (count < 3) return 1;
    int files = atoi(words[0]), made = 0;
    size_t bytes = (size_t)atoi(words[1]) << 20;
    char name_of_end[1];
    const char *how = words[2];
    int handed = strcmp(how, "handed") == 0, ends[2];
    if (handed) {
        if (pipe(ends)) return 1;
        if (fork() > 0) {
            close(ends[1]);
            return read(ends[0], name_of_end, 1);
        }
    }
    static char mebibyte[1 << 20];
    char name[32];
    for (; made < files; made++) {
        snprintf(name, sizeof name, "nameless%d", made);
        int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (file < 0 || unlink(name)) break;
        size_t done = 0;
        for (; done < bytes; done += sizeof mebibyte)
            if (write(file, mebibyte, sizeof mebibyte) != sizeof mebibyte) break;
        if (done < bytes) break;
        if (strcmp(how, "mapped") == 0) {
            if (mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED) break;
            close(file);
        }
    }
    if (handed)
        for (int i = 0; i < 3000; i++)
            if (fork() > 0) _exit(0);
    /* Somebody looks now and then. */
    usleep(300000);
    tell(made == files, "bytes without a name");
    return 0;
}

/* COUNT watches: each of some files by each of some epolls. */
int watch_bomb(int count, char **words) {
    int wanted = count > 0 ? atoi(words[0]) : 1, made = 0, pipes[64][2];
    for (int i = 0; i < 64; i++)
        if (pipe(pipes[i])) return 1;
    while (made < wanted) {
        int all = epoll_create1(0);
        if (all < 0) break;
        for (int i = 0; i < 64 && made < wanted; i++, made++) {
            struct epoll_event event = {.events = EPOLLIN};
            if (epoll_ctl(all, EPOLL_CTL_ADD, pipes[i][0], &event)) break;
        }
    }
    tell(made == wanted, "watches");
    return 0;
}

/* COUNT empty files. */
int file_bomb(int count, char **words) {
    int wanted = count > 0 ? atoi(words[0]) : 1, made = 0;
    char name[32];
    for (; made < wanted; made++) {
        snprintf(name, sizeof name, "/tmp/file%d", made);
        int file = open(name, O_WRONLY | O_CREAT, 0600);
        if (file < 0) break;
        close(file);
    }
    tell(made == wanted, "files on disk");
    return 0;
}

/* 32 MiB of words. */
int flood(int count, char **words) {
    (void)count, (void)words;
    static char words_of_it[1 << 16];
    memset(words_of_it, 'x', sizeof words_of_it);
    for (int i = 0; i < 512; i++)
        for (size_t done = 0; done < sizeof words_of_it;) {
            ssize_t written = write(1, words_of_it + done, sizeof words_of_it - done);
            if (written <= 0) return 2;
            done += written;
        }
    return 1;
}
