#include "loop/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Before the loop waits again: what was kept is sent, and whoever asked hears how long it all took.
static void on_turn_end(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    outbox_send_all(&loop->outbox);
    loop->turns++;
    if (!loop->on_turn || !loop->woke_ns)
        return;
    uint64_t ns = clock_monotonic_ns() - loop->woke_ns;
    loop->woke_ns = 0;
    loop->on_turn(loop->on_turn_owner, ns);
}

// Those who wait again in their callback wait for the turn after this one.
static void on_turn_start(uv_idle_t *idle)
{
    struct loop *loop = idle->data;
    struct list due;

    loop_woke(loop);
    list_init(&due);
    list_add_front(&loop->turn_waits, &due);
    list_remove(&loop->turn_waits);
    while (!list_is_empty(&due)) {
        struct turn_wait *wait = LIST_ITEM(due.next, struct turn_wait, node);
        list_remove(&wait->node);
        wait->on_turn(wait->owner);
    }
    if (list_is_empty(&loop->turn_waits))
        uv_idle_stop(idle);
}

void loop_wait_turn(struct loop *loop, struct turn_wait *wait)
{
    loop_stop_wait(wait);
    list_add_back(&loop->turn_waits, &wait->node);
    uv_idle_start(&loop->turn_start, on_turn_start);
}

void loop_stop_wait(struct turn_wait *wait)
{
    if (wait->node.next)
        list_remove(&wait->node);
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    // A write to a socket that its peer has closed must be an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv) != 0)
        abort();
    loop->uv.data = loop;
    outbox_init(&loop->outbox);
    uv_prepare_init(&loop->uv, &loop->turn_end);
    uv_prepare_start(&loop->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&loop->turn_end);
    loop->turn_end.data = loop;
    list_init(&loop->turn_waits);
    uv_idle_init(&loop->uv, &loop->turn_start);
    loop->turn_start.data = loop;
    return loop;
}

static void name_handle(uv_handle_t *handle, void *count)
{
    const char *type = uv_handle_type_name(handle->type);
    fprintf(stderr, "loop: still open: %s%s\n", type ? type : "unknown",
            uv_is_closing(handle) ? " (closing)" : "");
    (*(int *)count)++;
}

int loop_free(struct loop *loop)
{
    int open_handles = 0;
    if (!uv_is_closing((uv_handle_t *)&loop->turn_end)) {
        uv_close((uv_handle_t *)&loop->turn_end, NULL);
        uv_close((uv_handle_t *)&loop->turn_start, NULL);
    }
    uv_run(&loop->uv, UV_RUN_NOWAIT); // until it is closed
    if (uv_loop_close(&loop->uv) == 0) {
        free(loop);
        return 0;
    }
    uv_walk(&loop->uv, name_handle, &open_handles);
    // A loop can also be busy with a request that has no handle, such as a name lookup.
    return open_handles ? open_handles : 1;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_lend_buf(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct loop *loop = handle->loop->data;
    (void)suggested;
    loop_woke(loop);
    *buf = uv_buf_init(loop->read_buf, sizeof(loop->read_buf));
}
