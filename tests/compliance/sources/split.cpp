#include "includes.h"

struct Split {
    int left;
    Included<long> right;
};

long split(const Split &both) {
    long sum = both.left + both.right.next();
    return sum;
}
