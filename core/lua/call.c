#include "lua/call.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/forward.h"
#include "http/response.h"
#include "json/document.h"
#include "lua/attempt.h"
#include "lua/bodies.h"
#include "lua/call_class.h"
#include "lua/holds.h"
#include "lua/inner_call.h"
#include "lua/loading.h"
#include "lua/task.h"
#include "lua/vm.h"

enum {
    KEEPALIVE_TICKS = 4, // looks per keep-alive interval: a comment comes at most a tick late
    LATE_TICK_MS = 100,  // between looks for a script that waits behind the deadline
};

static struct slice json_content_type(void)
{
    return SLICE("content-type: application/json\r\n");
}

const struct config *call_config(const struct call *call)
{
    return call->generation->shared->config;
}

void call_add_headers(const struct call *call, struct buf *headers)
{
    buf_add_slice(headers, buf_slice(&call->headers));
    forward_own_id((struct slice){call->id, CALL_ID_LEN}, headers);
    buf_add_text(headers, "x-tidegate-request-id: ");
    buf_add(headers, call->id, CALL_ID_LEN);
    buf_add_text(headers, "\r\n");
    if (!call->attempts.len)
        return;
    buf_add_text(headers, "x-tidegate-attempts: ");
    buf_add_slice(headers, buf_slice(&call->attempts));
    buf_add_text(headers, "\r\n");
}

void call_reply(struct call *call, int status, struct slice headers, struct slice body)
{
    struct buf all;

    buf_init(&all, LIMIT_RESPONSE_HEAD);
    buf_add_slice(&all, headers);
    call_add_headers(call, &all);
    call->status = status;
    call->is_ended = true;
    exchange_reply(call->exchange, status, buf_slice(&all), body);
    buf_deinit(&all);
}

void call_end_stream(struct call *call, struct slice last)
{
    exchange_write(call->exchange, last);
    exchange_end(call->exchange);
    call->is_ended = true;
}

void call_break_off(struct call *call)
{
    exchange_abort(call->exchange);
    call->is_ended = true;
}

// ---- keep-alive comments ----------------------------------------------------------------------

static void start_early(struct call *call)
{
    struct buf headers;

    buf_init(&headers, LIMIT_RESPONSE_HEAD);
    buf_add_text(&headers, "content-type: ");
    buf_add_text(&headers, call->stream_type ? call->stream_type : "text/event-stream");
    buf_add_text(&headers, "\r\n");
    call_add_headers(call, &headers);
    call->status = 200;
    exchange_start(call->exchange, 200, buf_slice(&headers));
    buf_deinit(&headers);
}

static void on_keepalive_tick(void *owner)
{
    struct call *call = owner;
    uint64_t sent = exchange_bytes_sent(call->exchange);

    if (call->is_ended || (call->attempt && attempt_is_complete(call->attempt)))
        return;
    if (sent != call->bytes_seen || exchange_backlog(call->exchange))
        call->silent_ticks = 0;
    else if (++call->silent_ticks == KEEPALIVE_TICKS) {
        if (!exchange_is_started(call->exchange))
            start_early(call);
        exchange_write(call->exchange, call->keepalive_form == KEEPALIVE_NEWLINE
                                           ? SLICE("\n")
                                           : SLICE(": keep-alive\n\n"));
        exchange_flush(call->exchange);
        call->silent_ticks = 0;
    }
    call->bytes_seen = exchange_bytes_sent(call->exchange);
    call_start_keepalive(call);
}

void call_start_keepalive(struct call *call)
{
    uint32_t interval_ms = call_config(call)->keepalive_ms;
    if (!interval_ms || call->inner || call->keepalive_form == KEEPALIVE_NONE ||
        timer_is_running(&call->keepalive))
        return;
    uint32_t tick_ms = interval_ms / KEEPALIVE_TICKS;
    timer_start(call->vm->env.timers, &call->keepalive, tick_ms ? tick_ms : 1);
}

// What a script waits for fails then, and again whatever it waits for next.
static void on_waits_due(void *owner)
{
    struct call *call = owner;

    timer_start(call->vm->env.timers, &call->waits, LATE_TICK_MS);
    if (call->task->child)
        task_cancel(call->task->child); // the call may be gone now
}

void call_limit_waits(struct call *call)
{
    struct timers *timers = call->vm->env.timers;
    uint64_t now_ms = timers_now_ms(timers);

    timer_stop(timers, &call->waits);
    timer_start(timers, &call->waits, call->total_at_ms > now_ms ? call->total_at_ms - now_ms : 0);
}

// ---- the record -------------------------------------------------------------------------------

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void count_usage(struct call *call, struct slice model, const struct usage_counts *usage)
{
    struct metric_names *names = call->vm->env.names;

    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        struct slice values[] = {model, slice_of(usage_kind_name((enum usage_kind)kind))};
        if (usage->of[kind] > 0)
            metric_add(metrics_series(names->metrics, names->tokens, values),
                       (double)usage->of[kind]);
    }
}

