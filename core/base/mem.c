#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#    include <malloc.h>
#endif

static void *or_die(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

// glibc's calloc() passes its per-thread cache by, which small blocks should use; large ones come
// from the kernel as zeroes anyway. The empty asm keeps the compiler from making a calloc() of it.
enum { CACHED_SIZE = 1024 };

void *mem_alloc(size_t size)
{
    if (size > CACHED_SIZE)
        return or_die(calloc(1, size));
    void *memory = or_die(malloc(size));
    __asm__ volatile("" : : "r"(memory) : "memory");
    return memset(memory, 0, size);
}

void *mem_realloc(void *memory, size_t size)
{
    return or_die(realloc(memory, size));
}

char *mem_dup(const char *bytes, size_t len)
{
    char *copy = or_die(malloc(len + 1));
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

enum { TRIMMING_SIZE = 256 * 1024 };

void mem_keep(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MEM_BLOCK_KEPT);
    mallopt(M_TRIM_THRESHOLD, MEM_KEPT);
#endif
}

// malloc_trim() leaves the top of every heap but the main thread's alone. That is cut when a large
// block is freed, down to the threshold.
void mem_give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
    mallopt(M_TRIM_THRESHOLD, 0);
    void *block = malloc(TRIMMING_SIZE);
    __asm__ volatile("" : : "r"(block) : "memory"); // else the two calls are left out
    free(block);
    mallopt(M_TRIM_THRESHOLD, MEM_KEPT);
#endif
}
