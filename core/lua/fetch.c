#include "lua/fetch.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/blame.h"
#include "lua/script.h"
#include "lua/vm.h"

enum { PATH_LIMIT = LIMIT_URI + 1, LINES_LIMIT = 64 * 1024 };

static void free_fetch(struct fetch *fetch)
{
    task_resource_remove(&fetch->resource);
    loop_stop_wait(&fetch->soon);
    timer_stop(fetch->vm->env.timers, &fetch->timer);
    if (fetch->request.origin)
        upstream_origin_unref(fetch->vm->env.upstreams, fetch->request.origin);
    inflate_free(fetch->inflate);
    fetch_split_deinit(&fetch->split);
    headers_deinit(&fetch->headers);
    buf_deinit(&fetch->path);
    buf_deinit(&fetch->lines);
    buf_deinit(&fetch->bytes);
    free(fetch);
}

// ---- the one who waits ------------------------------------------------------------------------

static bool has_bytes(const struct fetch *fetch)
{
    return fetch->bytes.len > fetch->taken || fetch_split_has_items(&fetch->split);
}

static bool is_there(const struct fetch *fetch)
{
    if (fetch->is_ended)
        return true;
    return (fetch->want == FETCH_HEAD && fetch->status) ||
           (fetch->want == FETCH_BYTES && has_bytes(fetch));
}

static void wake(struct fetch *fetch)
{
    struct task *task = fetch->waiter;

    fetch->waiter = NULL;
    fetch->want = FETCH_NOTHING;
    loop_stop_wait(&fetch->soon);
    lua_pushboolean(task->co, 1);
    task_wake(task, 1);
}

static void wake_if_there(struct fetch *fetch)
{
    if (fetch->waiter && is_there(fetch))
        wake(fetch);
}

static void on_soon(void *owner)
{
    wake_if_there(owner);
}

void fetch_fail(struct fetch *fetch, enum error_kind kind, const char *message)
{
    if (fetch->is_ended || fetch->error.kind)
        return;
    error_set(&fetch->error, kind, "%s", message);
    if (fetch->upstream)
        upstream_cancel(fetch->upstream);
}

static void on_wait_canceled(void *waiter)
{
    struct fetch *fetch = waiter;
    fetch_fail(fetch, ERROR_CANCELED, "canceled");
    wake(fetch);
}

int fetch_await(lua_State *L, struct fetch *fetch, enum fetch_want want)
{
    struct task *task = script_check_wait(L);

    if (fetch->waiter)
        return blame_raise(L, "another task waits for this answer already");
    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    fetch->want = want;
    bool is_now = is_there(fetch);
    if (is_now && (want != FETCH_BYTES || !has_bytes(fetch))) {
        lua_pushboolean(L, 1);
        return 1;
    }
    fetch->waiter = task;
    if (is_now)
        loop_wait_turn(fetch->vm->env.loop, &fetch->soon);
    return task_wait(task, on_wait_canceled, fetch);
}

// ---- deadlines --------------------------------------------------------------------------------

struct deadline {
    uint64_t at_ms; // 0: none
    uint32_t limit_ms;
    const char *what;
};

static void take_earlier(struct deadline *deadline, uint64_t from_ms, uint32_t limit_ms,
                         const char *what)
{
    uint64_t at_ms = from_ms + limit_ms;
    if (limit_ms && (!deadline->at_ms || at_ms < deadline->at_ms))
        *deadline = (struct deadline){at_ms, limit_ms, what};
}

// While the script does not read, silence is not the upstream's.
static struct deadline next_deadline(const struct fetch *fetch)
{
    struct deadline deadline = {.what = ""};

    take_earlier(&deadline, fetch->started_ms, fetch->total_ms, "no whole answer");
    if (!fetch->status)
        take_earlier(&deadline, fetch->started_ms, fetch->head_ms, "no head of an answer");
    else if (!fetch->is_paused)
        take_earlier(&deadline, fetch->heard_ms, fetch->idle_ms, "no byte more");
    return deadline;
}

