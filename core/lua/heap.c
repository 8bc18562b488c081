#include "lua/heap.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

// Large holes first: each one taken keeps its first page.
static const size_t hole_sizes[] = {1 << 20, 1 << 17, 1 << 14};

struct hole {
    struct hole *next;
    size_t size;
};

// Whole pages alone, and not the first bytes, which hold the list.
static void empty(struct hole *hole, uintptr_t page)
{
    uintptr_t begin = ((uintptr_t)(hole + 1) + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)hole + hole->size) & ~(page - 1);

    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void heap_release(lua_State *L, size_t limit_bytes)
{
    void *ud;
    lua_Alloc alloc = lua_getallocf(L, &ud);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct hole *holes = NULL;

    for (size_t i = 0; i < sizeof(hole_sizes) / sizeof(*hole_sizes); i++) {
        size_t size = hole_sizes[i];
        for (size_t taken = 0; taken < limit_bytes; taken += size) {
            struct hole *hole = alloc(ud, NULL, 0, size);
            if (!hole)
                break;
            *hole = (struct hole){holes, size};
            holes = hole;
            empty(hole, page);
        }
        limit_bytes /= 2;
    }
    while (holes) {
        struct hole *next = holes->next;
        alloc(ud, holes, holes->size, 0);
        holes = next;
    }
}
