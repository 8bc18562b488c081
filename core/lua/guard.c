#include "lua/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lua/budget.h"
#include "lua/task.h"
#include "lua/vm.h"
#include "lua/watchdog.h"

#define TRUSTED_SOURCE "@scripts/tide/"

enum { NS_PER_MS = 1000000 };

// The fields that the signal handler writes are volatile: it interrupts the thread that reads them.
struct guard {
    struct vm *vm;
    struct watched watched;
    struct memory *memory;
    uint32_t cpu_ms, cpu_total_ms;
    struct memory_limits limits;
    volatile enum guard_limit limit; // what the hook is armed for
    volatile bool is_armed;
    volatile bool is_busy;  // the hook is being set just now: the handler keeps away
    volatile bool is_final; // all that is in the slice is stopped
    bool has_stopped;       // the hook has raised
    bool is_refused;        // memory was refused
    struct budget *budget;  // of the slice that runs; NULL: none
    const struct guard_place *place;
    char stopped_at[LUA_IDSIZE + 16];
};

// ---- stopping ---------------------------------------------------------------------------------

static bool is_trusted(const lua_Debug *frame)
{
    return strncmp(frame->source, TRUSTED_SOURCE, sizeof(TRUSTED_SOURCE) - 1) == 0;
}

// Where the script is: not in a function without lines that it called, nor in the gateway's own.
static void note_line(struct guard *guard, lua_State *L)
{
    lua_Debug frame;

    guard->stopped_at[0] = '\0';
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline > 0 && !is_trusted(&frame)) {
            snprintf(guard->stopped_at, sizeof(guard->stopped_at), "%s:%d: ", frame.short_src,
                     frame.currentline);
            return;
        }
    }
}

// The gateway's own Lua that a script has called ends what it is about, unless it takes long.
static void on_hook(lua_State *L, lua_Debug *frame)
{
    struct watched *watched = watchdog_current();
    struct guard *guard = watched ? watched->owner : NULL;

    if (!guard || !guard->is_armed)
        return;
    lua_getinfo(L, "Sl", frame);
    if (is_trusted(frame) && !guard->is_final)
        return;
    if (!guard->has_stopped)
        note_line(guard, L);
    guard->has_stopped = true;
    memory_raise(guard->memory, L);
}

static void arm(struct guard *guard, enum guard_limit limit)
{
    if (!guard->is_armed)
        guard->limit = limit;
    guard->is_armed = true;
    lua_sethook(guard->vm->L, on_hook, LUA_MASKCOUNT, 1);
}

// From the thread itself rather than from the handler, which could interrupt this half way.
static void arm_here(struct guard *guard, enum guard_limit limit)
{
    guard->is_busy = true;
    arm(guard, limit);
    guard->is_busy = false;
}

static void disarm(struct guard *guard)
{
    guard->is_busy = true;
    lua_sethook(guard->vm->L, NULL, 0, 0);
    guard->is_armed = guard->is_final = false;
    guard->limit = GUARD_NONE;
    guard->is_busy = false;
}

// No snprintf(): this is a signal handler.
static void tell_place(struct guard *guard)
{
    const char *source = guard->place->source;
    char digits[12], *out = guard->watched.told;
    int count = 0;

    if (atomic_load(&guard->watched.has_told))
        return;
    source += *source == '@' || *source == '=';
    size_t len = strnlen(source, sizeof(guard->watched.told) - sizeof(digits) - 1);
    memcpy(out, source, len);
    for (unsigned line = (unsigned)guard->place->line; line || !count; line /= 10)
        digits[count++] = (char)('0' + line % 10);
    out[len++] = ':';
    while (count)
        out[len++] = digits[--count];
    out[len] = '\0';
    atomic_store(&guard->watched.has_told, true);
}

// A signal handler. When it must keep away it does nothing: the watchdog asks again in a moment.
static void on_order(void *owner, enum watchdog_order order)
{
    struct guard *guard = owner;

    if (order == WATCHDOG_TELL) {
        tell_place(guard);
        return;
    }
    if (guard->is_busy)
        return;
    if (order == WATCHDOG_STOP_ALL)
        guard->is_final = true;
    arm(guard, GUARD_CPU);
}

