#include "lua/attempt.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/relay.h"
#include "lua/attempt_options.h"
#include "lua/call.h"
#include "lua/codec.h"
#include "lua/event_hook.h"
#include "lua/inner_call.h"
#include "lua/mock_upstream.h"
#include "lua/price_class.h"
#include "lua/producer.h"
#include "lua/summary.h"
#include "lua/tape.h"
#include "lua/task.h"
#include "lua/usage_class.h"
#include "lua/value.h"
#include "lua/vm.h"

struct attempt {
    struct call *call;
    struct vm *vm;
    struct relay *relay;
    struct upstream *upstream; // one of these two, NULL when it has ended
    struct producer *producer;
    const struct usage *usage; // borrowed from the options, like these:
    const struct price *price; // NULL: not known
    struct slice label;
    struct slice target;
    uint64_t started_ns, ended_ns;
    int status;
    long long cost; // nano-dollars; -1: unknown
    bool was_reused, was_heard;
    bool is_noted; // in the list of attempts, which went out with the answer's head
    struct attempt_request request;
    struct event_hook hook;
    struct codec codec;
};

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

static enum relay_verdict on_event(void *owner, const struct stream_event *event,
                                   struct buf *instead, struct error *err)
{
    struct attempt *attempt = owner;
    return event_hook_run(&attempt->hook, event, instead, err);
}

static int translate(void *owner, enum relay_part part, const struct stream_event *event,
                     struct error *err)
{
    struct attempt *attempt = owner;
    return codec_translate(&attempt->codec, attempt->relay, part, event, err);
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
    codec_deinit(&attempt->codec);
    attempt_request_deinit(&attempt->request);
    free(attempt);
}

static struct usage_counts read_usage(const struct attempt *attempt,
                                      const struct relay_report *report)
{
    struct slice texts[] = {report->first_usage, report->usage};
    bool has_first = report->first_usage.data != NULL;

    if (!report->usage.data || !attempt->usage)
        return usage_unknown();
    return usage_read(attempt->usage, has_first ? texts : texts + 1, has_first ? 2 : 1);
}

// An answer costs something, whatever becomes of it. A failure does where its tokens were told.
static void charge(struct attempt *attempt, const struct relay_report *report)
{
    struct call *call = attempt->call;
    bool is_answer = report->is_committed || report->is_held || report->usage.data;

    attempt->cost = attempt->price ? price_cost(attempt->price, &call->usage) : -1;
    if (is_answer)
        cost_add(&call->cost, attempt->cost);
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
    call->usage = read_usage(attempt, report);
    charge(attempt, report);
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
        .cost = attempt->cost,
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
    .translate = translate,
    .on_done = on_relay_done,
    .pause = pause_source,
    .resume = resume_source,
    .cancel = cancel_source,
};

// ---- what the upstream says -------------------------------------------------------------------

static void on_head(void *owner, const struct upstream_head *head)
{
    struct attempt *attempt = owner;
    if (attempt->vm->tape)
        tape_head(attempt->vm->tape, head->status, head->headers);
    relay_on_head(attempt->relay, head->status, head->headers);
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    struct attempt *attempt = owner;
    if (attempt->vm->tape)
        tape_body(attempt->vm->tape, bytes, len);
    relay_on_body(attempt->relay, bytes, len, is_last);
}

// A stream may stay open for minutes after its request was of use for the last time.
static void drop_request(struct attempt *attempt)
{
    call_drop_body(attempt->call);
    attempt_request_drop_body(&attempt->request);
}

static void on_wake_end(void *owner)
{
    struct attempt *attempt = owner;
    relay_on_wake_end(attempt->relay);
    if (attempt->request.segments && relay_is_committed(attempt->relay) &&
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

static void start_upstream(lua_State *L, struct attempt *attempt)
{
    if (attempt->vm->tape)
        tape_begin(attempt->vm, L, &attempt->request.upstream, attempt->target);
    attempt->upstream = upstream_start(attempt->vm->env.upstreams, &attempt->request.upstream,
                                       &upstream_handler, attempt);
}

static void start_source(lua_State *L, struct attempt *attempt)
{
    if (lua_isfunction(L, OPTION_SERVE))
        attempt->producer = producer_start(attempt->vm, L, OPTION_SERVE, attempt->relay);
    else if (mock_upstream_is_on(attempt->vm))
        attempt->producer = mock_upstream_start(attempt->vm, L, &attempt->request.upstream,
                                                attempt->target, attempt->relay);
    else
        start_upstream(L, attempt);
}

// What has a say in the answer.
static void start_hooks(lua_State *L, struct attempt *attempt, const struct relay_plan *plan)
{
    if (plan->filters) {
        lua_getfield(L, OPTION_EXTRA, "on_event");
        event_hook_init(&attempt->hook, attempt->call, plan->framing, L);
    }
    if (plan->translates) {
        lua_getfield(L, OPTION_EXTRA, "codec");
        codec_init(&attempt->codec, attempt->call, L, lua_gettop(L));
        lua_pop(L, 1);
    }
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
    struct relay_plan plan = attempt_read_plan(L, call);
    const struct usage *usage = usage_class_check(L, OPTION_USAGE);
    const struct price *price = price_class_check(L, OPTION_PRICE);
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    attempt->call = call;
    attempt->vm = call->vm;
    attempt->usage = usage;
    attempt->price = price;
    attempt->label = value_text(L, OPTION_LABEL);
    attempt->target = value_text(L, OPTION_TARGET);
    attempt->started_ns = clock_monotonic_ns();
    if (!lua_isfunction(L, OPTION_SERVE))
        attempt_request_init(&attempt->request, L, call);
    start_hooks(L, attempt, &plan);
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
