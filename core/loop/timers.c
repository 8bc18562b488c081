#include "loop/timers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct timers {
    uv_timer_t handle;
    struct loop *loop;
    struct timer **heap; // owned; slots 1..count, parent of i is i / 2
    size_t count, cap;
    uint64_t armed_ms; // when the handle fires; 0: not armed
    bool is_virtual;
    uint64_t virtual_ms; // since the clock became virtual
};

static void place(struct timers *timers, size_t slot, struct timer *timer)
{
    timers->heap[slot] = timer;
    timer->slot = slot;
}

static void sift_up(struct timers *timers, struct timer *timer, size_t slot)
{
    while (slot > 1 && timers->heap[slot / 2]->due_ms > timer->due_ms) {
        place(timers, slot, timers->heap[slot / 2]);
        slot /= 2;
    }
    place(timers, slot, timer);
}

static void sift_down(struct timers *timers, struct timer *timer, size_t slot)
{
    for (;;) {
        size_t child = slot * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timers->heap[child]->due_ms >= timer->due_ms)
            break;
        place(timers, slot, timers->heap[child]);
        slot = child;
    }
    place(timers, slot, timer);
}

static void remove_at(struct timers *timers, size_t slot)
{
    struct timer *gone = timers->heap[slot];
    struct timer *last = timers->heap[timers->count--];
    gone->slot = 0;
    if (last == gone)
        return;
    if (slot > 1 && timers->heap[slot / 2]->due_ms > last->due_ms)
        sift_up(timers, last, slot);
    else
        sift_down(timers, last, slot);
}

static void on_fire(uv_timer_t *handle);

// The handle is left armed too early rather than moved later: an early wake-up costs less than
// touching libuv's heap for each request.
static void arm(struct timers *timers)
{
    if (!timers->count || timers->is_virtual)
        return;
    uint64_t due = timers->heap[1]->due_ms;
    if (timers->armed_ms && timers->armed_ms <= due)
        return;
    uint64_t now = loop_now_ms(timers->loop);
    timers->armed_ms = due ? due : 1;
    uv_timer_start(&timers->handle, on_fire, due > now ? due - now : 0, 0);
}

static void run_due(struct timers *timers, uint64_t now)
{
    while (timers->count && timers->heap[1]->due_ms <= now) {
        struct timer *timer = timers->heap[1];
        remove_at(timers, 1);
        timer->on_due(timer->owner);
    }
}

static void on_fire(uv_timer_t *handle)
{
    struct timers *timers = handle->data;

    timers->armed_ms = 0;
    run_due(timers, loop_now_ms(timers->loop));
    arm(timers);
}

struct timers *timers_new(struct loop *loop)
{
    struct timers *timers = mem_alloc(sizeof(*timers));
    timers->loop = loop;
    timers->handle.data = timers;
    uv_timer_init(&loop->uv, &timers->handle);
    return timers;
}

static void on_closed(uv_handle_t *handle)
{
    struct timers *timers = handle->data;
    free(timers->heap);
    free(timers);
}

void timers_close(struct timers *timers)
{
    uv_close((uv_handle_t *)&timers->handle, on_closed);
}

void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms)
{
    timer_stop(timers, timer);
    timer->due_ms = timers_now_ms(timers) + delay_ms;
    if (timers->count + 2 > timers->cap) {
        timers->cap = timers->cap ? timers->cap * 2 : 64;
        timers->heap = mem_realloc(timers->heap, timers->cap * sizeof(struct timer *));
    }
    sift_up(timers, timer, ++timers->count);
    arm(timers);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (timer->slot)
        remove_at(timers, timer->slot);
}

bool timer_is_running(const struct timer *timer)
{
    return timer->slot != 0;
}

uint64_t timers_now_ms(const struct timers *timers)
{
    return timers->is_virtual ? timers->virtual_ms : loop_now_ms(timers->loop);
}

uint64_t timers_wall_us(const struct timers *timers)
{
    return timers->is_virtual ? TIMERS_VIRTUAL_START + timers->virtual_ms * 1000 : clock_wall_us();
}

void timers_set_virtual(struct timers *timers)
{
    timers->is_virtual = true;
}

bool timers_step(struct timers *timers, uint64_t until_ms)
{
    if (!timers->count || timers->heap[1]->due_ms > until_ms)
        return false;
    if (timers->heap[1]->due_ms > timers->virtual_ms)
        timers->virtual_ms = timers->heap[1]->due_ms;
    run_due(timers, timers->virtual_ms);
    return true;
}