static void on_excess(void *owner, enum memory_reason reason)
{
    static const enum guard_limit limits[] = {
        [MEMORY_HEAP] = GUARD_MEMORY,
        [MEMORY_SLICE] = GUARD_SLICE_MEMORY,
        [MEMORY_STACK] = GUARD_STACK,
    };
    struct guard *guard = owner;

    if (!guard->is_refused) // Lua forgets at which line it ran out of memory
        note_line(guard, guard->vm->running->co);
    guard->is_refused = true;
    if (reason == MEMORY_STACK && !guard->limit)
        guard->limit = GUARD_STACK; // an ordinary error, which may be caught
    else if (!guard->is_armed)
        arm_here(guard, limits[reason]);
}

// ---- slices -----------------------------------------------------------------------------------

void guard_enter(struct guard *guard, struct guard_slice *slice, struct budget *budget,
                 const struct guard_place *place, enum guard_limit limit)
{
    slice->budget = budget;
    slice->outer_budget = guard->budget;
    guard->budget = budget;
    slice->started_ns = clock_monotonic_ns();
    slice->started_used = memory_used(guard->memory);
    slice->outer = watchdog_current();
    if (slice->outer != &guard->watched) {
        memory_begin(guard->memory, slice);
        guard->place = place;
        watchdog_begin(&guard->watched);
    } else {
        slice->was_limited = memory_limit(guard->memory, true);
    }
    if (!guard->is_armed) {
        guard->is_refused = false; // by what was called before, which went on
        guard->limit = GUARD_NONE;
    }
    if (limit)
        arm_here(guard, limit);
    else if (budget_cpu_ns(budget) >= (uint64_t)guard->cpu_total_ms * NS_PER_MS)
        arm_here(guard, GUARD_CPU_TOTAL);
}

static enum guard_limit outcome(const struct guard *guard, int rc)
{
    bool has_failed = rc != 0 && rc != LUA_YIELD;
    bool is_over = guard->has_stopped || (has_failed && guard->is_refused);
    return is_over ? guard->limit : GUARD_NONE;
}

// The clock goes on while the thread stands still; no slice has used more than its limit, though.
static uint64_t used_ns(const struct guard *guard, const struct guard_slice *slice)
{
    uint64_t most = (uint64_t)(guard->cpu_ms + WATCHDOG_GRACE_MS) * NS_PER_MS;
    uint64_t used = clock_monotonic_ns() - slice->started_ns;
    return used < most ? used : most;
}

// What runs within a slice of the same request is part of it already.
static void charge(struct guard *guard, const struct guard_slice *slice)
{
    int64_t growth = (int64_t)memory_used(guard->memory) - (int64_t)slice->started_used;

    guard->budget = slice->outer_budget;
    if (slice->budget == slice->outer_budget)
        return;
    budget_add_cpu(slice->budget, used_ns(guard, slice));
    budget_add_growth(slice->budget, growth);
}

enum guard_limit guard_leave(struct guard *guard, struct guard_slice *slice, int rc)
{
    bool is_outermost = slice->outer != &guard->watched;

    if (is_outermost)
        watchdog_end(&guard->watched, slice->outer);
    enum guard_limit limit = outcome(guard, rc);
    if (!limit)
        guard->stopped_at[0] = '\0';
    if (guard->is_armed && (is_outermost || !guard->is_final))
        disarm(guard);
    if (!guard->is_armed) {
        guard->has_stopped = guard->is_refused = false;
        guard->limit = GUARD_NONE;
    }
    charge(guard, slice);
    if (is_outermost)
        memory_end(guard->memory);
    else
        memory_limit(guard->memory, slice->was_limited);
    if (limit == GUARD_MEMORY || limit == GUARD_SLICE_MEMORY)
        memory_collect(guard->memory);
    return limit;
}

const char *guard_stopped_at(const struct guard *guard)
{
    return guard->stopped_at;
}

bool guard_pause(struct guard *guard)
{
    return memory_limit(guard->memory, false);
}

