// A client that speaks another dialect than the provider gets what the handler makes of the answer.
// What the events mean (content, finish, end, error) is watched as ever: only the bytes differ.
#include "base/clock.h"
#include "http/relay_parts.h"

// Nothing is taken back from a client that has got it: behind the commit point this is a failure of
// the stream.
static int translate(struct relay *relay, enum relay_part part, const struct stream_event *event)
{
    struct error err = {.kind = ERROR_PROTOCOL};

    if (relay->handler->translate(relay->owner, part, event, &err) == 0)
        return 0;
    relay->is_refused = true;
    relay_fail(relay, relay->is_committed ? RELAY_STREAM : RELAY_FIRST_TOKEN, err.kind,
               err.message);
    return -1;
}

// A finish alone commits nothing: what is to be made of the end may yet fail.
static void settle(struct relay *relay, const struct watch_result *said)
{
    if (said->has_content && !relay->is_committed)
        relay_note_content(relay);
    if (relay_has_enough(relay))
        relay_commit(relay);
    relay->is_terminal_seen = relay->is_terminal_seen || said->is_terminal;
}

void relay_translate_event(struct relay *relay, const struct stream_event *event,
                           const struct watch_result *said)
{
    if (said->is_terminal && !said->has_content && !relay_has_spoken(relay)) {
        relay_fail(relay, RELAY_FIRST_TOKEN, ERROR_PROTOCOL, "the stream ended without content");
        return;
    }
    if (translate(relay, RELAY_EVENT, event) == 0)
        settle(relay, said);
}

void relay_translate_told(struct relay *relay, const struct stream_event *event)
{
    struct watch_result said = {.has_content = false};

    relay->told = &said;
    int rc = translate(relay, RELAY_EVENT, event);
    relay->told = NULL;
    if (rc == 0)
        settle(relay, &said);
}

void relay_tell(struct relay *relay, const struct relay_told *told)
{
    if (told->usage.data)
        relay_keep(&relay->usage, (struct json_value){JSON_OBJECT, told->usage});
    if (!relay->told)
        return;
    relay->told->has_content = told->content;
    relay->told->has_finish = told->finish;
    relay->state.all_finished = relay->state.all_finished || told->finish;
    relay->state.any_finish = relay->state.all_finished;
}

void relay_translate_comment(struct relay *relay, const struct stream_event *event)
{
    bool is_comment = relay->plan.framing == FRAMING_SSE && !event->name.data && event->is_complete;
    if (is_comment && !relay->plan.lacks_comments)
        relay_pass_on(relay, event->raw);
}

void relay_translate_end(struct relay *relay)
{
    static const struct stream_event none = {.is_complete = true};
    translate(relay, RELAY_FINISH, &none);
}

void relay_translate_document(struct relay *relay)
{
    struct stream_event whole = {.data = relay_document(relay), .is_complete = true};
    translate(relay, relay->plan.is_stream ? RELAY_WHOLE : RELAY_BODY, &whole);
}

// ---- what was made ----------------------------------------------------------------------------

// It may be larger than what it was made of, but no more of it is held than of any answer.
static void hold_instead(struct relay *relay, struct slice bytes)
{
    buf_clear(&relay->hold);
    relay->first_content_ns = clock_monotonic_ns();
    relay->is_held = buf_add_slice(&relay->hold, bytes) == 0;
    if (!relay->is_held)
        relay_fail(relay, RELAY_STREAM, ERROR_TOO_LARGE,
                   "the answer is larger than limits.hold, and it was to be held");
}

// From here on it is a stream that has come to its end.
static void put_stream(struct relay *relay, struct slice bytes)
{
    relay->mode = EVENTS;
    if (relay->plan.hold_all) {
        hold_instead(relay, bytes);
        return;
    }
    buf_clear(&relay->hold);
    relay_commit(relay);
    exchange_write(relay->plan.exchange, bytes);
    relay->is_complete = true;
    exchange_end(relay->plan.exchange);
}

static void put_document(struct relay *relay, struct slice bytes)
{
    if (relay->plan.hold_all) {
        hold_instead(relay, bytes);
        return;
    }
    relay->whole = bytes;
    relay_commit_document(relay);
}

void relay_put(struct relay *relay, enum relay_part part, struct slice bytes)
{
    switch (part) {
    case RELAY_EVENT:
    case RELAY_FINISH:
        relay_pass_on(relay, bytes);
        break;
    case RELAY_BODY:
        put_document(relay, bytes);
        break;
    case RELAY_WHOLE:
        put_stream(relay, bytes);
        break;
    }
    relay->whole = (struct slice){NULL, 0};
}
