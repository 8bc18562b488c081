// One request being served: the exchange with the client, the task that decides, the attempt that
// runs, and what will be said about it all.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "base/buf.h"
#include "http/price.h"
#include "http/server.h"
#include "json/json.h"
#include "loop/timers.h"

struct vm;
struct vm_generation;
struct task;
struct attempt;
struct inner_asked;
struct inner_call;
struct inner_family;
struct hold;
struct document;

enum { CALL_ID_LEN = 32 };

// What a client whose stream is silent gets.
enum call_keepalive {
    KEEPALIVE_COMMENT, // of server-sent events
    KEEPALIVE_NEWLINE,
    KEEPALIVE_NONE, // nothing, and no early head either
};

struct call {
    struct vm *vm;
    struct vm_generation *generation; // that it began with, held to its end
    struct exchange *exchange;        // released by call_on_end()
    struct task *task;
    struct attempt *attempt; // the running one, or NULL
    struct attempt *held;    // owned; the one whose answer waits to be released, or NULL
    struct call **handle;    // what the Lua userdata points through; NULL data after the end
    char id[CALL_ID_LEN + 1];
    struct buf headers;  // added by scripts: complete header lines
    struct buf attempts; // "target#label=outcome/ms" separated by spaces
    unsigned attempt_count;
    uint64_t attempts_ns;      // spent inside attempts
    uint64_t first_content_ns; // clock_monotonic_ns(); 0: none went out
    uint64_t ended_ns;         // of the last attempt, likewise
    uint64_t total_at_ms;      // deadline of the request, loop_now_ms(); 0: none
    uint64_t scripts_at_ms;    // when its scripts began, likewise; 0: it has none
    struct timer waits;        // runs with scripts: due when they may wait no longer
    struct usage_counts usage; // of the last attempt
    struct cost cost;          // of all its attempts, and of inner requests that have ended
    int status;                // sent to the client; 0: none yet
    bool is_ended;             // the client's answer has its end
    bool is_recorded;
    int in_flight; // what it adds to the gauge
    struct timer keepalive;
    char *stream_type; // owned; content-type of an early head, NULL: text/event-stream
    enum call_keepalive keepalive_form;
    unsigned silent_ticks;
    uint64_t bytes_seen;
    struct json_field *scan; // owned; of the last req:scan()
    size_t scan_count;
    char *kept; // owned; the body for log.bodies, NULL without it
    size_t kept_len;
    struct inner_call *inner;    // owned; NULL: a client's request
    struct inner_family *family; // owned; NULL: it has asked nothing of the gateway itself
    int context_ref;             // of the Lua value of core.context(); 0: none
    struct hold *holds;          // owned
    struct document *document;   // owned; the body, once scripts look into it (call_body.h)
    uint32_t documents;          // made until now
};

enum call_kind {
    CALL_MAIN,
    CALL_ADMIN, // served by serve_admin(), neither logged nor counted
    CALL_INNER, // asked by a request or script, see lua/inner_call.h
};

// Serves the request with the Lua side's function for that listener.
void call_start(struct vm *vm, struct exchange *exchange, enum call_kind kind);

// Serves an inner request with serve_inner(req, context); `context` is the value on top of L, which
// is popped.
void call_start_inner(struct vm *vm, struct exchange *exchange, const struct inner_asked *asked,
                      lua_State *L);

// What scripts wait for fails from call->total_at_ms on.
void call_limit_waits(struct call *call);

// Nobody needs the request's body, or what was found in it, any more.
void call_drop_body(struct call *call);

// The configuration of the request's generation. Borrowed, for as long as the call lives.
const struct config *call_config(const struct call *call);

// The client has gone.
void call_on_gone(struct call *call);
void call_on_drain(struct call *call);

// Appends the header lines that every answer has.
void call_add_headers(const struct call *call, struct buf *headers);

// A whole answer; `headers` are complete lines.
void call_reply(struct call *call, int status, struct slice headers, struct slice body);

// Ends an open stream with these last bytes.
void call_end_stream(struct call *call, struct slice last);

// Ends an answer that cannot carry an error in its body: the client sees that it is not whole.
void call_break_off(struct call *call);

// From now on the client gets a keep-alive after each `stream.keepalive` of silence.
void call_start_keepalive(struct call *call);

// What the log line and the metrics say. Slices are borrowed; NULL data means unknown.
struct call_record {
    struct slice outcome, client, model, metric_model, target, kind, message;
    bool is_answer; // a model's answer, whose usage counts; not one of the gateway's own
};

// Once per request; later calls do nothing.
void call_record(struct call *call, const struct call_record *record);
