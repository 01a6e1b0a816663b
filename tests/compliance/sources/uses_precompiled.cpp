#include "precompiled.h"

int uses_precompiled(const precompiled &it) { return printf("%d\n", it.field), it.field; }