static void count_tokens(struct call *call, const struct call_record *record)
{
    struct metric_names *names = call->vm->env.names;

    count_usage(call, record->metric_model, &call->usage);
    if (call->family)
        count_usage(call, record->metric_model, &call->family->discarded);
    if (record->is_answer && call->usage.of[USAGE_INPUT] < 0)
        metric_add(metrics_series(names->metrics, names->usage_unknown, &record->metric_model), 1);
}

// The log tells of the whole family; each of its members has counted its own tokens.
static long long tokens_of(const struct call *call, enum usage_kind kind)
{
    struct usage_counts sum = call->usage;
    if (call->family) {
        usage_add_counts(&sum, &call->family->usage);
        usage_add_counts(&sum, &call->family->discarded);
    }
    return sum.of[kind];
}

static void count(struct call *call, const struct call_record *record, double duration)
{
    struct metric_names *names = call->vm->env.names;
    const struct request *request = exchange_request(call->exchange);
    struct slice values[] = {record->metric_model, record->outcome};
    double inside = (double)call->attempts_ns / 1e9;

    metric_add(metrics_series(names->metrics, names->requests, values), 1);
    metric_observe(names->request_duration, duration);
    metric_observe(names->overhead, duration > inside ? duration - inside : 0);
    if (call->first_content_ns)
        metric_observe(names->time_to_first_token,
                       seconds_between(request->ready_ns, call->first_content_ns));
    count_tokens(call, record);
}

void call_record(struct call *call, const struct call_record *record)
{
    const struct request *request = exchange_request(call->exchange);
    uint64_t ended_ns = record->is_answer ? call->ended_ns : clock_monotonic_ns();
    double duration = seconds_between(request->ready_ns, ended_ns);

    if (call->is_recorded)
        return;
    call->is_recorded = true;
    if (!record->is_answer)
        call->usage = usage_unknown();
    if (call->inner) {
        count_tokens(call, record);
        inner_call_record(call, record);
        return;
    }
    count(call, record, duration);
    struct log_request line = {
        .request_id = {call->id, CALL_ID_LEN},
        .client = record->client,
        .model = record->model,
        .target = record->target,
        .method = request->method,
        .path = request->path,
        .attempts = buf_slice(&call->attempts),
        .status = call->status,
        .attempt_count = call->attempt_count,
        .tokens_in = tokens_of(call, USAGE_INPUT),
        .tokens_out = tokens_of(call, USAGE_OUTPUT),
        .tokens_cached = tokens_of(call, USAGE_CACHED),
        .cost_nano = call->cost.nano,
        .is_cost_unknown = call->cost.is_unknown,
        .ttft_ms = call->first_content_ns
                       ? seconds_between(request->ready_ns, call->first_content_ns) * 1e3
                       : -1,
        .duration_ms = duration * 1e3,
        .bytes = exchange_bytes_sent(call->exchange),
        .error_kind = record->kind,
        .error_message = record->message,
    };
    log_request(call->vm->env.log, &line);
    if (call->kept)
        bodies_write(call, record);
}

// ---- life -------------------------------------------------------------------------------------

static void answer_error(struct call *call, int status, struct slice headers, const char *what)
{
    struct buf text, body;

    buf_init(&text, 512);
    buf_addf(&text, "%s; request id %s", what, call->id);
    buf_init(&body, 4096);
    response_error_body(exchange_request(call->exchange)->target, status, text.data, &body);
    call_reply(call, status, headers, buf_slice(&body));
    buf_deinit(&body);
    buf_deinit(&text);
}

// A script that failed must not leave the client waiting, nor tell it anything of the inside.
static void answer_failure(struct call *call, const char *error)
{
    struct call_record record = {
        .outcome = SLICE("script_error"),
        .metric_model = SLICE("other"),
        .kind = SLICE("script"),
        .message = SLICE("a script of the gateway failed; the log has its traceback"),
    };

    if (error)
        log_event(call->vm->env.log, LOG_ERROR, "request %s: %s", call->id, error);
    if (!exchange_is_started(call->exchange) && !call->is_ended)
        answer_error(call, 500, json_content_type(), "a script of the gateway failed");
    else if (!call->is_ended)
        call_break_off(call);
    call_record(call, &record);
}

