/* A plugin of gcc's that reads a file of the host. */
#include <stdio.h>

int plugin_is_GPL_compatible;

int plugin_init(void *information, void *version) {
    (void)information, (void)version;
    FILE *file = fopen("/etc/passwd", "r");
    puts(file ? "OPEN plugin" : "shut plugin");
    return 0;
}
