#include "list.h"

#include <stdlib.h>

int list_push(struct list *list, long item)
{
    if (list->length == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        long *items = realloc(list->items, room * sizeof *items);
        if (!items)
            return -1;
        list->items = items;
        list->room = room;
    }
    list->items[list->length++] = item;
    return 0;
}

void list_free(struct list *list)
{
    free(list->items);
    list->items = NULL;
    list->length = list->room = 0;
}

long list_sum(const struct list *list)
{
    long sum = 0;
    for (size_t i = 0; i < list->length; i++)
        sum += list->items[i];
    return sum;
}
