#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *or_die(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void *mem_alloc(size_t size)
{
    return or_die(calloc(1, size));
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