static void start_timer(struct fetch *fetch, const struct deadline *deadline)
{
    struct timers *timers = fetch->vm->env.timers;
    if (deadline->at_ms)
        timer_start(timers, &fetch->timer, deadline->at_ms - timers_now_ms(timers));
}

static void on_due(void *owner)
{
    struct fetch *fetch = owner;
    struct deadline deadline = next_deadline(fetch);
    char message[100];

    if (deadline.at_ms > timers_now_ms(fetch->vm->env.timers) || !deadline.at_ms) {
        start_timer(fetch, &deadline);
        return;
    }
    snprintf(message, sizeof(message), "%s within %.3g seconds", deadline.what,
             deadline.limit_ms / 1e3);
    fetch_fail(fetch, ERROR_TIMEOUT, message);
}

// ---- what the upstream says -------------------------------------------------------------------

static void set_paused(struct fetch *fetch, bool is_paused)
{
    if (fetch->is_paused == is_paused || !fetch->upstream)
        return;
    fetch->is_paused = is_paused;
    if (is_paused) {
        upstream_pause(fetch->upstream);
        return;
    }
    fetch->heard_ms = timers_now_ms(fetch->vm->env.timers);
    upstream_resume(fetch->upstream);
    if (!timer_is_running(&fetch->timer))
        on_due(fetch);
}

static void use_encoding(struct fetch *fetch, struct slice encoding)
{
    if (!encoding.len || slice_equal_nocase(encoding, SLICE("identity")))
        return;
    fetch->inflate = inflate_new(encoding, fetch->max_body ? fetch->max_body : SIZE_MAX);
    if (!fetch->inflate)
        fetch_fail(fetch, ERROR_PROTOCOL,
                   "the answer has a content-encoding that was not asked for");
}

static void on_head(void *owner, const struct upstream_head *head)
{
    struct fetch *fetch = owner;

    fetch->status = head->status;
    headers_copy(&fetch->headers, head->headers);
    fetch->heard_ms = timers_now_ms(fetch->vm->env.timers);
    timer_stop(fetch->vm->env.timers, &fetch->timer);
    on_due(fetch);
    use_encoding(fetch, headers_find(&fetch->headers, SLICE("content-encoding")));
}

static void fail_size(struct fetch *fetch)
{
    char message[100];
    snprintf(message, sizeof(message), "the answer is larger than %zu bytes (max_body)",
             fetch->max_body ? fetch->max_body : fetch->bytes.limit);
    fetch_fail(fetch, ERROR_TOO_LARGE, message);
}

static void take_bytes(void *owner, const char *bytes, size_t len)
{
    struct fetch *fetch = owner;

    if (fetch->taken >= LIMIT_WRITE_RESUME) {
        buf_consume(&fetch->bytes, fetch->taken);
        fetch->taken = 0;
    }
    fetch->received += len;
    if ((fetch->max_body && fetch->received > fetch->max_body) ||
        buf_add(&fetch->bytes, bytes, len) != 0)
        fail_size(fetch);
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    struct fetch *fetch = owner;
    int rc = 0;

    (void)is_last;
    fetch->heard_ms = timers_now_ms(fetch->vm->env.timers);
    if (fetch->inflate)
        rc = inflate_feed(fetch->inflate, bytes, len, take_bytes, fetch);
    else
        take_bytes(fetch, bytes, len);
    if (rc == -2)
        fail_size(fetch);
    else if (rc != 0)
        fetch_fail(fetch, ERROR_PROTOCOL,
                   "the answer's body is not what its content-encoding says");
    if (fetch->is_stream && fetch->bytes.len - fetch->taken >= LIMIT_WRITE_PAUSE)
        set_paused(fetch, true);
}

static void on_wake_end(void *owner)
{
    struct fetch *fetch = owner;
    if (!fetch->error.kind)
        wake_if_there(fetch);
}

