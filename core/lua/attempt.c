#include "lua/attempt.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/header_lines.h"
#include "http/relay.h"
#include "json/json.h"
#include "lua/call.h"
#include "lua/call_body.h"
#include "lua/endpoint.h"
#include "lua/event_hook.h"
#include "lua/inner_call.h"
#include "lua/mock_upstream.h"
#include "lua/producer.h"
#include "lua/summary.h"
#include "lua/task.h"
#include "lua/usage_class.h"
#include "lua/value.h"
#include "lua/vm.h"
#include "lua/watch_class.h"

enum {
    EDITS_MAX = 48,          // top-level members that adapter and policy may change in a request
    EDITS_SCRATCH = 1 << 16, // bytes that changing them adds: names and punctuation
};

struct attempt {
    struct call *call;
    struct vm *vm;
    struct relay *relay;
    struct upstream *upstream; // one of these two, NULL when it has ended
    struct producer *producer;
    const struct usage *usage; // borrowed from the options, like the two texts
    struct slice label;
    struct slice target;
    uint64_t started_ns, ended_ns;
    int status;
    bool was_reused, was_heard;
    bool is_noted; // in the list of attempts, which went out with the answer's head
    struct upstream_request request;
    struct slice *segments; // owned; the body
    struct buf scratch;     // bytes that json_splice() adds
    struct buf headers;     // those of the endpoint and of the request, where it has its own
    struct event_hook hook;
};

// ---- reading the options ----------------------------------------------------------------------

// Where the options stand on the stack: call_class.c passes them one by one, because a field costs
// more to read from here than from Lua. The Lua frame above keeps their table, so texts and
// userdata in it may be borrowed while the attempt runs.
enum option {
    OPTION_LABEL = 2,
    OPTION_TARGET,
    OPTION_WATCH,
    OPTION_STREAM,
    OPTION_HIDE_USAGE,
    OPTION_CHOICES,
    OPTION_ADD_TERMINAL,
    OPTION_CONNECT,
    OPTION_FIRST_TOKEN,
    OPTION_HEAD,
    OPTION_IDLE,
    OPTION_ENDPOINT,
    OPTION_SERVE,
    OPTION_EDITS,
    OPTION_BODY,
    OPTION_FRESH,
    OPTION_USAGE,
    OPTION_EXTRA, // what few requests have: hold, on_event, headers
};

static uint32_t ms_at(lua_State *L, int index)
{
    double seconds = lua_tonumber(L, index);
    if (seconds <= 0)
        return 0;
    return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static struct relay_plan read_plan(lua_State *L, struct call *call)
{
    const struct config *config = call_config(call);
    return (struct relay_plan){
        .exchange = call->exchange,
        .timers = call->vm->env.timers,
        .watch = watch_class_check(L, OPTION_WATCH),
        .is_stream = lua_toboolean(L, OPTION_STREAM),
        .hide_usage = lua_toboolean(L, OPTION_HIDE_USAGE),
        .choices = (unsigned)lua_tointeger(L, OPTION_CHOICES),
        .terminal = value_text(L, OPTION_ADD_TERMINAL),
        .first_token_ms = ms_at(L, OPTION_FIRST_TOKEN),
        .head_ms = ms_at(L, OPTION_HEAD),
        .idle_ms = ms_at(L, OPTION_IDLE),
        .hold_limit = config->limits.hold,
        .total_at_ms = call->total_at_ms,
    };
}

// hold = true or a number of content events; on_event = function. Raises here what is wrong with
// the headers, while there is nothing to be freed.
static void read_extra(lua_State *L, struct relay_plan *plan)
{
    if (!lua_istable(L, OPTION_EXTRA))
        return;
    lua_getfield(L, OPTION_EXTRA, "hold");
    if (lua_isboolean(L, -1))
        plan->hold_all = lua_toboolean(L, -1);
    else
        plan->hold_events = (unsigned)lua_tointeger(L, -1);
    lua_getfield(L, OPTION_EXTRA, "on_event");
    plan->filters = plan->is_stream && lua_isfunction(L, -1);
    lua_getfield(L, OPTION_EXTRA, "headers");
    if (value_text(L, -1).len > LIMIT_OWN_HEADERS)
        luaL_error(L, "headers for the provider are larger than %d bytes", LIMIT_OWN_HEADERS);
    lua_pop(L, 3);
}

// One edit: a name, then JSON text, false (remove) or { rename = name }.
static struct json_edit read_edit(lua_State *L, int i)
{
    struct json_edit edit = {.name = {NULL, 0}};

    lua_rawgeti(L, OPTION_EDITS, i);
    edit.name.data = luaL_checklstring(L, -1, &edit.name.len);
    lua_rawgeti(L, OPTION_EDITS, i + 1);
    edit.value = value_text(L, -1);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "rename");
        edit.rename_to = value_text(L, -1); // stays alive in the table
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return edit;
}

