// Whole answers that are passed on while they come: those that outgrow what may be held, and those
// of a protocol that says they may be. What was counted is looked for in their last bytes.
#include <string.h>

#include "http/relay_parts.h"

enum { TAIL = 4096 }; // bytes; counts stand behind everything else

static bool begins_as_object(const struct relay *relay)
{
    for (size_t i = 0; i < relay->hold.len; i++) {
        char c = relay->hold.data[i];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return c == '{';
    }
    return false;
}

bool relay_passes_early(const struct relay *relay)
{
    const struct relay_plan *plan = &relay->plan;
    return watch_passes_early(plan->watch) && !plan->is_stream && !plan->hold_all &&
           !plan->translates && relay->mode == DOCUMENT;
}

size_t relay_early_size(const struct relay *relay, size_t piece)
{
    size_t most = LIMIT_EARLY_HOLD + piece;
    return relay->expected < most ? relay->expected : most;
}

bool relay_has_begun_well(const struct relay *relay)
{
    return relay->hold.len >= LIMIT_EARLY_HOLD && begins_as_object(relay);
}

static void keep_tail(struct relay *relay, struct slice bytes)
{
    if (bytes.len >= TAIL) {
        buf_clear(&relay->usage);
        buf_add(&relay->usage, bytes.data + bytes.len - TAIL, TAIL);
        return;
    }
    if (relay->usage.len + bytes.len > TAIL)
        buf_consume(&relay->usage, relay->usage.len + bytes.len - TAIL);
    buf_add_slice(&relay->usage, bytes);
}

void relay_pass_raw(struct relay *relay, struct slice bytes)
{
    keep_tail(relay, bytes);
    exchange_pass(relay->plan.exchange, bytes);
}

void relay_begin_raw(struct relay *relay)
{
    struct slice held = buf_slice(&relay->hold);

    relay->mode = RAW;
    keep_tail(relay, held);
    relay_commit(relay);
}

// From a member of the top level on, the rest of a document is one itself.
static bool read_from(struct relay *relay, size_t at, struct buf *text)
{
    struct watch_result said = {.has_content = false};
    struct json_error ignored;

    buf_clear(text);
    buf_add_text(text, "{");
    buf_add(text, relay->usage.data + at, relay->usage.len - at);
    if (watch_document(relay->plan.watch, buf_slice(text), &said, &ignored) != 0)
        return false;
    buf_clear(&relay->usage);
    relay_keep(&relay->usage, said.usage);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Where a name may begin: behind a comma.
static bool may_begin(const struct buf *tail, size_t at)
{
    if (tail->data[at] != '"')
        return false;
    while (at && is_space(tail->data[at - 1]))
        at--;
    return at && tail->data[at - 1] == ',';
}

// What was not read can still be seen to be cut.
static bool ends_as_object(const struct buf *tail)
{
    size_t at = tail->len;

    while (at && is_space(tail->data[at - 1]))
        at--;
    return at && tail->data[at - 1] == '}';
}

void relay_end_raw(struct relay *relay)
{
    struct buf text;
    bool is_found = false;

    if (!ends_as_object(&relay->usage)) {
        buf_clear(&relay->usage);
        relay->phase = RELAY_STREAM;
        relay_note_failure(relay, ERROR_PROTOCOL, "the answer ended before its end");
        return;
    }
    buf_init(&text, TAIL + 2);
    for (size_t at = 0; at < relay->usage.len && !is_found; at++)
        is_found = may_begin(&relay->usage, at) && read_from(relay, at, &text);
    if (!is_found)
        buf_clear(&relay->usage);
    buf_deinit(&text);
    relay->is_complete = true;
    exchange_end(relay->plan.exchange);
}
