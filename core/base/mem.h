// Allocation that never returns NULL: running out of memory aborts the process.
#pragma once

#include <stddef.h>

// Zeroed memory, owned by the caller, released with free().
void *mem_alloc(size_t size);

void *mem_realloc(void *memory, size_t size);

// A NUL-terminated copy of `len` bytes, owned by the caller, released with free().
char *mem_dup(const char *bytes, size_t len);

// Gives free memory back to the system. May take milliseconds: for calm moments.
void mem_give_back(void);
