#include <stdlib.h>

#include "http/relay_parts.h"

// ---- events of a stream -----------------------------------------------------------------------

void relay_pass_on(struct relay *relay, struct slice bytes)
{
    if (relay->is_committed)
        exchange_write(relay->plan.exchange, bytes);
    else if (buf_add_slice(&relay->hold, bytes) == 0)
        return;
    else if (relay->is_touched)
        relay_fail(relay, RELAY_STREAM, ERROR_TOO_LARGE,
                   "the answer is larger than limits.hold, and it was to be held");
    else
        relay_fail(relay, RELAY_FIRST_TOKEN, ERROR_PROTOCOL,
                   "the stream said too much without content");
}

// An event that is an error by its name or type alone is itself what there is to know.
static struct json_value error_value(const struct stream_event *event,
                                     const struct watch_result *said)
{
    if (said->error.type != JSON_ABSENT || !event->data.len)
        return said->error;
    return (struct json_value){JSON_OBJECT, event->data};
}

// Nothing in a frame can be changed without another checksum: where there is something to be
// hidden, the handler's owner tells the error.
static void send_error_event(struct relay *relay, struct slice raw)
{
    struct buf clean;

    buf_init(&clean, LIMIT_SSE_EVENT);
    relay->handler->redact(relay->owner, raw, &clean);
    if (relay->plan.framing != FRAMING_EVENTSTREAM || slice_equal(raw, buf_slice(&clean))) {
        exchange_write(relay->plan.exchange, buf_slice(&clean));
        exchange_flush(relay->plan.exchange);
        relay->is_error_sent = true;
    }
    buf_deinit(&clean);
}

// An error event before the commit point is the caller's to judge; after it the client must see it.
static void on_error_event(struct relay *relay, const struct stream_event *event, struct slice raw,
                           const struct watch_result *said)
{
    relay_keep(&relay->provider_error, error_value(event, said));
    // In another dialect the handler's owner tells it, as any other failure behind the commit
    // point.
    if (relay->is_committed && !relay->plan.translates)
        send_error_event(relay, raw);
    relay_fail(relay, relay->is_committed ? RELAY_STREAM : RELAY_FIRST_TOKEN, ERROR_UPSTREAM_5XX,
               "the provider reported an error inside its answer");
}

bool relay_is_finished(const struct relay *relay)
{
    return watch_is_finished(relay->plan.watch, &relay->state, relay->plan.choices);
}

// Most providers tell it once, or all of it each time. Those that tell a part at the beginning and
// the rest at the end are why the first one is kept.
static void keep_usage(struct relay *relay, struct json_value usage)
{
    if (usage.type == JSON_ABSENT)
        return;
    if (relay->usage.len && !relay->first_usage.len)
        buf_add_slice(&relay->first_usage, buf_slice(&relay->usage));
    relay_keep(&relay->usage, usage);
}

static void on_watched_event(struct relay *relay, const struct stream_event *event,
                             struct slice raw, const struct watch_result *said)
{
    keep_usage(relay, said->usage);
    if (relay->plan.translates) {
        relay_translate_event(relay, event, said);
        return;
    }
    bool is_hidden = relay->plan.hide_usage && said->usage.type != JSON_ABSENT &&
                     !said->has_choice && !said->has_content;
    if (relay->is_touched) {
        relay_on_touched_event(relay, event, raw, said, is_hidden);
        return;
    }
    bool speaks = said->has_content || (said->has_finish && relay_is_finished(relay));

    if (said->is_terminal && !relay->is_committed && !speaks) {
        relay_fail(relay, RELAY_FIRST_TOKEN, ERROR_PROTOCOL, "the stream ended without content");
        return;
    }
    if (!is_hidden)
        relay_pass_on(relay, raw);
    if (speaks && !relay->is_committed && !relay->failure)
        relay_commit(relay);
    relay->is_terminal_seen = relay->is_terminal_seen || said->is_terminal;
}

