#pragma once
#include <stdio.h>
struct precompiled {
    int field;
};