void guard_resume(struct guard *guard, bool was_limited)
{
    memory_limit(guard->memory, was_limited);
}

bool guard_is_over_memory(const struct guard *guard)
{
    return memory_is_over(guard->memory);
}

bool guard_has_stack(const struct guard *guard)
{
    return memory_has_stack(guard->memory);
}

// ---- words ------------------------------------------------------------------------------------

static const char *time_text(uint32_t ms, char *out, size_t size)
{
    bool is_whole = ms % 1000 == 0;
    snprintf(out, size, "%u %s", is_whole ? ms / 1000 : ms, is_whole ? "s" : "ms");
    return out;
}

static const char *size_text(size_t bytes, char *out, size_t size)
{
    bool is_large = bytes >= 1 << 20;
    snprintf(out, size, "%zu %s", is_large ? bytes >> 20 : bytes >> 10, is_large ? "MB" : "KB");
    return out;
}

void guard_describe(const struct guard *guard, enum guard_limit limit, char *out)
{
    char amount[24];
    const size_t size = sizeof(amount);

    switch (limit) {
    case GUARD_CPU:
        snprintf(out, GUARD_TEXT, "script exceeded its CPU slice of %s (scripts.cpu)",
                 time_text(guard->cpu_ms, amount, size));
        break;
    case GUARD_CPU_TOTAL:
        snprintf(out, GUARD_TEXT,
                 "script exceeded its CPU time of %s per request (scripts.cpu_total)",
                 time_text(guard->cpu_total_ms, amount, size));
        break;
    case GUARD_SLICE_MEMORY:
        snprintf(out, GUARD_TEXT, "script exceeded its memory: %s at once (scripts.slice_memory)",
                 size_text(guard->limits.slice, amount, size));
        break;
    case GUARD_MEMORY:
        snprintf(out, GUARD_TEXT,
                 "script exceeded its memory: the scripts of a worker may hold %s (scripts.memory)",
                 size_text(guard->limits.heap, amount, size));
        break;
    default:
        snprintf(out, GUARD_TEXT, "script exceeded its stack: its functions nest too deep");
    }
}

const char *guard_limit_name(enum guard_limit limit)
{
    static const char *const names[GUARD_LIMITS] = {
        [GUARD_CPU] = "cpu",       [GUARD_CPU_TOTAL] = "cpu_total", [GUARD_SLICE_MEMORY] = "memory",
        [GUARD_MEMORY] = "memory", [GUARD_STACK] = "stack",
    };
    return names[limit];
}

// ---- life -------------------------------------------------------------------------------------

static bool drop_largest(void *owner)
{
    struct guard *guard = owner;
    return task_drop_largest(guard->vm);
}

static void read_limits(struct guard *guard)
{
    const struct config_scripts *scripts = &guard->vm->config->scripts;
    guard->cpu_ms = scripts->cpu_ms;
    guard->cpu_total_ms = scripts->cpu_total_ms;
    guard->limits = (struct memory_limits){.heap = scripts->memory, .slice = scripts->slice_memory};
    atomic_store(&guard->watched.cpu_ms, guard->cpu_ms);
}

struct guard *guard_new(struct vm *vm)
{
    struct guard *guard = mem_alloc(sizeof(*guard));
    struct memory_handler handler = {
        .on_excess = on_excess, .drop_largest = drop_largest, .owner = guard};

    guard->vm = vm;
    guard->watched.on_order = on_order;
    guard->watched.owner = guard;
    guard->watched.log = vm->env.log;
    read_limits(guard);
    guard->memory = memory_new(vm->L, vm->env.timers, &guard->limits, &handler);
    watchdog_add(&guard->watched);
    return guard;
}

void guard_free(struct guard *guard)
{
    watchdog_remove(&guard->watched);
    memory_free(guard->memory);
    free(guard);
}

void guard_stop(struct guard *guard)
{
    memory_stop(guard->memory);
}

void guard_reload(struct guard *guard)
{
    read_limits(guard);
    memory_set_limits(guard->memory, &guard->limits);
}
