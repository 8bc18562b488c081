// What a plan may ask for beside the relay's usual way: more held back than up to the first content
// event, and events that are looked at before they go out.
#include "base/clock.h"
#include "http/relay_parts.h"

bool relay_has_spoken(const struct relay *relay)
{
    return relay->is_committed || relay->content_count || relay_is_finished(relay);
}

// Nothing is taken back from a client that has got it: what fails after the commit is a failure of
// the stream.
static void refuse(struct relay *relay, const struct error *err)
{
    relay_fail(relay, RELAY_STREAM, err->kind, err->message);
}

// Returns the bytes for the client, NULL data when there are none.
static struct slice filter(struct relay *relay, const struct stream_event *event, struct slice raw,
                           struct buf *instead)
{
    struct error err = {.kind = ERROR_SCRIPT};

    switch (relay->handler->on_event(relay->owner, event, instead, &err)) {
    case RELAY_AS_IT_IS:
        return raw;
    case RELAY_CHANGED:
        return buf_slice(instead);
    case RELAY_DROPPED:
        break;
    case RELAY_REFUSED:
        refuse(relay, &err);
        break;
    }
    return (struct slice){NULL, 0};
}

void relay_note_content(struct relay *relay)
{
    relay->content_count++;
    if (!relay->first_content_ns)
        relay->first_content_ns = clock_monotonic_ns();
}

static bool may_commit(const struct relay *relay)
{
    return !relay->is_committed && !relay->failure && !relay->plan.hold_all;
}

bool relay_has_enough(const struct relay *relay)
{
    unsigned wanted = relay->plan.hold_events ? relay->plan.hold_events : 1;
    return may_commit(relay) && relay->content_count >= wanted;
}

// The end of a stream releases what there is of it, however little.
static bool is_due(const struct relay *relay, const struct watch_result *said)
{
    return relay_has_enough(relay) ||
           (may_commit(relay) &&
            (said->is_terminal || (said->has_finish && relay_is_finished(relay))));
}

void relay_on_touched_event(struct relay *relay, const struct stream_event *event, struct slice raw,
                            const struct watch_result *said, bool is_hidden)
{
    struct buf instead;

    if (said->is_terminal && !said->has_content && !relay_has_spoken(relay)) {
        relay_fail(relay, RELAY_FIRST_TOKEN, ERROR_PROTOCOL, "the stream ended without content");
        return;
    }
    buf_init(&instead, LIMIT_SSE_EVENT);
    struct slice bytes = raw;
    if (relay->plan.filters && !is_hidden && !said->is_terminal)
        bytes = filter(relay, event, raw, &instead);
    if (said->has_content && bytes.data && !relay->failure)
        relay_note_content(relay);
    if (!is_hidden && bytes.data && !relay->failure)
        relay_pass_on(relay, bytes);
    if (is_due(relay, said))
        relay_commit(relay);
    relay->is_terminal_seen = relay->is_terminal_seen || said->is_terminal;
    buf_deinit(&instead);
}

void relay_hold(struct relay *relay)
{
    relay_add_end(relay);
    relay->is_held = !relay->failure;
}

void relay_release(struct relay *relay)
{
    relay->is_held = false;
    if (relay->mode == EVENTS) {
        relay_commit(relay);
        relay->is_complete = true;
        exchange_end(relay->plan.exchange);
    } else {
        relay_commit_document(relay);
    }
}
