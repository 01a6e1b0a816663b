#include <stdlib.h>

int sanitized(int index) {
    char *memory = malloc(4);
    memory[0] = 1;
    char value = memory[index];
    free(memory);
    return value;
}

int main(int count, char **arguments) {
    (void)arguments;
    return sanitized(count + 3) & 0;
}
