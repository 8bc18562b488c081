#include "http/relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/forward.h"
#include "http/inflate.h"
#include "http/relay_parts.h"

enum {
    USUAL_HEAD = 400, // bytes of the header lines that the gateway adds
    LINGER_MS = 250, // after the terminal event: for the upstream's own end, to keep the connection
};

const char *relay_phase_name(enum relay_phase phase)
{
    static const char *const names[] = {"connect", "head", "first_token",
                                        "stream",  "idle", "total"};
    return names[phase];
}

// ---- failing ----------------------------------------------------------------------------------

static void cancel_upstream(struct relay *relay)
{
    if (relay->is_cancel_asked)
        return;
    relay->is_cancel_asked = true;
    relay->handler->cancel(relay->owner);
}

void relay_note_failure(struct relay *relay, enum error_kind kind, const char *message)
{
    relay->failure = mem_alloc(sizeof(*relay->failure));
    error_set(relay->failure, kind, "%s", message);
}

// The first failure counts; what follows is its consequence. The end comes with relay_on_end().
void relay_fail(struct relay *relay, enum relay_phase phase, enum error_kind kind,
                const char *message)
{
    if (relay->is_complete || relay->is_held || relay->failure)
        return;
    relay->phase = phase;
    relay_note_failure(relay, kind, message);
    cancel_upstream(relay);
}

// ---- deadlines --------------------------------------------------------------------------------

static bool is_over(uint64_t due_ms, uint64_t now)
{
    return due_ms && now >= due_ms;
}

static uint64_t idle_due(const struct relay *relay)
{
    bool counts = relay->mode != AWAIT_HEAD && relay->plan.idle_ms && !relay->is_paused;
    return counts ? relay->last_byte_ms + relay->plan.idle_ms : 0;
}

static uint64_t first_token_due(const struct relay *relay)
{
    return relay->is_committed || relay->content_count ? 0 : relay->first_token_due_ms;
}

static uint64_t head_due(const struct relay *relay)
{
    return relay->mode == AWAIT_HEAD ? relay->head_due_ms : 0;
}

// One timer serves all deadlines: it is left to fire at the earliest one known when it was armed,
// and looks then whether that has moved. No byte of a stream touches it.
static void arm(struct relay *relay, uint64_t now)
{
    uint64_t due[] = {relay->plan.total_at_ms, head_due(relay), first_token_due(relay),
                      idle_due(relay)};
    uint64_t earliest = 0;
    for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++) {
        if (due[i] && (!earliest || due[i] < earliest))
            earliest = due[i];
    }
    if (earliest)
        timer_start(relay->plan.timers, &relay->timer, earliest > now ? earliest - now : 0);
    else
        timer_stop(relay->plan.timers, &relay->timer);
}

static uint64_t now_ms(const struct relay *relay)
{
    return timers_now_ms(relay->plan.timers);
}

static void on_deadline(void *owner)
{
    struct relay *relay = owner;
    uint64_t now = now_ms(relay);
    if (relay->is_terminal_seen)
        cancel_upstream(relay);
    else if (is_over(relay->plan.total_at_ms, now))
        relay_fail(relay, RELAY_TOTAL, ERROR_TIMEOUT, "the request reached its total time limit");
    else if (is_over(head_due(relay), now))
        relay_fail(relay, RELAY_HEAD, ERROR_TIMEOUT, "no answer within the head time limit");
    else if (is_over(first_token_due(relay), now))
        relay_fail(relay, RELAY_FIRST_TOKEN, ERROR_TIMEOUT,
                   "no content within the first-token time limit");
    else if (is_over(idle_due(relay), now))
        relay_fail(relay, RELAY_IDLE, ERROR_TIMEOUT, "the answer stalled past the idle time limit");
    else
        arm(relay, now);
}

// ---- committing -------------------------------------------------------------------------------

static void append_answer_head(struct relay *relay, struct buf *headers)
{
    buf_init(headers, LIMIT_RESPONSE_HEAD);
    buf_reserve(headers, relay->forward.len + USUAL_HEAD);
    buf_add_slice(headers, buf_slice(&relay->forward));
    relay->handler->on_commit(relay->owner, relay->status, relay->first_content_ns, headers);
}

