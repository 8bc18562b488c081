// Intrusive doubly linked list: the node is embedded in its owner, nothing is allocated.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev; // a head or an unlinked node points at itself
};

#define LIST_ITEM(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *node)
{
    node->next = node->prev = node;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_add_front(struct list *head, struct list *node)
{
    node->next = head->next;
    node->prev = head;
    head->next->prev = node;
    head->next = node;
}

static inline void list_add_back(struct list *head, struct list *node)
{
    list_add_front(head->prev, node);
}

// Unlinks; harmless on an unlinked node.
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
