#include "lua/attempt.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/relay.h"
#include "json/json.h"
#include "lua/call.h"
#include "lua/endpoint.h"
#include "lua/producer.h"
#include "lua/summary.h"
#include "lua/task.h"
#include "lua/vm.h"
#include "lua/watch_class.h"

enum {
    EDITS_MAX = 24, // top-level members that one adapter may change in a request
};

struct attempt {
    struct call *call;
    struct vm *vm;
    struct relay *relay;
    struct upstream *upstream; // one of these two, NULL when it has ended
    struct producer *producer;
    int options_ref;    // keeps endpoint, watch and texts alive
    struct slice label; // borrowed from the options
    struct slice target;
    uint64_t started_ns;
    bool was_reused, was_heard;
    struct upstream_request request;
    struct slice *segments; // owned; the body
    struct buf scratch;     // bytes that json_splice() adds
};

// ---- reading the options ----------------------------------------------------------------------

// The options table is at `index` of L and stays anchored while the attempt lives, so texts in it
// may be borrowed.
static struct slice text_option(lua_State *L, int index, const char *name)
{
    struct slice text = {NULL, 0};
    lua_getfield(L, index, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text.data = lua_tolstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

static bool bool_option(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static uint32_t ms_option(lua_State *L, int timeouts, const char *name)
{
    lua_getfield(L, timeouts, name);
    double seconds = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (seconds <= 0)
        return 0;
    return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static void read_timeouts(lua_State *L, int index, struct relay_plan *plan, uint32_t *connect_ms)
{
    lua_getfield(L, index, "timeout");
    int timeouts = lua_gettop(L);
    if (lua_istable(L, timeouts)) {
        *connect_ms = ms_option(L, timeouts, "connect");
        plan->first_token_ms = ms_option(L, timeouts, "first_token");
        plan->head_ms = ms_option(L, timeouts, "head");
        plan->idle_ms = ms_option(L, timeouts, "idle");
    }
    lua_pop(L, 1);
}

static struct relay_plan read_plan(lua_State *L, int index, struct call *call, uint32_t *connect_ms)
{
    const struct config *config = call->vm->env.config;
    struct relay_plan plan = {
        .exchange = call->exchange,
        .timers = call->vm->env.timers,
        .is_stream = bool_option(L, index, "stream"),
        .hide_usage = bool_option(L, index, "hide_usage"),
        .terminal = text_option(L, index, "add_terminal"),
        .hold_limit = config->limits.hold,
        .json_depth = (int)config->limits.json_depth,
        .total_at_ms = call->total_at_ms,
    };
    lua_getfield(L, index, "choices");
    plan.choices = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, index, "watch");
    plan.watch = watch_class_check(L, -1);
    lua_pop(L, 1);
    read_timeouts(L, index, &plan, connect_ms);
    return plan;
}

// One edit: a name, then JSON text, false (remove) or { rename = name }.
static struct json_edit read_edit(lua_State *L, int edits, int i)
{
    struct json_edit edit = {.name = {NULL, 0}};

    lua_rawgeti(L, edits, i);
    edit.name.data = luaL_checklstring(L, -1, &edit.name.len);
    lua_pop(L, 1);
    lua_rawgeti(L, edits, i + 1);
    if (lua_type(L, -1) == LUA_TSTRING)
        edit.value.data = lua_tolstring(L, -1, &edit.value.len);
    else if (lua_istable(L, -1))
        edit.rename_to = text_option(L, lua_gettop(L), "rename");
    lua_pop(L, 1);
    return edit;
}

static void use_segments(struct attempt *attempt, const struct slice *segments, size_t count)
{
    attempt->segments = mem_alloc(count * sizeof(*segments));
    memcpy(attempt->segments, segments, count * sizeof(*segments));
    attempt->request.body = attempt->segments;
    attempt->request.body_count = count;
}

static void read_body(lua_State *L, int index, struct attempt *attempt)
{
    struct slice body = text_option(L, index, "body");
    if (body.data) {
        use_segments(attempt, &body, 1);
        return;
    }
    body = exchange_request(attempt->call->exchange)->body;
    lua_getfield(L, index, "edits");
    int edits = lua_gettop(L);
    size_t count = lua_istable(L, edits) ? lua_objlen(L, edits) / 2 : 0;
    struct json_edit list[EDITS_MAX];
    struct slice segments[JSON_SEGMENTS(EDITS_MAX)];
    if (count > EDITS_MAX)
        luaL_error(L, "a request may have at most %d edits", EDITS_MAX);
    for (size_t i = 0; i < count; i++)
        list[i] = read_edit(L, edits, (int)(2 * i + 1));
    lua_pop(L, 1);
    use_segments(attempt, segments, json_splice(body, list, count, segments, &attempt->scratch));
}

static void read_endpoint(lua_State *L, int index, struct attempt *attempt)
{
    lua_getfield(L, index, "endpoint");
    struct endpoint *endpoint = endpoint_check(L, -1);
    lua_pop(L, 1);
    attempt->request.origin = endpoint->origin;
    attempt->request.method = slice_of(endpoint->method);
    attempt->request.path = buf_slice(&endpoint->path);
    attempt->request.headers = buf_slice(&endpoint->headers);
    attempt->request.fresh = bool_option(L, index, "fresh");
}

// ---- what the relay asks for ------------------------------------------------------------------

static uint64_t elapsed_ms(const struct attempt *attempt)
{
    return (clock_monotonic_ns() - attempt->started_ns) / 1000000;
}

// "target#label=outcome/ms" joins the list; one that does not fit any more is left out.
static void note(struct attempt *attempt, const char *outcome)
{
    struct call *call = attempt->call;
    buf_addf(&call->attempts, "%s%.*s=%s/%llu", call->attempts.len ? " " : "",
             (int)attempt->label.len, attempt->label.data, outcome,
             (unsigned long long)elapsed_ms(attempt));
}

static void note_status(struct attempt *attempt, int status)
{
    char text[8];
    snprintf(text, sizeof(text), "%d", status);
    note(attempt, text);
}

static void on_commit(void *owner, int status, struct buf *headers)
{
    struct attempt *attempt = owner;

    note_status(attempt, status);
    attempt->call->status = status;
    buf_add_text(headers, "x-tidegate-target: ");
    buf_add_slice(headers, attempt->target);
    buf_add_text(headers, "\r\n");
    call_add_headers(attempt->call, headers);
}

static void redact(void *owner, struct slice text, struct buf *out)
{
    struct attempt *attempt = owner;
    log_redact(attempt->vm->env.log, text, out);
}

static void pause_source(void *owner)
{
    struct attempt *attempt = owner;
    if (attempt->upstream)
        upstream_pause(attempt->upstream);
    else if (attempt->producer)
        producer_pause(attempt->producer);
}

static void resume_source(void *owner)
{
    struct attempt *attempt = owner;
    if (attempt->upstream)
        upstream_resume(attempt->upstream);
    else if (attempt->producer)
        producer_resume(attempt->producer);
}

static void cancel_source(void *owner)
{
    struct attempt *attempt = owner;
    if (attempt->upstream)
        upstream_cancel(attempt->upstream);
    else if (attempt->producer)
        producer_cancel(attempt->producer);
}

// ---- the end ----------------------------------------------------------------------------------

static void count_attempt(struct attempt *attempt, const struct relay_report *report)
{
    struct metric_names *names = attempt->vm->env.names;
    char status[8];
    struct slice outcome = slice_of(error_kind_name(report->error.kind));

    if (!report->error.kind) {
        snprintf(status, sizeof(status), "%d", report->status);
        outcome = slice_of(status);
    }
    struct slice values[] = {attempt->target, outcome};
    metric_add(metrics_series(names->metrics, names->attempts, values), 1);
    metric_add(names->upstreams_in_flight, -1);
}

static void free_attempt(struct attempt *attempt)
{
    relay_free(attempt->relay);
    luaL_unref(attempt->vm->L, LUA_REGISTRYINDEX, attempt->options_ref);
    buf_deinit(&attempt->scratch);
    free(attempt->segments);
    free(attempt);
}

static void settle_call(struct attempt *attempt, const struct relay_report *report)
{
    struct call *call = attempt->call;

    call->attempt = NULL;
    call->attempts_ns += clock_monotonic_ns() - attempt->started_ns;
    if (report->is_committed) {
        call->first_content_ns = report->first_content_ns;
        call->is_ended = report->is_complete;
        if (!call->status)
            call->status = report->status;
        return;
    }
    if (report->error.kind)
        note(attempt, error_kind_name(report->error.kind));
    else
        note_status(attempt, report->status);
}

static void on_relay_done(void *owner, const struct relay_report *report)
{
    struct attempt *attempt = owner;
    struct call *call = attempt->call;

    count_attempt(attempt, report);
    settle_call(attempt, report);
    struct task *task = call->task;
    struct summary_facts facts = {
        .report = report,
        .was_reused = attempt->was_reused,
        .was_heard = attempt->was_heard,
        .started_ns = attempt->started_ns,
        .json_depth = (int)attempt->vm->env.config->limits.json_depth,
    };
    lua_checkstack(task->co, 8);
    summary_push(task->co, &facts);
    free_attempt(attempt);
    task_wake(task, 1);
}

static const struct relay_handler relay_handler = {
    .on_commit = on_commit,
    .redact = redact,
    .on_done = on_relay_done,
    .pause = pause_source,
    .resume = resume_source,
    .cancel = cancel_source,
};

// ---- what the upstream says -------------------------------------------------------------------

static void on_head(void *owner, const struct upstream_head *head)
{
    struct attempt *attempt = owner;
    relay_on_head(attempt->relay, head->status, head->headers);
}

static void on_body(void *owner, const char *bytes, size_t len)
{
    struct attempt *attempt = owner;
    relay_on_body(attempt->relay, bytes, len);
}

static void on_wake_end(void *owner)
{
    struct attempt *attempt = owner;
    relay_on_wake_end(attempt->relay);
}

static void on_upstream_done(void *owner, const struct error *err)
{
    struct attempt *attempt = owner;

    attempt->was_reused = upstream_was_reused(attempt->upstream);
    attempt->was_heard = upstream_was_heard(attempt->upstream);
    attempt->upstream = NULL;
    relay_on_end(attempt->relay, err);
}

static const struct upstream_handler upstream_handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_pause = on_wake_end,
    .on_done = on_upstream_done,
};

// ---- starting ---------------------------------------------------------------------------------

static void start_source(lua_State *L, int options, struct attempt *attempt)
{
    lua_getfield(L, options, "serve");
    if (lua_isfunction(L, -1))
        attempt->producer = producer_start(attempt->vm, L, lua_gettop(L), attempt->relay);
    else
        attempt->upstream = upstream_start(attempt->vm->env.upstreams, &attempt->request,
                                           &upstream_handler, attempt);
    lua_pop(L, 1);
}

static bool is_served_by_lua(lua_State *L, int options)
{
    lua_getfield(L, options, "serve");
    bool is_function = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return is_function;
}

int attempt_start(lua_State *L, struct call *call, int options)
{
    uint32_t connect_ms = 0;

    if (call->attempt)
        return luaL_error(L, "req:attempt() is already running");
    if (exchange_is_gone(call->exchange) || call->task->is_canceled)
        return summary_push_canceled(L);
    struct relay_plan plan = read_plan(L, options, call, &connect_ms);
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    attempt->call = call;
    attempt->vm = call->vm;
    lua_pushvalue(L, options);
    attempt->options_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    attempt->label = text_option(L, options, "label");
    attempt->target = text_option(L, options, "target");
    attempt->started_ns = clock_monotonic_ns();
    attempt->request.connect_ms = connect_ms;
    buf_init(&attempt->scratch, 64 * 1024);
    if (!is_served_by_lua(L, options)) {
        read_endpoint(L, options, attempt);
        read_body(L, options, attempt);
    }
    attempt->relay = relay_new(&plan, &relay_handler, attempt);
    call->attempt = attempt;
    call->attempt_count++;
    if (plan.is_stream)
        call_start_keepalive(call);
    metric_add(call->vm->env.names->upstreams_in_flight, 1);
    start_source(L, options, attempt);
    return task_wait(call->task, NULL, NULL);
}

void attempt_cancel(struct attempt *attempt)
{
    relay_cancel(attempt->relay);
}

void attempt_on_drain(struct attempt *attempt)
{
    relay_on_drain(attempt->relay);
}

bool attempt_is_complete(const struct attempt *attempt)
{
    return relay_is_complete(attempt->relay);
}
