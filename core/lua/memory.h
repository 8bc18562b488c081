// The memory of a Lua state: a counting layer over its own allocator, which refuses user code what
// passes a limit, and the collection of what was left behind. Trusted code is never refused.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

struct memory;
struct timers;

struct memory_limits {
    size_t heap;  // bytes of the whole state
    size_t slice; // by how much one slice may let it grow
};

enum memory_reason {
    MEMORY_HEAP,
    MEMORY_SLICE,
    MEMORY_STACK, // of C: functions that call back nest too deep
};

struct memory_handler {
    // In the middle of an allocation of user code that passes a limit. It may be granted all the
    // same (up to a margin): whoever hears this must see to it that the slice ends.
    void (*on_excess)(void *owner, enum memory_reason reason);
    // The heap is over its soft limit, and it is not garbage: lets the task go that holds most.
    // Outside any slice. Returns false when there is none.
    bool (*drop_largest)(void *owner);
    void *owner;
};

// Puts itself between the state and its allocator. Everything is borrowed.
struct memory *memory_new(lua_State *L, struct timers *timers, const struct memory_limits *limits,
                          const struct memory_handler *handler);

// Collects nothing more. Before the timers are closed.
void memory_stop(struct memory *memory);

// Takes itself out again. Stopped, before lua_close().
void memory_free(struct memory *memory);

void memory_set_limits(struct memory *memory, const struct memory_limits *limits);

// A slice lies between these. `stack` is an address on the C stack now: what is called may take
// LIMIT_SCRIPT_STACK bytes from there.
void memory_begin(struct memory *memory, const void *stack);
void memory_end(struct memory *memory);

// Within a slice: trusted C code that must not fail in its midst refuses nothing; user code that it
// calls is limited again. Returns how it was, for the next call.
bool memory_limit(struct memory *memory, bool is_limited);

// Raises "not enough memory" in `L`, in a hook for one: the only error that runs no handler of an
// xpcall, which would be beyond the reach of hooks. Does not return.
void memory_raise(struct memory *memory, lua_State *L);

// Bytes that the state holds.
size_t memory_used(const struct memory *memory);

// Starts collecting, a piece per turn of the loop: a slice ended for its memory.
void memory_collect(struct memory *memory);

// True while the heap, after a full collection, is still over its soft limit: take nothing new on.
bool memory_is_over(const struct memory *memory);

// True when the C stack has room for what nests by itself in a slice. For C functions that call
// back into Lua.
bool memory_has_stack(const struct memory *memory);
