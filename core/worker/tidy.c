#include "worker/tidy.h"

#include "base/mem.h"
#include "lua/heap.h"
#include "lua/task.h"

enum {
    LOOK_MS = 2000,
    RUSH = 256,     // fewer tasks at once leave little behind
    SLICE_MS = 1,   // between slices of a collection requests get their turn
    SLICE_KB = 256, // well below a millisecond
    GC_CYCLES = 3,  // the one under way, one that finds all garbage, one for what had finalizers
};

static void on_look(void *owner);

static void look_later(struct tidy *tidy)
{
    tidy->timer.on_due = on_look;
    timer_start(tidy->base->timers, &tidy->timer, LOOK_MS);
}

static void note_heap(struct tidy *tidy)
{
    size_t held = (size_t)lua_gc(tidy->base->vm->L, LUA_GCCOUNT, 0) * 1024;
    if (held > tidy->heap_peak)
        tidy->heap_peak = held;
}

static bool is_quiet(const struct tidy *tidy)
{
    return tidy->base->vm->task_count == 0 && !tidy->was_used;
}

// Giving back stops other workers that allocate meanwhile: only at the end of a rush, or when
// nobody is there to notice.
static void give_back(const struct tidy *tidy)
{
    heap_release(tidy->base->vm->L, tidy->heap_peak);
    if (tidy->peak >= RUSH || metric_value(tidy->in_flight) <= 0)
        mem_give_back();
}

static void collect(void *owner)
{
    struct tidy *tidy = owner;
    struct vm *vm = tidy->base->vm;

    if (lua_gc(vm->L, LUA_GCSTEP, SLICE_KB))
        tidy->cycles_left--;
    if (tidy->cycles_left) {
        timer_start(tidy->base->timers, &tidy->timer, SLICE_MS);
        return;
    }
    give_back(tidy);
    tidy->peak = vm->task_count;
    tidy->is_tidied = is_quiet(tidy);
    // The last pooled connection leaves another piece behind.
    if (!tidy->is_tidied || upstream_pool_idle(tidy->base->upstreams))
        look_later(tidy);
}

static void on_look(void *owner)
{
    struct tidy *tidy = owner;
    struct vm *vm = tidy->base->vm;
    bool is_over = tidy->peak >= RUSH && vm->task_count <= tidy->peak / 2;
    bool is_waiting = tidy->is_tidied && upstream_pool_idle(tidy->base->upstreams);
    bool is_due = is_over || (is_quiet(tidy) && !is_waiting);

    note_heap(tidy);
    tidy->was_used = false;
    if (!is_due) {
        look_later(tidy);
        return;
    }
    task_free_idle(vm);
    tidy->cycles_left = GC_CYCLES;
    tidy->timer.on_due = collect;
    collect(tidy);
}

void tidy_init(struct tidy *tidy, struct worker_base *base, const struct metric_series *in_flight)
{
    *tidy = (struct tidy){.base = base, .in_flight = in_flight};
    tidy->timer.owner = tidy;
}

void tidy_note(struct tidy *tidy)
{
    size_t load = tidy->base->vm->task_count + 1;

    if (load > tidy->peak)
        tidy->peak = load;
    tidy->was_used = true;
    tidy->is_tidied = false;
    if (!timer_is_running(&tidy->timer))
        look_later(tidy);
}

void tidy_stop(struct tidy *tidy)
{
    timer_stop(tidy->base->timers, &tidy->timer);
}
