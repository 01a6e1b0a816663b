/* attack NAME WORDS…, or under a name of its own as a compiler. */
#include "attack.h"

static const struct { const char *name; attack *run; } attacks[] = {
    {"read", read_file}, {"write", write_file}, {"change", change_file}, {"truncate", truncate_file}, {"descriptors", list_descriptors},
    {"network", use_network}, {"families", use_families},
    {"signal", signal_process}, {"trace", trace_process}, {"limit", limit_process},
    {"kernel", call_kernel}, {"mount", mount_something},
    {"forks", fork_bomb}, {"memory", memory_bomb}, {"disk", disk_bomb}, {"nameless", nameless_bomb}, {"watches", watch_bomb}, {"files", file_bomb},
    {"survive", survive}, {"endless", never_end},
    {"root", become_root}, {"device", use_device}, {"swap", swap_output}, {"flood", flood},
};

void tell(int got_through, const char *name) {
    if (got_through) printf("OPEN %s\n", name);
    else printf("shut %s: %s\n", name, strerror(errno));
    fflush(stdout);
}

void tell_reached(long result, const char *name) {
    tell(result >= 0 || (errno != EPERM && errno != ENOSYS), name);
}

static int run(const char *name, int count, char **words) {
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (strcmp(attacks[i].name, name) == 0) return attacks[i].run(count, words);
    return 99;
}

int main(int argc, char **argv) {
    /* gcc -B takes us for its assembler. */
    if (strstr(argv[0], "/evil/as")) return read_file(argc - 1, argv + 1);
    const char *own = strrchr(argv[0], '/');
    int known = run(own ? own + 1 : argv[0], argc - 1, argv + 1);
    if (known != 99) return known;
    return argc > 1 ? run(argv[1], argc - 2, argv + 2) : 99;
}
