// Inside of the stream engine, shared by relay.c (life, deadlines, commit, whole bodies),
// relay_stream.c (events), relay_hold.c (what is held back or changed) and relay_translate.c.
#pragma once

#include "base/buf.h"
#include "http/relay.h"

struct inflate;

// What the bytes of the answer are taken for, known with its head:
// AWAIT_HEAD -> EVENTS | DOCUMENT | REFUSAL; DOCUMENT -> RAW when it outgrows the hold limit.
enum body_mode {
    AWAIT_HEAD,
    EVENTS,   // a 2xx stream: events are watched and relayed
    DOCUMENT, // a 2xx unary body: held until it is complete
    RAW,      // a body too large to hold, or to be held: relayed as it comes
    REFUSAL,  // not 2xx: kept for the caller
};

struct relay {
    struct relay_plan plan;
    const struct relay_handler *handler;
    void *owner;
    enum body_mode mode;
    enum relay_phase phase;
    bool is_committed, is_complete, is_error_sent, is_terminal_seen;
    bool is_cancel_asked, is_paused;
    bool is_touched;        // the plan holds more than usual, or filters
    bool is_refused;        // translate() has failed
    bool is_held;           // whole and sound: waits for relay_release()
    unsigned content_count; // content events that go to the client; counted where is_touched, and
                            // of a translated stream
    int status;
    uint64_t last_byte_ms;
    uint64_t first_content_ns;
    uint64_t head_due_ms, first_token_due_ms;
    struct error *failure; // owned; the first one, NULL: none
    struct timer timer;
    struct watch_state state;
    struct watch_result *told; // borrowed: where relay_tell() says it, NULL outside of an event
    struct framing_parser parser;
    struct inflate *inflate;
    struct buf hold;           // events before the commit point; a unary or refused body
    size_t expected;           // length of a unary body; 0: unknown, or more than may be held
    struct slice whole;        // borrowed: a unary body that came at once is not held
    struct buf forward;        // header lines of the upstream that the client gets
    struct buf first_usage;    // JSON, of the first event that had one before the last
    struct buf usage;          // last usage, JSON; of a RAW body its last bytes, until the end
    struct buf provider_error; // error inside a 2xx, JSON
    struct headers kept;       // of an answer that is not 2xx, or where the plan keeps them
    bool has_kept;
};

// ---- relay.c ----------------------------------------------------------------------------------

// The first failure counts, what follows is its consequence; the upstream is canceled and the end
// comes with relay_on_end(). Nothing after a complete answer.
void relay_fail(struct relay *relay, enum relay_phase phase, enum error_kind kind,
                const char *message);

// The same at the end, when there is nothing to cancel any more.
void relay_note_failure(struct relay *relay, enum error_kind kind, const char *message);

// Everything held goes out, in one write together with the head.
void relay_commit(struct relay *relay);

// The whole body in relay->whole, or in `hold`: it goes out.
void relay_commit_document(struct relay *relay);

// Copies the JSON text of a value that is there.
void relay_keep(struct buf *into, struct json_value value);

// The unary body that has come.
struct slice relay_document(const struct relay *relay);

// ---- relay_stream.c ---------------------------------------------------------------------------

// The parser's callback; `owner` is the relay.
int relay_on_event(void *owner, const struct stream_event *event);

// The client's answer ends properly.
void relay_complete_stream(struct relay *relay);

// The upstream has ended: decides whether that was the stream's proper end.
void relay_end_stream(struct relay *relay, const struct error *err);

// One more piece of the stream: to the client, or into `hold`.
void relay_pass_on(struct relay *relay, struct slice bytes);

// Every choice has its finish reason.
bool relay_is_finished(const struct relay *relay);

// The protocol's last bytes, where the provider left them out.
void relay_add_end(struct relay *relay);

// ---- relay_large.c ----------------------------------------------------------------------------

// A unary body of a protocol whose answers may be passed on before their end.
bool relay_passes_early(const struct relay *relay);

// How much of such a body may come to be held, when it comes in pieces of that length.
size_t relay_early_size(const struct relay *relay, size_t piece);

// Enough of it is held to be taken for an answer.
bool relay_has_begun_well(const struct relay *relay);

// What is held goes out: the commit. From now on the body is RAW.
void relay_begin_raw(struct relay *relay);

// One more piece of it.
void relay_pass_raw(struct relay *relay, struct slice bytes);

// It has ended: looks for its usage, and ends the client's answer; fails where it is cut.
void relay_end_raw(struct relay *relay);

// ---- relay_hold.c -----------------------------------------------------------------------------

// A watched event where is_touched. `raw` are its complete bytes; `is_hidden`: not for the client.
void relay_on_touched_event(struct relay *relay, const struct stream_event *event, struct slice raw,
                            const struct watch_result *said, bool is_hidden);

// There was content, or an end that means it: an end of bytes can be a proper one.
bool relay_has_spoken(const struct relay *relay);

// Content that goes to the client.
void relay_note_content(struct relay *relay);

// Enough content has come for the commit.
bool relay_has_enough(const struct relay *relay);

// All of it is here.
void relay_hold(struct relay *relay);

// ---- relay_translate.c ------------------------------------------------------------------------

// A watched event of a translated stream.
void relay_translate_event(struct relay *relay, const struct stream_event *event,
                           const struct watch_result *said);

// An event that nobody has watched: its translation says what it means.
void relay_translate_told(struct relay *relay, const struct stream_event *event);

// A block without data: a comment goes to a client that can take it.
void relay_translate_comment(struct relay *relay, const struct stream_event *event);

// The last bytes of the client's stream; fails where they cannot be made.
void relay_translate_end(struct relay *relay);

// A whole and sound body. The upstream has ended.
void relay_translate_document(struct relay *relay);