static void on_end(void *owner, const char *error)
{
    struct call *call = owner;
    struct vm *vm = call->vm;

    if (error || !call->is_recorded || !(call->is_ended || exchange_is_gone(call->exchange)))
        answer_failure(call, error ? error : "the script ended without an answer or a record");
    timer_stop(vm->env.timers, &call->keepalive);
    timer_stop(vm->env.timers, &call->waits);
    if (call->held)
        attempt_discard(call, "canceled");
    if (call->context_ref)
        luaL_unref(vm->L, LUA_REGISTRYINDEX, call->context_ref);
    if (call->inner)
        inner_call_end(call);
    if (call->family)
        inner_call_leave_family(call);
    *call->handle = NULL;
    exchange_set_data(call->exchange, NULL);
    metric_add(vm->env.names->requests_in_flight, -call->in_flight);
    exchange_release(call->exchange);
    buf_deinit(&call->headers);
    buf_deinit(&call->attempts);
    holds_release(&call->holds);
    document_free(call->document);
    free(call->scan);
    vm_generation_unref(call->generation);
    free(call->kept);
    free(call->stream_type);
    free(call);
}

static struct call *new_call(struct vm *vm, struct vm_generation *generation,
                             struct exchange *exchange, enum call_kind kind)
{
    struct call *call = mem_alloc(sizeof(*call));

    call->vm = vm;
    call->generation = vm_generation_ref(generation);
    call->exchange = exchange;
    call->usage = usage_unknown();
    call->cost = cost_none();
    call->keepalive = (struct timer){.on_due = on_keepalive_tick, .owner = call};
    call->waits = (struct timer){.on_due = on_waits_due, .owner = call};
    buf_init(&call->headers, LIMIT_RESPONSE_HEAD);
    buf_init(&call->attempts, LIMIT_ATTEMPTS_TEXT);
    exchange_set_data(exchange, call);
    call->is_recorded = kind == CALL_ADMIN; // looking at the gateway is no traffic
    call->in_flight = kind == CALL_MAIN ? 1 : 0;
    metric_add(vm->env.names->requests_in_flight, call->in_flight);
    call->task = task_new(vm, on_end, call);
    return call;
}

// Pushes the function that serves it, and `req`.
static void prepare(struct call *call, int function_ref)
{
    struct task *task = call->task;
    lua_rawgeti(task->co, LUA_REGISTRYINDEX, function_ref);
    call->handle = call_class_push(task->co, call);
    task->request = call->handle;
}

static int do_nothing(lua_State *L)
{
    (void)L;
    return 0;
}

// Scripts hold the memory of this worker, and what they would need for one more request.
static void refuse(struct call *call)
{
    struct call_record record = {
        .outcome = SLICE("gateway_error"),
        .metric_model = SLICE("other"),
        .kind = SLICE("overloaded"),
        .message = SLICE("the memory of scripts is used up (scripts.memory)"),
    };

    answer_error(call, 503, SLICE("content-type: application/json\r\nretry-after: 1\r\n"),
                 "the gateway is out of memory for scripts");
    call_record(call, &record);
    lua_pushcfunction(call->task->co, do_nothing);
    call->handle = call_class_push(call->task->co, call);
    task_run(call->task, 1);
}

void call_start(struct vm *vm, struct exchange *exchange, enum call_kind kind)
{
    struct call *call = new_call(vm, vm->current, exchange, kind);
    vm_random_hex(vm, call->id, CALL_ID_LEN / 16);
    if (vm->env.bodies && kind == CALL_MAIN)
        bodies_keep(call);
    if (kind == CALL_MAIN && vm_is_over_memory(vm)) {
        refuse(call);
        return;
    }
    prepare(call, kind == CALL_ADMIN ? vm->serve_admin_ref : vm->serve_ref);
    task_run(call->task, 1);
}

void call_start_inner(struct vm *vm, struct exchange *exchange, const struct inner_asked *asked,
                      lua_State *L)
{
    struct vm_generation *generation = asked->parent ? asked->parent->generation : vm->current;
    struct call *call = new_call(vm, generation, exchange, CALL_INNER);
    if (asked->parent)
        memcpy(call->id, asked->parent->id, sizeof(call->id));
    else
        vm_random_hex(vm, call->id, CALL_ID_LEN / 16);
    inner_call_begin(call, asked);
    if (!asked->is_detached && !asked->is_client && vm->running)
        task_inherit(call->task, vm->running);
    prepare(call, vm->serve_inner_ref);
    lua_xmove(L, call->task->co, 1);
    task_run(call->task, 2);
}

void call_drop_body(struct call *call)
{
    document_free(call->document);
    call->document = NULL;
    exchange_drop_body(call->exchange);
    free(call->scan);
    call->scan = NULL;
    call->scan_count = 0;
    if (call->inner)
        inner_call_drop_body(call);
}

void call_on_gone(struct call *call)
{
    if (call->family)
        inner_call_cancel_family(call);
    // With an attempt the task hears of it when that has ended, its offspring now.
    struct attempt *attempt = call->attempt;
    task_cancel(call->task);
    if (attempt)
        attempt_cancel(attempt);
}

void call_on_drain(struct call *call)
{
    if (call->attempt)
        attempt_on_drain(call->attempt);
}
