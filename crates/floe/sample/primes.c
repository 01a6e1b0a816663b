#include "list.h"

#include <math.h>
#include <stdio.h>

int main(void)
{
    struct list primes = {0};
    for (long n = 2; n < 1000; n++) {
        int prime = 1;
        for (size_t i = 0; i < primes.length && primes.items[i] * primes.items[i] <= n; i++)
            prime &= n % primes.items[i] != 0;
        if (prime && list_push(&primes, n) != 0)
            return 1;
    }
    list_sort(&primes);
    printf("%zu primes, sum %ld\n", primes.length, list_sum(&primes));
    list_free(&primes);
    return 0;
}
