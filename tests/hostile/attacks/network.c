/* Talking to anybody. */
#include "attack.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static void to_port(int type, const char *port, const char *name) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, type, 0);
    int done = s >= 0 && connect(s, (struct sockaddr *)&to, sizeof to) == 0;
    tell(done && write(s, "x", 1) == 1, name);
    if (s >= 0) close(s);
}

/* An abstract name begins with '@'. */
static void to_socket(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    if (path[0] == '@') to.sun_path[0] = 0;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    tell(s >= 0 && connect(s, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + strlen(path)) == 0, path);
    if (s >= 0) close(s);
}

/* tcp PORT, udp PORT, or the path of a Unix socket. */
int use_network(int count, char **words) {
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "tcp") == 0) to_port(SOCK_STREAM, words[++i], "tcp");
        else if (strcmp(words[i], "udp") == 0) to_port(SOCK_DGRAM, words[++i], "udp");
        else to_socket(words[i]);
    }
    return 0;
}

/* Every family that there may be, and every type. */
int use_families(int count, char **words) {
    (void)count, (void)words;
    int opened = 0;
    for (int family = 0; family < 64; family++)
        for (int type = 1; type <= 5; type++) {
            int s = socket(family, type, 0), pair[2];
            opened += s >= 0;
            if (s >= 0) close(s);
            opened += socketpair(family, type, 0, pair) == 0;
        }
    errno = EPERM;
    tell(opened > 0, "sockets");
    return 0;
}
