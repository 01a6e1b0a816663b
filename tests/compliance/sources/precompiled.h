#ifndef PRECOMPILED_H
#define PRECOMPILED_H
#include <stdio.h>
struct precompiled {
    int field;
};
#endif