// A pooled connection that the server had closed unheard: whoever asks for what may be asked twice
// is not to know of it (RFC 9110 section 9.2.2).
static bool may_resend(const struct fetch *fetch)
{
    struct slice method = fetch->request.method;
    return !fetch->was_resent && !fetch->error.kind && upstream_was_reused(fetch->upstream) &&
           !upstream_was_heard(fetch->upstream) && !slice_equal(method, SLICE("POST")) &&
           !slice_equal(method, SLICE("PATCH"));
}

static void send_request(struct fetch *fetch);

static void on_done(void *owner, const struct error *err)
{
    struct fetch *fetch = owner;

    if (err && may_resend(fetch)) {
        fetch->was_resent = fetch->request.fresh = true;
        send_request(fetch);
        return;
    }
    fetch->upstream = NULL;
    if (!err && fetch->inflate && inflate_end(fetch->inflate) != 0)
        fetch_fail(fetch, ERROR_PROTOCOL, "the answer's compressed body is cut off");
    if (err && !fetch->error.kind)
        fetch->error = *err;
    fetch->is_ended = true;
    timer_stop(fetch->vm->env.timers, &fetch->timer);
    if (fetch->is_released)
        free_fetch(fetch);
    else
        wake_if_there(fetch);
}

static const struct upstream_handler handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_pause = on_wake_end,
    .on_done = on_done,
};

// ---- life -------------------------------------------------------------------------------------

static void on_task_end(struct task_resource *resource)
{
    fetch_cancel(LIST_ITEM(resource, struct fetch, resource));
}

struct fetch *fetch_new(struct vm *vm)
{
    struct fetch *fetch = mem_alloc(sizeof(*fetch));

    fetch->vm = vm;
    buf_init(&fetch->path, PATH_LIMIT);
    buf_init(&fetch->lines, LINES_LIMIT);
    buf_init(&fetch->bytes, LIMIT_FETCH_BUFFER);
    headers_init(&fetch->headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    task_resource_init(&fetch->resource, on_task_end);
    fetch->soon = (struct turn_wait){.on_turn = on_soon, .owner = fetch};
    fetch->timer = (struct timer){.on_due = on_due, .owner = fetch};
    return fetch;
}

static void send_request(struct fetch *fetch)
{
    fetch->upstream = upstream_start(fetch->vm->env.upstreams, &fetch->request, &handler, fetch);
}

void fetch_start(struct fetch *fetch, struct task *task)
{
    fetch->request.path = buf_slice(&fetch->path);
    fetch->request.headers = buf_slice(&fetch->lines);
    fetch->request.body = fetch->body.data ? &fetch->body : NULL;
    fetch->request.body_count = fetch->body.data ? 1 : 0;
    if (!fetch->is_stream && fetch->max_body)
        fetch->bytes.limit = fetch->max_body;
    fetch->started_ms = timers_now_ms(fetch->vm->env.timers);
    task_own(task, &fetch->resource);
    send_request(fetch);
    on_due(fetch);
}

struct slice fetch_take(struct fetch *fetch, size_t most)
{
    size_t left = fetch->bytes.len - fetch->taken;
    struct slice piece = {fetch->bytes.data + fetch->taken, left < most ? left : most};

    fetch->taken += piece.len;
    if (fetch->taken == fetch->bytes.len) {
        fetch->taken = 0;
        buf_clear(&fetch->bytes); // the memory, and with it what `piece` borrows, stays
    }
    if (fetch->bytes.len - fetch->taken <= LIMIT_WRITE_RESUME)
        set_paused(fetch, false);
    return piece;
}

void fetch_cancel(struct fetch *fetch)
{
    fetch_fail(fetch, ERROR_CANCELED, "the answer was closed");
}

void fetch_release(struct fetch *fetch)
{
    fetch->is_released = true;
    if (fetch->upstream)
        fetch_cancel(fetch);
    else
        free_fetch(fetch);
}
