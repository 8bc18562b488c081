// One outgoing exchange of a script (tide.http): sends it, keeps what comes until the script takes
// it, and reads no further meanwhile. What scripts see of it is in fetch_class.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/headers.h"
#include "http/inflate.h"
#include "http/upstream.h"
#include "loop/loop.h"
#include "loop/timers.h"
#include "lua/fetch_split.h"
#include "lua/task.h"

struct vm;

enum {
    FETCH_BATCH_ITEMS = 16, // events or lines per resume of the script, then the others' turn
    FETCH_BATCH_BYTES = 64 * 1024,
};

enum fetch_want {
    FETCH_NOTHING,
    FETCH_HEAD,
    FETCH_BYTES, // some, or the end; later than at once, so that one stream leaves turns to others
    FETCH_END,
};

// Owned by the Lua value that stands for it, and by the exchange: freed when both are done.
struct fetch {
    struct vm *vm;
    struct upstream *upstream; // NULL: not started, or ended
    struct upstream_request request;
    struct slice body;      // of the request; borrowed from a string that the Lua value anchors
    struct buf path, lines; // of the request
    uint32_t head_ms, idle_ms, total_ms; // 0: none
    size_t max_body;                     // decoded bytes; 0: any number of them
    bool is_stream;                      // hands the body over as it comes

    struct task_resource resource; // of the task that made it
    struct task *waiter;           // or NULL
    enum fetch_want want;
    struct turn_wait soon; // wakes the waiter in the loop's next turn
    struct timer timer;    // one for all deadlines, which is not touched for each byte
    uint64_t started_ms, heard_ms;

    int status; // 0: no head yet
    struct headers headers;
    struct inflate *inflate; // NULL: the body comes as it is
    struct buf bytes;        // of the body, those before `taken` handed over already
    size_t taken, received;
    struct fetch_split split; // into events or lines, when the script asked for them
    struct error error;       // kind ERROR_NONE: nothing went wrong so far
    bool is_paused, is_ended, is_released, was_resent;
};

// A fetch to fill in. Never NULL.
struct fetch *fetch_new(struct vm *vm);

// Sends the request: origin (a reference, taken), path, lines, body and the limits are set.
void fetch_start(struct fetch *fetch, struct task *task);

// For a C function that waits: ends when `want` is there. One task at a time.
int fetch_await(lua_State *L, struct fetch *fetch, enum fetch_want want);

// Up to `most` bytes of the body, borrowed until the next call about it; empty when there are none.
struct slice fetch_take(struct fetch *fetch, size_t most);

// Ends it with that error, unless it has ended; the connection is closed at once.
void fetch_fail(struct fetch *fetch, enum error_kind kind, const char *message);

// Ends it now; the connection is closed at once. Harmless on one that has ended.
void fetch_cancel(struct fetch *fetch);

// The Lua value is gone: cancels and frees, at once or when the exchange has ended.
void fetch_release(struct fetch *fetch);
