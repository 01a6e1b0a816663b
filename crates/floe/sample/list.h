/* A list of numbers that grows. */
#ifndef LIST_H
#define LIST_H

#include <stddef.h>

struct list {
    long *items;
    size_t length, room;
};

int list_push(struct list *list, long item);
void list_free(struct list *list);
void list_sort(struct list *list);
long list_sum(const struct list *list);

#endif