static void use_segments(struct attempt *attempt, const struct slice *segments, size_t count)
{
    attempt->segments = mem_alloc(count * sizeof(*segments));
    memcpy(attempt->segments, segments, count * sizeof(*segments));
    attempt->request.body = attempt->segments;
    attempt->request.body_count = count;
}

static void read_body(lua_State *L, struct attempt *attempt)
{
    struct slice body = value_text(L, OPTION_BODY);
    if (body.data) {
        use_segments(attempt, &body, 1);
        return;
    }
    body = call_body(attempt->call);
    size_t count = lua_istable(L, OPTION_EDITS) ? lua_objlen(L, OPTION_EDITS) / 2 : 0;
    struct json_edit list[EDITS_MAX];
    struct slice segments[JSON_SEGMENTS(EDITS_MAX)];
    if (count > EDITS_MAX)
        luaL_error(L, "a request may have at most %d edits", EDITS_MAX);
    for (size_t i = 0; i < count; i++)
        list[i] = read_edit(L, (int)(2 * i + 1));
    const struct call *call = attempt->call;
    struct json_scanned scanned = {body, call->scan, call->scan_count};
    use_segments(attempt, segments,
                 json_splice_scanned(&scanned, list, count, segments, &attempt->scratch));
}

static void read_endpoint(lua_State *L, struct attempt *attempt)
{
    struct endpoint *endpoint = endpoint_check(L, OPTION_ENDPOINT);
    attempt->request.origin = endpoint->origin;
    attempt->request.method = slice_of(endpoint->method);
    attempt->request.path = buf_slice(&endpoint->path);
    attempt->request.headers = buf_slice(&endpoint->headers);
    attempt->request.connect_ms = ms_at(L, OPTION_CONNECT);
    attempt->request.fresh = lua_toboolean(L, OPTION_FRESH);
}

// headers = complete lines that go to the provider as well, and win over its own.
static void read_own_headers(lua_State *L, struct attempt *attempt)
{
    if (!lua_istable(L, OPTION_EXTRA))
        return;
    lua_getfield(L, OPTION_EXTRA, "headers");
    struct slice lines = value_text(L, -1);
    lua_pop(L, 1); // stays alive in the table
    if (!lines.data)
        return;
    buf_init(&attempt->headers, LIMIT_ENDPOINT_HEADERS + LIMIT_OWN_HEADERS);
    header_lines_merge(attempt->request.headers, lines, &attempt->headers); // always fits
    attempt->request.headers = buf_slice(&attempt->headers);
}

// ---- what the relay asks for ------------------------------------------------------------------

enum { STATUS_TEXT = 4 };

// A status has three digits, whoever sent it.
static const char *status_text(int status, char *text)
{
    text[0] = (char)('0' + status / 100 % 10);
    text[1] = (char)('0' + status / 10 % 10);
    text[2] = (char)('0' + status % 10);
    text[3] = '\0';
    return text;
}

