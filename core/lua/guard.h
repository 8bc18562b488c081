// Limits of user code in one Lua state: CPU time of a slice and of a whole request, memory, depth.
// Made when the first function of a script is called, so that gateways without scripts do not pay.
//
// A slice is from the moment that user code begins to run until it ends or waits. Only task.c
// begins slices, around lua_resume(). Calls inside a slice (core.run within what a script called)
// belong to it: its CPU time and memory are one. When a limit is passed a hook raises at every
// instruction until the innermost resume has returned, so no pcall holds it up.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "lua/memory.h"

struct budget;
struct guard;
struct task;
struct vm;

enum guard_limit {
    GUARD_NONE,
    GUARD_CPU,
    GUARD_CPU_TOTAL,
    GUARD_SLICE_MEMORY,
    GUARD_MEMORY,
    GUARD_STACK,
    GUARD_LIMITS,
};

// With the limits of vm->config->scripts. For the calling thread, which alone runs this state.
struct guard *guard_new(struct vm *vm);

// Before lua_close().
void guard_free(struct guard *guard);

// Collects nothing more as time goes by. Before the timers of the state are closed.
void guard_stop(struct guard *guard);

// The configuration of the state has changed.
void guard_reload(struct guard *guard);

// Kept by whoever resumes, on the C stack, from enter to leave.
struct guard_slice {
    struct watched *outer;
    struct budget *budget, *outer_budget;
    uint64_t started_ns;
    size_t started_used;
    bool was_limited;
};

// Around each lua_resume() of a script's task. `place` ("scripts/policies/x.lua:3", where the
// function begins) is borrowed until leave. A `limit` other than GUARD_NONE stops it at its first
// instruction.
struct guard_place {
    const char *source; // as lua_Debug has it
    int line;
};
void guard_enter(struct guard *guard, struct guard_slice *slice, struct budget *budget,
                 const struct guard_place *place, enum guard_limit limit);

// Returns the limit that ended it, GUARD_NONE for none. `rc` is what lua_resume() returned.
enum guard_limit guard_leave(struct guard *guard, struct guard_slice *slice, int rc);

// Where the last script was stopped, "scripts/policies/x.lua:3: "; "" when it was not by a hook.
const char *guard_stopped_at(const struct guard *guard);

// Writes "script exceeded its CPU slice of 50 ms (scripts.cpu)" for a limit but GUARD_NONE.
enum { GUARD_TEXT = 128 };
void guard_describe(const struct guard *guard, enum guard_limit limit, char *out);

// "cpu", "cpu_total", "memory", "stack": the `limit` of an error; NULL for GUARD_NONE.
const char *guard_limit_name(enum guard_limit limit);

// Trusted C code that must not be refused memory in its midst, within a slice or outside: returns
// what guard_resume() gets at its end. Nothing in between may raise.
bool guard_pause(struct guard *guard);
void guard_resume(struct guard *guard, bool was_limited);

// True while new requests should wait for memory.
bool guard_is_over_memory(const struct guard *guard);

// True when user code may call back once more; false: its C functions nest too deep.
bool guard_has_stack(const struct guard *guard);
