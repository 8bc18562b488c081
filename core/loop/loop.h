// One libuv loop and what everything on it shares. A loop and all that hangs on it belong to one
// thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "loop/outbox.h"

struct loop {
    uv_loop_t uv;
    uv_prepare_t turn_end; // the loop's own: unreferenced, closed by loop_free()
    uv_idle_t turn_start;  // likewise; runs while somebody waits for a turn
    struct list turn_waits;
    struct outbox outbox;
    uint64_t turns;                            // ended so far
    uint64_t woke_ns;                          // when this turn's first callback ran; 0: none has
    void (*on_turn)(void *owner, uint64_t ns); // of pace.h; NULL: nobody asks
    void *on_turn_owner;
    // Bytes read from any socket of this loop, parsed in place: valid until the read callback
    // returns.
    char read_buf[LIMIT_READ_BUFFER];
};

// Heap, because of its size. Never fails: a kernel without epoll aborts.
struct loop *loop_new(void);

// Frees a loop whose handles are all closed. Returns 0, or the number of handles still open (they
// are named on stderr and the loop is leaked): the caller treats that as a bug.
int loop_free(struct loop *loop);

// Milliseconds, cached at the start of the loop's turn.
uint64_t loop_now_ms(const struct loop *loop);

// The first thing that a callback of a socket does; loop_lend_buf() does it for readers. The clock
// is read once in a turn.
static inline void loop_woke(struct loop *loop)
{
    if (loop->woke_ns == 0)
        loop->woke_ns = clock_monotonic_ns();
}

// Long work gives way: waits until everything else that is ready has had its turn. Embedded in its
// owner; zeroed means that it does not wait.
struct turn_wait {
    struct list node;
    void (*on_turn)(void *owner);
    void *owner;
};

// Calls `on_turn` once, in the next turn of the loop.
void loop_wait_turn(struct loop *loop, struct turn_wait *wait);

// Harmless on one that does not wait.
void loop_stop_wait(struct turn_wait *wait);

// uv_alloc_cb that lends `read_buf`. Needs handle->loop->data to be the struct loop (loop_new sets
// it).
void loop_lend_buf(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
