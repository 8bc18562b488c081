#include "lua/memory.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "loop/timers.h"

enum {
    LARGE_BLOCK = 1 << 20,  // refused at once: what asks for it can do without
    MARGIN = 16 << 20,      // granted above a limit in smaller blocks, until the script has ended
    ALWAYS = 1 << 20,       // a slice may always have so much: others filled the heap
    SOFT_PERCENT = 70,      // of the heap's limit
    PIECE_NS = 1000 * 1000, // of a collection, between which requests get their turn
    PIECE_KB = 64,          // between looks at the clock
    GC_CYCLES = 2,          // the one under way, and one that finds all garbage
    PAUSE_MS = 1000,        // between collections while the heap stays over its soft limit
};

struct memory {
    lua_State *L;
    struct timers *timers;
    struct memory_limits limits;
    struct memory_handler handler;
    lua_Alloc alloc; // the state's own
    void *ud;
    size_t used;
    size_t ceiling;        // above it user code is refused; SIZE_MAX: trusted code runs
    uintptr_t stack_floor; // below it C stack is refused; 0: trusted code runs
    struct {
        size_t ceiling;
        uintptr_t stack_floor;
        enum memory_reason reason; // for the ceiling
    } slice;
    struct timer timer;
    bool is_collecting, is_over, is_stopped;
    bool is_raising; // the next allocation fails
    int cycles_left;
};

// ---- the allocator ----------------------------------------------------------------------------

static bool is_stack_low(const struct memory *memory)
{
    return (uintptr_t)__builtin_frame_address(0) < memory->stack_floor;
}

// Lua does not collect in an emergency: NULL is an error in the script, though most may be garbage.
static bool may_exceed(struct memory *memory, size_t growth, size_t size)
{
    if (memory->is_raising) {
        memory->is_raising = false;
        memory_limit(memory, true);
        lua_gc(memory->L, LUA_GCRESTART, 0);
        return false;
    }
    if (is_stack_low(memory)) {
        memory->handler.on_excess(memory->handler.owner, MEMORY_STACK);
        return false;
    }
    memory->handler.on_excess(memory->handler.owner, memory->slice.reason);
    return size < LARGE_BLOCK && memory->used + growth <= memory->ceiling + MARGIN;
}

static void *allocate(void *owner, void *block, size_t old_size, size_t size)
{
    struct memory *memory = owner;

    if (size > old_size &&
        (memory->used + (size - old_size) > memory->ceiling || is_stack_low(memory)) &&
        !may_exceed(memory, size - old_size, size))
        return NULL;
    void *result = memory->alloc(memory->ud, block, old_size, size);
    if (result || size == 0)
        memory->used += size - old_size;
    return result;
}

void memory_begin(struct memory *memory, const void *stack)
{
    size_t slice = memory->used + memory->limits.slice;
    size_t heap = memory->limits.heap;

    if (heap < memory->used + ALWAYS)
        heap = memory->used + ALWAYS;
    memory->slice.reason = heap < slice ? MEMORY_HEAP : MEMORY_SLICE;
    memory->slice.ceiling = heap < slice ? heap : slice;
    memory->slice.stack_floor = (uintptr_t)stack - LIMIT_SCRIPT_STACK;
    memory_limit(memory, true);
}

bool memory_limit(struct memory *memory, bool is_limited)
{
    bool was_limited = memory->stack_floor != 0;
    memory->ceiling = is_limited ? memory->slice.ceiling : SIZE_MAX;
    memory->stack_floor = is_limited ? memory->slice.stack_floor : 0;
    return was_limited;
}

static size_t soft_limit(const struct memory *memory)
{
    return memory->limits.heap / 100 * SOFT_PERCENT;
}

void memory_end(struct memory *memory)
{
    memory_limit(memory, false);
    if (memory->used > soft_limit(memory) && !timer_is_running(&memory->timer))
        memory_collect(memory);
}

void memory_raise(struct memory *memory, lua_State *L)
{
    lua_gc(L, LUA_GCSTOP, 0); // what it allocates must not be what is refused
    memory->is_raising = true;
    memory->ceiling = 0;
    lua_newuserdata(L, 1);
}

size_t memory_used(const struct memory *memory)
{
    return memory->used;
}

bool memory_is_over(const struct memory *memory)
{
    return memory->is_over;
}

bool memory_has_stack(const struct memory *memory)
{
    return !is_stack_low(memory);
}

// ---- collecting -------------------------------------------------------------------------------

// Returns true when a whole cycle has ended.
static bool collect_a_piece(lua_State *L)
{
    uint64_t until_ns = clock_monotonic_ns() + PIECE_NS;

    while (clock_monotonic_ns() < until_ns) {
        if (lua_gc(L, LUA_GCSTEP, PIECE_KB))
            return true;
    }
    return false;
}

static void on_collect(void *owner)
{
    struct memory *memory = owner;

    if (collect_a_piece(memory->L))
        memory->cycles_left--;
    if (memory->cycles_left) {
        timer_start(memory->timers, &memory->timer, 1);
        return;
    }
    memory->is_collecting = false;
    memory->is_over = memory->used > soft_limit(memory);
    if (!memory->is_over)
        return;
    bool is_dropped = memory->handler.drop_largest(memory->handler.owner);
    memory->is_collecting = true;
    memory->cycles_left = GC_CYCLES;
    timer_start(memory->timers, &memory->timer, is_dropped ? 1 : PAUSE_MS);
}

void memory_collect(struct memory *memory)
{
    memory->cycles_left = GC_CYCLES;
    if (memory->is_collecting || memory->is_stopped)
        return;
    memory->is_collecting = true;
    timer_start(memory->timers, &memory->timer, 0);
}

// ---- life -------------------------------------------------------------------------------------

struct memory *memory_new(lua_State *L, struct timers *timers, const struct memory_limits *limits,
                          const struct memory_handler *handler)
{
    struct memory *memory = mem_alloc(sizeof(*memory));

    memory->L = L;
    memory->timers = timers;
    memory->limits = *limits;
    memory->handler = *handler;
    memory->ceiling = SIZE_MAX;
    memory->timer = (struct timer){.on_due = on_collect, .owner = memory};
    memory->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
    memory->alloc = lua_getallocf(L, &memory->ud);
    lua_setallocf(L, allocate, memory);
    return memory;
}

void memory_stop(struct memory *memory)
{
    timer_stop(memory->timers, &memory->timer);
    memory->is_stopped = true;
}

void memory_free(struct memory *memory)
{
    lua_setallocf(memory->L, memory->alloc, memory->ud);
    free(memory);
}

void memory_set_limits(struct memory *memory, const struct memory_limits *limits)
{
    memory->limits = *limits;
}