// A last event may lack its end: the client gets it whole all the same.
static struct slice completed(const struct relay *relay, const struct stream_event *event,
                              struct buf *scratch)
{
    if (event->is_complete)
        return event->raw;
    buf_add_slice(scratch, event->raw);
    buf_add_slice(scratch, framing_missing_end(relay->plan.framing, event));
    return buf_slice(scratch);
}

int relay_on_event(void *owner, const struct stream_event *event)
{
    struct relay *relay = owner;
    static const struct watch_result failed = {.has_error = true};
    struct watch_result said;
    struct buf scratch;

    if (relay->failure || relay->is_terminal_seen)
        return 0;
    buf_init(&scratch, LIMIT_SSE_EVENT + 2);
    struct slice raw = completed(relay, event, &scratch);
    if (!event->data.data && relay->plan.translates)
        relay_translate_comment(relay, event);
    else if (!event->data.data)
        relay_pass_on(relay, raw);
    else if (event->is_error)
        on_error_event(relay, event, raw, &failed);
    else if (relay->plan.is_told)
        relay_translate_told(relay, event);
    else if (watch_event(relay->plan.watch, &relay->state, event->name, event->data, &said) != 0)
        relay_fail(relay, relay->is_committed ? RELAY_STREAM : RELAY_FIRST_TOKEN, ERROR_PROTOCOL,
                   "an event of the stream is not valid JSON");
    else if (said.has_error)
        on_error_event(relay, event, raw, &said);
    else
        on_watched_event(relay, event, raw, &said);
    buf_deinit(&scratch);
    return 0;
}

// ---- the end ----------------------------------------------------------------------------------

void relay_add_end(struct relay *relay)
{
    if (relay->plan.translates) {
        relay_translate_end(relay);
        return;
    }
    // The LF of the last event's CRLF may have come in a packet of its own.
    struct slice rest = framing_parser_rest(&relay->parser);
    if (rest.len)
        relay_pass_on(relay, rest);
    if (!relay->is_terminal_seen && relay->plan.terminal.len)
        relay_pass_on(relay, relay->plan.terminal);
}

void relay_complete_stream(struct relay *relay)
{
    relay_add_end(relay);
    if (relay->failure)
        return;
    if (!relay->is_committed)
        relay_commit(relay);
    relay->is_complete = true;
    exchange_end(relay->plan.exchange);
}

// A stream whose every choice has its finish reason is whole, however its last bytes were lost.
static bool is_whole(const struct relay *relay, const struct error *err)
{
    if (!relay_has_spoken(relay) || relay->is_error_sent || relay->is_refused)
        return false;
    if (relay->failure && relay->failure->kind != ERROR_TIMEOUT)
        return false;
    return relay->is_terminal_seen || relay_is_finished(relay) ||
           (relay->plan.ends_with_bytes && !err && !relay->failure);
}

// Half of a last frame is lost like one that never came.
static void end_events(struct relay *relay)
{
    int rc = framing_parser_end(&relay->parser);
    if (rc != 0 && !(rc == STREAM_CUT && relay_is_finished(relay)))
        relay_fail(relay, relay->is_committed ? RELAY_STREAM : RELAY_FIRST_TOKEN, ERROR_PROTOCOL,
                   framing_parser_problem(&relay->parser, (enum stream_problem)rc));
}

void relay_end_stream(struct relay *relay, const struct error *err)
{
    if (!err && !relay->failure)
        end_events(relay);
    if (relay->is_complete || relay->is_held)
        return;
    if (is_whole(relay, err)) {
        free(relay->failure);
        relay->failure = NULL;
        if (relay->plan.hold_all)
            relay_hold(relay);
        else
            relay_complete_stream(relay);
        return;
    }
    if (relay->failure)
        return;
    relay->phase = relay->is_committed ? RELAY_STREAM : RELAY_FIRST_TOKEN;
    if (err)
        relay_note_failure(relay, err->kind, err->message);
    else
        relay_note_failure(relay, ERROR_PROTOCOL,
                           relay->is_committed ? "the stream ended before its end was announced"
                                               : "the stream ended without content");
}
