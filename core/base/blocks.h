// A few blocks of one size, kept for the next that needs one: glibc's per-thread cache ends at
// 1 KB, and beyond it a block costs ten times as much. For one thread.
#pragma once

#include <stddef.h>

enum {
    BLOCK_SIZE = 4096,
    BLOCKS_KEPT = 64,
};

struct blocks {
    void *first; // each block begins with the address of the next
    size_t count;
};

// BLOCK_SIZE bytes, not zeroed.
void *blocks_take(struct blocks *blocks);

// Back from its owner; freed when enough are kept.
void blocks_give(struct blocks *blocks, void *block);

// Frees what is kept.
void blocks_deinit(struct blocks *blocks);