// Everything held goes out, in one write together with the head.
void relay_commit(struct relay *relay)
{
    struct exchange *exchange = relay->plan.exchange;

    relay->is_committed = true;
    if (!relay->first_content_ns)
        relay->first_content_ns = clock_monotonic_ns();
    if (!exchange_is_started(exchange)) {
        struct buf headers;
        append_answer_head(relay, &headers);
        exchange_start(exchange, relay->status, buf_slice(&headers));
        buf_deinit(&headers);
    }
    exchange_pass(exchange, buf_slice(&relay->hold));
    buf_deinit(&relay->hold);
    buf_deinit(&relay->forward);
}

struct slice relay_document(const struct relay *relay)
{
    return relay->whole.data ? relay->whole : buf_slice(&relay->hold);
}

void relay_commit_document(struct relay *relay)
{
    struct buf headers;

    relay->is_committed = relay->is_complete = true;
    if (!relay->first_content_ns)
        relay->first_content_ns = clock_monotonic_ns();
    append_answer_head(relay, &headers);
    exchange_reply(relay->plan.exchange, relay->status, buf_slice(&headers), relay_document(relay));
    buf_deinit(&headers);
}

static void check_backlog(struct relay *relay)
{
    if (relay->is_paused || exchange_backlog(relay->plan.exchange) < LIMIT_WRITE_PAUSE)
        return;
    relay->is_paused = true;
    relay->handler->pause(relay->owner);
}

// The bytes of a body that came at once are not there any more when it is released.
static void hold_document(struct relay *relay)
{
    if (relay->whole.data)
        buf_add_slice(&relay->hold, relay->whole);
    relay->whole = (struct slice){NULL, 0};
    relay->first_content_ns = clock_monotonic_ns();
    relay->is_held = true;
}

// ---- the end ----------------------------------------------------------------------------------

void relay_keep(struct buf *into, struct json_value value)
{
    if (value.type == JSON_ABSENT)
        return;
    buf_clear(into);
    buf_add_slice(into, value.raw);
}

static void end_document(struct relay *relay)
{
    struct watch_result said = {.has_content = false};
    struct json_error where;

    if (!relay->plan.is_told &&
        watch_document(relay->plan.watch, relay_document(relay), &said, &where) != 0) {
        relay_note_failure(relay, ERROR_PROTOCOL, "");
        error_set(relay->failure, ERROR_PROTOCOL, "the answer is not valid JSON: %s at byte %zu",
                  where.message, where.offset);
        return;
    }
    relay_keep(&relay->usage, said.usage);
    if (said.has_error) {
        relay_keep(&relay->provider_error, said.error);
        relay_note_failure(relay, ERROR_UPSTREAM_5XX,
                           "the provider reported an error inside its answer");
        return;
    }
    if (relay->plan.translates && (!relay->plan.is_stream || relay->plan.makes_streams))
        relay_translate_document(relay);
    else if (relay->plan.is_stream)
        relay_note_failure(relay, ERROR_PROTOCOL, "a stream was asked for, a whole body came");
    else if (relay->plan.hold_all)
        hold_document(relay);
    else
        relay_commit_document(relay);
}

static void report(struct relay *relay)
{
    bool ends_at_commit = relay->mode == DOCUMENT && relay->is_complete; // the clock is not free
    struct relay_report report = {
        .is_committed = relay->is_committed,
        .is_complete = relay->is_complete,
        .is_error_sent = relay->is_error_sent,
        .is_held = relay->is_held,
        .status = relay->status,
        .phase = relay->phase,
        .error = relay->failure,
        .first_content_ns = relay->first_content_ns,
        .ended_ns = ends_at_commit ? relay->first_content_ns : clock_monotonic_ns(),
    };
    if (relay->first_usage.len)
        report.first_usage = buf_slice(&relay->first_usage);
    if (relay->usage.len)
        report.usage = buf_slice(&relay->usage);
    if (relay->provider_error.len)
        report.provider_error = buf_slice(&relay->provider_error);
    if (relay->mode == REFUSAL) {
        report.headers = &relay->kept;
        report.body = buf_slice(&relay->hold);
    } else if (relay->is_held) {
        report.forward = buf_slice(&relay->forward);
        report.body = buf_slice(&relay->hold);
    }
    relay->handler->on_done(relay->owner, &report);
}

void relay_on_end(struct relay *relay, const struct error *err)
{
    timer_stop(relay->plan.timers, &relay->timer);
    if (relay->inflate && !err && !relay->failure && inflate_end(relay->inflate) != 0)
        relay_fail(relay, RELAY_STREAM, ERROR_PROTOCOL, "the compressed answer is cut short");
    if (relay->mode == REFUSAL && relay->is_cancel_asked)
        err = NULL; // enough of it was read
    if (relay->mode == EVENTS)
        relay_end_stream(relay, err);
    else if (err && !relay->failure)
        relay_note_failure(relay, err->kind, err->message);
    else if (relay->mode == RAW && !relay->failure)
        relay_end_raw(relay);
    else if (relay->mode == DOCUMENT && !relay->failure)
        end_document(relay);
    report(relay);
}

