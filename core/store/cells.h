// A table of cells by their keys that also knows which was used last. A cell is embedded in its
// owner's struct; nothing here takes a lock.
#pragma once

#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"

struct cell {
    struct cell *next;  // of its chain
    struct list recent; // place in cells->recent
    uint64_t hash;
    struct slice key; // borrowed from the owner, who keeps it as long as the cell is in the table
};

struct cells {
    struct cell **heads; // owned
    size_t head_count, count;
    struct list recent; // the one used last in front
};

void cells_init(struct cells *cells);

// The cells themselves are the owner's to free.
void cells_deinit(struct cells *cells);

// NULL when there is none.
struct cell *cells_find(const struct cells *cells, uint64_t hash, struct slice key);

// Adds a cell, hash and key filled, as the one used last. There is none with this key yet.
void cells_add(struct cells *cells, struct cell *cell);

void cells_remove(struct cells *cells, struct cell *cell);

// Makes it the one used last.
void cells_use(struct cells *cells, struct cell *cell);

// The one not used for the longest time; NULL when there is none.
struct cell *cells_oldest(const struct cells *cells);