// "target#label=outcome/ms" joins the list; one that does not fit any more is left out.
static void note(struct attempt *attempt, const char *outcome, uint64_t now_ns)
{
    struct call *call = attempt->call;
    struct buf *list = &call->attempts;
    size_t len = list->len;

    if ((len && buf_add_text(list, " ") != 0) || buf_add_slice(list, attempt->label) != 0 ||
        buf_add_text(list, "=") != 0 || buf_add_text(list, outcome) != 0 ||
        buf_add_text(list, "/") != 0 ||
        buf_add_number(list, (now_ns - attempt->started_ns) / 1000000) != 0)
        list->len = len;
}

static void note_status(struct attempt *attempt, int status, uint64_t now_ns)
{
    char text[STATUS_TEXT];
    note(attempt, status_text(status, text), now_ns);
}

static void on_commit(void *owner, int status, uint64_t now_ns, struct buf *headers)
{
    struct attempt *attempt = owner;

    note_status(attempt, status, now_ns);
    attempt->is_noted = true;
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

static enum relay_verdict on_event(void *owner, const struct sse_event *event, struct buf *instead,
                                   struct error *err)
{
    struct attempt *attempt = owner;
    return event_hook_run(&attempt->hook, event, instead, err);
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

static void count_outcome(struct attempt *attempt, const char *outcome)
{
    struct metric_names *names = attempt->vm->env.names;
    struct slice values[] = {attempt->target, slice_of(outcome)};
    metric_add(metrics_series(names->metrics, names->attempts, values), 1);
}

static void count_attempt(struct attempt *attempt, const struct relay_report *report)
{
    char text[STATUS_TEXT];
    count_outcome(attempt, report->error ? error_kind_name(report->error->kind)
                                         : status_text(report->status, text));
}

static void free_attempt(struct attempt *attempt)
{
    relay_free(attempt->relay);
    event_hook_deinit(&attempt->hook);
    buf_deinit(&attempt->scratch);
    buf_deinit(&attempt->headers);
    free(attempt->segments);
    free(attempt);
}

// There was no on_commit() when a keep-alive comment had sent the head: the log has the list then.
static void settle_call(struct attempt *attempt, const struct relay_report *report)
{
    struct call *call = attempt->call;

    call->attempt = NULL;
    call->ended_ns = report->ended_ns;
    call->attempts_ns += report->ended_ns - attempt->started_ns;
    attempt->ended_ns = report->ended_ns;
    attempt->status = report->status;
    if (report->is_held)
        call->held = attempt;
    else if (!attempt->is_noted && report->error && !report->is_committed)
        note(attempt, error_kind_name(report->error->kind), report->ended_ns);
    else if (!attempt->is_noted)
        note_status(attempt, report->status, report->ended_ns);
    call->usage = report->usage.data && attempt->usage ? usage_read(attempt->usage, report->usage)
                                                       : usage_unknown();
    if (!report->is_committed)
        return;
    call->first_content_ns = report->first_content_ns;
    call->is_ended = report->is_complete;
    if (!call->status)
        call->status = report->status;
}

static void on_relay_done(void *owner, const struct relay_report *report)
{
    struct attempt *attempt = owner;
    struct call *call = attempt->call;

    metric_add(attempt->vm->env.names->upstreams_in_flight, -1);
    if (!report->is_held)
        count_attempt(attempt, report);
    settle_call(attempt, report);
    struct task *task = call->task;
    struct summary_facts facts = {
        .report = report,
        .was_reused = attempt->was_reused,
        .was_heard = attempt->was_heard,
        .json_depth = (int)call_config(call)->limits.json_depth,
        .usage = &call->usage,
    };
    int count = summary_push(task->co, &facts);
    if (!report->is_held)
        free_attempt(attempt);
    task_wake(task, count);
}

bool attempt_release(struct call *call)
{
    struct attempt *attempt = call->held;
    char text[STATUS_TEXT];

    if (exchange_is_gone(call->exchange)) {
        attempt_discard(call, error_kind_name(ERROR_CANCELED));
        return false;
    }
    call->held = NULL;
    call->is_ended = true;
    call->first_content_ns = clock_monotonic_ns();
    call->status = attempt->status;
    relay_release(attempt->relay);
    if (!attempt->is_noted)
        note_status(attempt, attempt->status, attempt->ended_ns);
    count_outcome(attempt, status_text(attempt->status, text));
    free_attempt(attempt);
    return true;
}

void attempt_discard(struct call *call, const char *outcome)
{
    struct attempt *attempt = call->held;

    call->held = NULL;
    note(attempt, outcome, attempt->ended_ns);
    count_outcome(attempt, outcome);
    usage_add_counts(&inner_call_family(call)->discarded, &call->usage);
    call->usage = usage_unknown();
    free_attempt(attempt);
}

static const struct relay_handler relay_handler = {
    .on_commit = on_commit,
    .redact = redact,
    .on_event = on_event,
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

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    struct attempt *attempt = owner;
    relay_on_body(attempt->relay, bytes, len, is_last);
}

// A stream may stay open for minutes after its request was of use for the last time.
static void drop_request(struct attempt *attempt)
{
    call_drop_body(attempt->call);
    buf_deinit(&attempt->scratch);
    free(attempt->segments);
    attempt->segments = NULL;
}

static void on_wake_end(void *owner)
{
    struct attempt *attempt = owner;
    relay_on_wake_end(attempt->relay);
    if (attempt->segments && relay_is_committed(attempt->relay) &&
        upstream_was_sent(attempt->upstream))
        drop_request(attempt);
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

static void start_source(lua_State *L, struct attempt *attempt)
{
    if (lua_isfunction(L, OPTION_SERVE))
        attempt->producer = producer_start(attempt->vm, L, OPTION_SERVE, attempt->relay);
    else if (mock_upstream_is_on(attempt->vm))
        attempt->producer =
            mock_upstream_start(attempt->vm, L, &attempt->request, attempt->target, attempt->relay);
    else
        attempt->upstream = upstream_start(attempt->vm->env.upstreams, &attempt->request,
                                           &upstream_handler, attempt);
}

int attempt_start(lua_State *L, struct call *call)
{
    lua_settop(L, OPTION_EXTRA);
    if (call->attempt)
        return luaL_error(L, "req:attempt() is already running");
    if (call->held)
        return luaL_error(L, "an answer is held: req:release() or req:discard() it first");
    if (exchange_is_gone(call->exchange) || call->task->is_canceled)
        return summary_push_canceled(L);
    struct relay_plan plan = read_plan(L, call);
    read_extra(L, &plan);
    const struct usage *usage = usage_class_check(L, OPTION_USAGE);
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    attempt->call = call;
    attempt->vm = call->vm;
    attempt->usage = usage;
    attempt->label = value_text(L, OPTION_LABEL);
    attempt->target = value_text(L, OPTION_TARGET);
    attempt->started_ns = clock_monotonic_ns();
    buf_init(&attempt->scratch, EDITS_SCRATCH);
    if (!lua_isfunction(L, OPTION_SERVE)) {
        read_endpoint(L, attempt);
        read_own_headers(L, attempt);
        read_body(L, attempt);
    }
    if (plan.filters) {
        lua_getfield(L, OPTION_EXTRA, "on_event");
        event_hook_init(&attempt->hook, call, L);
    }
    attempt->relay = relay_new(&plan, &relay_handler, attempt);
    call->attempt = attempt;
    call->attempt_count++;
    if (plan.is_stream)
        call_start_keepalive(call);
    metric_add(call->vm->env.names->upstreams_in_flight, 1);
    start_source(L, attempt);
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
