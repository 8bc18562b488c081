#include "base/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void *blocks_take(struct blocks *blocks)
{
    void *block = blocks->first;
    if (!block)
        return mem_realloc(NULL, BLOCK_SIZE);
    memcpy(&blocks->first, block, sizeof(void *));
    blocks->count--;
    return block;
}

void blocks_give(struct blocks *blocks, void *block)
{
    if (blocks->count == BLOCKS_KEPT) {
        free(block);
        return;
    }
    memcpy(block, &blocks->first, sizeof(void *));
    blocks->first = block;
    blocks->count++;
}

void blocks_deinit(struct blocks *blocks)
{
    while (blocks->first)
        free(blocks_take(blocks));
}
