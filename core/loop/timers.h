// Deadlines of one loop: embedded timers in a heap, driven by a single libuv timer. Starting and
// stopping one is cheap, and there is no close callback to wait for.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

struct timers;

// Embedded in its owner, who stops it before going away. Zeroed means stopped.
struct timer {
    uint64_t due_ms; // of loop_now_ms()
    size_t slot;     // place in the heap, from 1; 0: stopped
    void (*on_due)(void *owner);
    void *owner;
};

struct timers *timers_new(struct loop *loop);

// Closes the libuv timer; the memory goes in its close callback, as the loop turns.
void timers_close(struct timers *timers);

// (Re)starts `timer` to run its callback once, in `delay_ms` from the loop's cached now.
void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms);

// Harmless on a stopped timer.
void timer_stop(struct timers *timers, struct timer *timer);

bool timer_is_running(const struct timer *timer);

// loop_now_ms() of the loop that these timers belong to, or the virtual time.
uint64_t timers_now_ms(const struct timers *timers);

// Wall clock, in microseconds since 1970; of virtual timers: TIMERS_VIRTUAL_START and what has
// passed since.
uint64_t timers_wall_us(const struct timers *timers);

// ---- virtual time, for tests of scripts --------------------------------------------------------
// Nothing waits: time stands still but for timers_step().

#define TIMERS_VIRTUAL_START 1767225600000000u // 2026-01-01T00:00:00Z

// Before any timer has been started.
void timers_set_virtual(struct timers *timers);

// Moves the time to the next deadline and runs all that is due then. False, and no move, when there
// is no deadline up to `until_ms`.
bool timers_step(struct timers *timers, uint64_t until_ms);
