#include "store/cells.h"

#include <stdlib.h>

#include "base/mem.h"

enum { FIRST_HEADS = 16 };

void cells_init(struct cells *cells)
{
    cells->head_count = FIRST_HEADS;
    cells->count = 0;
    cells->heads = mem_alloc(FIRST_HEADS * sizeof(struct cell *));
    list_init(&cells->recent);
}

void cells_deinit(struct cells *cells)
{
    free(cells->heads);
    cells->heads = NULL;
}

static struct cell **head_of(const struct cells *cells, uint64_t hash)
{
    return &cells->heads[hash & (cells->head_count - 1)];
}

struct cell *cells_find(const struct cells *cells, uint64_t hash, struct slice key)
{
    struct cell *cell = *head_of(cells, hash);
    while (cell && (cell->hash != hash || !slice_equal(cell->key, key)))
        cell = cell->next;
    return cell;
}

static void grow(struct cells *cells)
{
    struct cell **old = cells->heads;
    size_t old_count = cells->head_count;

    cells->head_count *= 2;
    cells->heads = mem_alloc(cells->head_count * sizeof(struct cell *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct cell *cell = old[i];
            struct cell **head = head_of(cells, cell->hash);
            old[i] = cell->next;
            cell->next = *head;
            *head = cell;
        }
    }
    free(old);
}

void cells_add(struct cells *cells, struct cell *cell)
{
    if (cells->count == cells->head_count)
        grow(cells);
    struct cell **head = head_of(cells, cell->hash);
    cell->next = *head;
    *head = cell;
    list_add_front(&cells->recent, &cell->recent);
    cells->count++;
}

void cells_remove(struct cells *cells, struct cell *cell)
{
    struct cell **link = head_of(cells, cell->hash);
    while (*link != cell)
        link = &(*link)->next;
    *link = cell->next;
    list_remove(&cell->recent);
    cells->count--;
}

void cells_use(struct cells *cells, struct cell *cell)
{
    if (cells->recent.next == &cell->recent)
        return;
    list_remove(&cell->recent);
    list_add_front(&cells->recent, &cell->recent);
}

struct cell *cells_oldest(const struct cells *cells)
{
    if (list_is_empty(&cells->recent))
        return NULL;
    return LIST_ITEM(cells->recent.prev, struct cell, recent);
}
