#include "includes.h"

static int stop_here(int argument) {
    Included<int> watched = {argument};
    int result = watched.next();
    return result;
}

int main() { return stop_here(6) - 7; }
