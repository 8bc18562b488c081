// The stream engine: takes one upstream answer, decides when it is committed to the client, relays
// it without changing a byte, or has it translated event by event, and reports once how it went.
//
// The upstream can be a connection or Lua code: whoever it is feeds relay_on_*(). Before the commit
// point nothing reaches the client, so the caller is free to try another lane. Commit: the first
// content event of a stream (or a proper end without any), a complete and sound unary body. The
// answers that never commit are those with another status than 2xx, an error inside, or a failure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/framing.h"
#include "http/headers.h"
#include "http/server.h"
#include "http/watch.h"
#include "loop/timers.h"

struct relay;

// A plan may hold more than that back: more content events, or the whole answer, which is then
// reported and waits for relay_release(). It may also have each event looked at before it goes out.

// Where an attempt was when it failed.
enum relay_phase {
    RELAY_CONNECT,
    RELAY_HEAD,
    RELAY_FIRST_TOKEN,
    RELAY_STREAM,
    RELAY_IDLE,
    RELAY_TOTAL,
};

const char *relay_phase_name(enum relay_phase phase);

// What the caller wants of one attempt. Borrowed until on_done.
struct relay_plan {
    struct exchange *exchange;
    struct timers *timers;
    const struct watch *watch;
    enum framing framing;  // of the upstream's streams
    bool is_stream;        // the client asked for a stream
    bool hide_usage;       // keep events that hold usage and no choice from the client
    unsigned choices;      // answers asked for (n)
    bool hold_all;         // commit nothing before relay_release(), over hold_limit fail
    bool filters;          // on_event() has a say in each event of a stream
    bool translates;       // the client gets what translate() makes; on_event() is not called
    bool makes_streams;    // with it: of a whole body, too, where a stream was asked for
    bool is_told;          // with it: translate() says by relay_tell() what an event means, and the
                           // watch is not asked; data need not be JSON
    bool keeps_headers;    // with it: relay_headers() has those of a whole answer
    bool ends_with_bytes;  // with it: a proper end of the bytes is one of the stream
    bool lacks_comments;   // with it: the client's stream has no place for comments
    struct slice type;     // with it: the content-type of the client's answer
    unsigned hold_events;  // content events that are held back before the commit; 0 counts as 1
    struct slice terminal; // bytes of the protocol's last event, added when it did not come
    size_t hold_limit;     // bytes held before the commit point
    uint32_t head_ms, first_token_ms, idle_ms; // 0: no such deadline
    uint64_t total_at_ms;                      // of loop_now_ms(); 0: none
};

struct relay_report {
    bool is_committed;  // the client has got bytes of this answer
    bool is_complete;   // it ended properly, and so did the client's answer
    bool is_error_sent; // committed, and the provider's own error event was the last thing sent
    bool is_held;       // whole and sound, and the client has got nothing of it
    int status;         // of the upstream; 0: no head came
    enum relay_phase phase;
    const struct error *error; // NULL: no failure of transport, framing or translation. Borrowed
    const struct headers *headers; // of an uncommitted answer; NULL otherwise. Borrowed
    struct slice body;           // likewise, cut at LIMIT_ERROR_BODY; or all that is held. Borrowed
    struct slice forward;        // header lines that come with what is held. Borrowed
    struct slice first_usage;    // JSON text of the first usage, NULL data: there was one at most
    struct slice usage;          // of the last one, NULL data: none. Both are borrowed
    struct slice provider_error; // JSON text of the error inside a 2xx, or NULL data. Borrowed
    uint64_t first_content_ns;   // clock_monotonic_ns(); 0: none
    uint64_t ended_ns;           // likewise
};

// What there is to be translated.
enum relay_part {
    RELAY_EVENT,  // one event that has data, the terminal one included
    RELAY_FINISH, // nothing: the stream has ended properly, what are its last bytes?
    RELAY_BODY,   // a whole and sound unary body, as the event's data
    RELAY_WHOLE,  // the same, of which a stream is to be made
};

enum relay_verdict {
    RELAY_AS_IT_IS,
    RELAY_CHANGED, // other bytes instead
    RELAY_DROPPED,
    RELAY_REFUSED, // the stream fails with what was put into `err`
};

struct relay_handler {
    // The answer is going to the client now: append the complete header lines that it should have
    // besides those of the upstream. Not called when an early head was sent.
    // `now_ns` is of clock_monotonic_ns().
    void (*on_commit)(void *owner, int status, uint64_t now_ns, struct buf *headers);
    // Appends `text` without secrets.
    void (*redact)(void *owner, struct slice text, struct buf *out);
    // With plan.filters: one event that the client would get. `instead` is empty and takes the
    // bytes of a changed one.
    enum relay_verdict (*on_event)(void *owner, const struct stream_event *event,
                                   struct buf *instead, struct error *err);
    // With plan.translates: makes the client's bytes of one part, and hands them to relay_put(), of
    // a body at most once. Returns 0, or -1 with `err`: the attempt fails so.
    int (*translate)(void *owner, enum relay_part part, const struct stream_event *event,
                     struct error *err);
    // Once. A committed answer that is not complete has been left open: the caller sends its error
    // event and ends it. The report is borrowed for the call; relay_free() may follow inside it,
    // or, for an answer that is held, relay_release() at any time after it.
    void (*on_done)(void *owner, const struct relay_report *report);
    // To the upstream. After cancel, relay_on_end() still comes, from outside that call.
    void (*pause)(void *owner);
    void (*resume)(void *owner);
    void (*cancel)(void *owner);
};

struct relay *relay_new(const struct relay_plan *plan, const struct relay_handler *handler,
                        void *owner);
void relay_free(struct relay *relay);

// The upstream's connection is made and the request is on its way: connect is over.
void relay_on_head(struct relay *relay, int status, const struct headers *headers);
// `is_last`: relay_on_end() follows while these bytes are still there, so that they need no copy.
void relay_on_body(struct relay *relay, const char *bytes, size_t len, bool is_last);
void relay_on_wake_end(struct relay *relay);                     // this wake-up's bytes are through
void relay_on_end(struct relay *relay, const struct error *err); // exactly once, the last call

// From inside translate(): what the client gets for that part. Borrowed for the call.
void relay_put(struct relay *relay, enum relay_part part, struct slice bytes);

// From inside translate(), where the plan is told: what that part meant.
struct relay_told {
    bool content, finish;
    struct slice usage; // JSON text; NULL data: none. Borrowed for the call
};

void relay_tell(struct relay *relay, const struct relay_told *told);

// The client has gone: ends with kind canceled.
void relay_cancel(struct relay *relay);

// The answer that was reported as held goes to the client: the commit point, and its end.
void relay_release(struct relay *relay);

// The client's queue has drained.
void relay_on_drain(struct relay *relay);

// The headers of a whole answer that is being translated, where the plan keeps them; else NULL.
const struct headers *relay_headers(const struct relay *relay);

// The client has got bytes of this answer: no other will be tried.
bool relay_is_committed(const struct relay *relay);

// The client's answer has ended properly (the report may still be to come).
bool relay_is_complete(const struct relay *relay);
