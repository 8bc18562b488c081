#include "loop/pace.h"

#include "base/clock.h"

// libuv runs the callbacks of sockets inside its wait and these behind them: a turn that served
// only timers begins here.
static void on_check(uv_check_t *check)
{
    loop_woke(check->loop->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct pace *pace = prepare->data;
    struct loop *loop = prepare->loop->data;

    if (loop->woke_ns == 0) // before the first wait
        return;
    uint64_t ns = clock_monotonic_ns() - loop->woke_ns;
    loop->woke_ns = 0;
    pace->on_turn(pace->owner, ns);
}

void pace_open(struct pace *pace, struct loop *loop, void (*on_turn)(void *owner, uint64_t ns),
               void *owner)
{
    pace->on_turn = on_turn;
    pace->owner = owner;
    pace->prepare.data = pace;
    loop->woke_ns = 0;
    uv_check_init(&loop->uv, &pace->check);
    uv_prepare_init(&loop->uv, &pace->prepare);
    uv_check_start(&pace->check, on_check);
    uv_prepare_start(&pace->prepare, on_prepare);
}

void pace_close(struct pace *pace)
{
    uv_close((uv_handle_t *)&pace->check, NULL);
    uv_close((uv_handle_t *)&pace->prepare, NULL);
}
