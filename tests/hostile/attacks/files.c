/* Reading and writing what belongs to the host. */
#include "attack.h"

int read_file(int count, char **words) {
    char bytes[64];
    for (int i = 0; i < count; i++) {
        /* gcc hands over its own words besides ours. */
        if (words[i][0] != '/' || strstr(words[i], "/cc1") || strncmp(words[i], "/tmp/", 5) == 0) continue;
        int file = open(words[i], O_RDONLY | O_NONBLOCK);
        struct stat found;
        int got = file >= 0 && fstat(file, &found) == 0 && (S_ISDIR(found.st_mode) || read(file, bytes, sizeof bytes) > 0);
        tell(got, words[i]);
        if (file >= 0) close(file);
    }
    return 0;
}

int write_file(int count, char **words) {
    for (int i = 0; i < count; i++) {
        int file = open(words[i], O_WRONLY | O_CREAT | O_TRUNC, 0644);
        tell(file >= 0 && write(file, "mine", 4) == 4, words[i]);
        if (file >= 0) close(file);
    }
    return 0;
}

/* What a user may do to files of his without opening them. */
int change_file(int count, char **words) {
    if (count < 1) return 1;
    struct timespec times[2] = {{1, 0}, {1, 0}};
    tell(chmod(words[0], 0600) == 0, "chmod");
    tell(fchmodat(AT_FDCWD, words[0], 0644, 0) == 0, "fchmodat");
    tell(utimensat(AT_FDCWD, words[0], times, 0) == 0, "utimensat");
    tell(syscall(SYS_chown, words[0], getuid(), getgid()) == 0, "chown");
    tell(syscall(SYS_setxattr, words[0], "user.floe", "x", 1, 0) == 0 || errno == EOPNOTSUPP, "setxattr");
    return 0;
}

int truncate_file(int count, char **words) {
    tell(count > 0 && truncate(words[0], 0) == 0, "truncate");
    return 0;
}

int list_descriptors(int count, char **words) {
    (void)count, (void)words;
    int leaked = 0;
    for (int i = 3; i < 1024; i++) leaked += fcntl(i, F_GETFD) >= 0;
    errno = EBADF;
    tell(leaked > 0, "descriptors of the daemon's");
    return 0;
}

/* Makes the object a link to a file of the host, as a fast compiler would at the last moment. */
int swap_output(int count, char **words) {
    for (int i = 0; i + 1 < count; i++)
        if (strcmp(words[i], "-o") == 0) {
            unlink(words[i + 1]);
            return symlink("/etc/passwd", words[i + 1]) != 0;
        }
    return 1;
}

int use_device(int count, char **words) {
    char bytes[8];
    for (int i = 0; i < count; i++) {
        int device = open(words[i], O_RDONLY);
        tell(device >= 0 && read(device, bytes, 8) == 8, words[i]);
        if (device >= 0) close(device);
    }
    return 0;
}
