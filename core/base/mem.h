// Allocation that never returns NULL: running out of memory aborts the process.
#pragma once

#include <stddef.h>

// Zeroed memory, owned by the caller, released with free().
void *mem_alloc(size_t size);

void *mem_realloc(void *memory, size_t size);

// A NUL-terminated copy of `len` bytes, owned by the caller, released with free().
char *mem_dup(const char *bytes, size_t len);

// Keeps free memory of up to MEM_KEPT bytes, in blocks below MEM_BLOCK_KEPT, in the process until
// mem_give_back(): giving a large body's memory back at once, and getting it again for the next,
// costs a page fault for each page. Call before the first thread starts.
enum { MEM_KEPT = 32 * 1024 * 1024, MEM_BLOCK_KEPT = 4 * 1024 * 1024 };
void mem_keep(void);

// Gives free memory back to the system. May take milliseconds: for calm moments.
void mem_give_back(void);
