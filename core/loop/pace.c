#include "loop/pace.h"

// libuv runs the callbacks of sockets inside its wait and these behind them: a turn that served
// only timers begins here.
static void on_check(uv_check_t *check)
{
    loop_woke(check->loop->data);
}

void pace_open(struct pace *pace, struct loop *loop, void (*on_turn)(void *owner, uint64_t ns),
               void *owner)
{
    loop->woke_ns = 0;
    loop->on_turn = on_turn;
    loop->on_turn_owner = owner;
    uv_check_init(&loop->uv, &pace->check);
    uv_check_start(&pace->check, on_check);
}

void pace_close(struct pace *pace)
{
    struct loop *loop = pace->check.loop->data;
    loop->on_turn = NULL;
    uv_close((uv_handle_t *)&pace->check, NULL);
}