// ---- head and body ----------------------------------------------------------------------------

// Not "application/jsonl", nor any other type that only begins like that.
static bool is_json(struct slice type)
{
    const struct slice json = SLICE("application/json");
    return type.len >= json.len && slice_equal_nocase((struct slice){type.data, json.len}, json) &&
           (type.len == json.len || strchr("; \t,", type.data[json.len]));
}

static void start_decoding(struct relay *relay, const struct headers *headers)
{
    struct slice encoding = headers_find(headers, SLICE("content-encoding"));
    if (!encoding.data || slice_equal_nocase(encoding, SLICE("identity")))
        return;
    relay->inflate = inflate_new(encoding, relay->plan.hold_limit);
    if (!relay->inflate)
        relay_fail(relay, RELAY_HEAD, ERROR_PROTOCOL,
                   "the answer has an encoding that was not asked for");
}

static size_t expected_length(const struct relay *relay, const struct headers *headers)
{
    struct slice length = headers_find(headers, SLICE("content-length"));
    size_t bytes = 0;

    for (size_t i = 0; i < length.len && bytes <= relay->plan.hold_limit; i++)
        bytes = bytes * 10 + (size_t)(length.data[i] - '0');
    return bytes <= relay->plan.hold_limit ? bytes : 0;
}

static void keep_headers(struct relay *relay, const struct headers *headers)
{
    relay->has_kept = true;
    headers_init(&relay->kept, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    headers_copy(&relay->kept, headers);
}

const struct headers *relay_headers(const struct relay *relay)
{
    return relay->plan.keeps_headers && relay->has_kept ? &relay->kept : NULL;
}

void relay_on_head(struct relay *relay, int status, const struct headers *headers)
{
    relay->status = status;
    relay->last_byte_ms = now_ms(relay);
    if (status < 200 || status > 299) {
        relay->mode = REFUSAL;
        keep_headers(relay, headers);
        relay->hold.limit = LIMIT_ERROR_BODY;
    } else {
        bool is_document =
            !relay->plan.is_stream || is_json(headers_find(headers, SLICE("content-type")));
        relay->mode = is_document ? DOCUMENT : EVENTS;
        if (is_document)
            relay->expected = expected_length(relay, headers);
        if (relay->plan.keeps_headers)
            keep_headers(relay, headers);
        if (relay->plan.translates)
            forward_translated_headers(headers, relay->plan.type, &relay->forward);
        else
            forward_headers(headers,
                            is_document ? "application/json" : framing_type(relay->plan.framing),
                            &relay->forward);
    }
    relay->phase = relay->mode == EVENTS ? RELAY_FIRST_TOKEN : RELAY_STREAM;
    start_decoding(relay, headers);
    arm(relay, relay->last_byte_ms);
}

// A body that outgrows the hold limit can no longer be taken back: it is relayed as it comes.
static void overflow_document(struct relay *relay, struct slice bytes)
{
    if (relay->plan.is_stream || relay->plan.hold_all || relay->plan.translates) {
        relay_fail(relay, RELAY_STREAM, ERROR_TOO_LARGE, "the answer is larger than limits.hold");
        return;
    }
    relay_begin_raw(relay);
    relay_pass_raw(relay, bytes);
}

static void take_document(struct relay *relay, struct slice bytes)
{
    bool is_early = relay_passes_early(relay);

    if (!relay->hold.len && relay->expected > bytes.len) // in one block
        buf_reserve(&relay->hold, is_early ? relay_early_size(relay, bytes.len) : relay->expected);
    if (buf_add_slice(&relay->hold, bytes) != 0)
        overflow_document(relay, bytes);
    else if (is_early && relay_has_begun_well(relay))
        relay_begin_raw(relay);
}

static void feed_events(struct relay *relay, struct slice bytes)
{
    int rc = framing_parser_feed(&relay->parser, bytes.data, bytes.len);
    if (rc != 0)
        relay_fail(relay, RELAY_STREAM, ERROR_PROTOCOL,
                   framing_parser_problem(&relay->parser, (enum stream_problem)rc));
}

static void take_body(void *owner, const char *data, size_t len)
{
    struct relay *relay = owner;
    struct slice bytes = {data, len};

    if (relay->failure)
        return;
    switch (relay->mode) {
    case EVENTS:
        feed_events(relay, bytes);
        break;
    case DOCUMENT:
        take_document(relay, bytes);
        break;
    case RAW:
        relay_pass_raw(relay, bytes);
        break;
    case REFUSAL: {
        size_t room = relay->hold.limit - relay->hold.len;
        buf_add(&relay->hold, data, len < room ? len : room);
        if (len >= room)
            cancel_upstream(relay);
        break;
    }
    case AWAIT_HEAD:
        break;
    }
}

void relay_on_body(struct relay *relay, const char *bytes, size_t len, bool is_last)
{
    relay->last_byte_ms = now_ms(relay);
    bool is_whole =
        is_last && relay->mode == DOCUMENT && !relay->hold.len && len <= relay->plan.hold_limit;
    if (!relay->inflate && is_whole && !relay->failure)
        relay->whole = (struct slice){bytes, len};
    else if (!relay->inflate)
        take_body(relay, bytes, len);
    else if (!relay->failure && inflate_feed(relay->inflate, bytes, len, take_body, relay) != 0)
        relay_fail(relay, RELAY_STREAM, ERROR_PROTOCOL, "the compressed answer cannot be decoded");
}

// The client's answer ends with the terminal event, not with the upstream's connection; that has a
// moment to end by itself, so that it can be used again.
static void finish_after_terminal(struct relay *relay)
{
    relay_complete_stream(relay);
    timer_start(relay->plan.timers, &relay->timer, LINGER_MS);
}

// The same for an answer that is held: only its release ends that of the client.
static void hold_after_terminal(struct relay *relay)
{
    relay_hold(relay);
    timer_start(relay->plan.timers, &relay->timer, LINGER_MS);
}

void relay_on_wake_end(struct relay *relay)
{
    if (relay->is_complete || relay->failure)
        return;
    if (relay->is_terminal_seen && !relay->is_held) {
        if (relay->plan.hold_all)
            hold_after_terminal(relay);
        else
            finish_after_terminal(relay);
        return;
    }
    if (!relay->is_committed)
        return;
    exchange_flush(relay->plan.exchange);
    check_backlog(relay);
}

void relay_on_drain(struct relay *relay)
{
    if (!relay->is_paused)
        return;
    relay->is_paused = false;
    relay->last_byte_ms = now_ms(relay);
    relay->handler->resume(relay->owner);
}

void relay_cancel(struct relay *relay)
{
    if (relay->is_complete || relay->is_held)
        cancel_upstream(relay);
    else
        relay_fail(relay, relay->phase, ERROR_CANCELED, "the client has gone");
}

bool relay_is_committed(const struct relay *relay)
{
    return relay->is_committed;
}

bool relay_is_complete(const struct relay *relay)
{
    return relay->is_complete;
}

// ---- life -------------------------------------------------------------------------------------

struct relay *relay_new(const struct relay_plan *plan, const struct relay_handler *handler,
                        void *owner)
{
    struct relay *relay = mem_alloc(sizeof(*relay));
    relay->plan = *plan;
    relay->handler = handler;
    relay->owner = owner;
    relay->is_touched = plan->hold_all || plan->hold_events || plan->filters;
    relay->timer = (struct timer){.on_due = on_deadline, .owner = relay};
    buf_init(&relay->hold, plan->hold_limit);
    buf_init(&relay->forward, LIMIT_RESPONSE_HEAD);
    buf_init(&relay->first_usage, LIMIT_SSE_EVENT);
    buf_init(&relay->usage, LIMIT_SSE_EVENT);
    buf_init(&relay->provider_error, LIMIT_SSE_EVENT);
    framing_parser_init(&relay->parser, plan->framing, LIMIT_SSE_EVENT, relay_on_event, relay);
    uint64_t now = now_ms(relay);
    if (plan->is_stream && plan->first_token_ms)
        relay->first_token_due_ms = now + plan->first_token_ms;
    else if (plan->head_ms)
        relay->head_due_ms = now + plan->head_ms;
    arm(relay, now);
    return relay;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    timer_stop(relay->plan.timers, &relay->timer);
    framing_parser_deinit(&relay->parser);
    inflate_free(relay->inflate);
    buf_deinit(&relay->hold);
    buf_deinit(&relay->forward);
    buf_deinit(&relay->first_usage);
    buf_deinit(&relay->usage);
    buf_deinit(&relay->provider_error);
    free(relay->failure);
    if (relay->has_kept)
        headers_deinit(&relay->kept);
    free(relay);
}
