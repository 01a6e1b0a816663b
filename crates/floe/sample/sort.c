#include "list.h"

#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

void list_sort(struct list *list)
{
    qsort(list->items, list->length, sizeof *list->items, ascending);
}
