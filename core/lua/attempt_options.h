// What req:attempt() is told, read from the stack of its C half: how its answer is relayed, and
// what goes to the provider.
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "http/upstream.h"

struct call;

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
    OPTION_FRAMING,
    OPTION_PRICE,
    OPTION_EXTRA, // what few requests have: hold, on_event, headers, body, path, codec
};

// Raises what is wrong with the options. Nothing is to be freed.
struct relay_plan attempt_read_plan(lua_State *L, struct call *call);

// A request to a provider. Embedded in its owner.
struct attempt_request {
    struct upstream_request upstream;
    struct slice *segments;  // owned; the body
    struct buf scratch;      // bytes that json_splice() adds
    struct buf headers;      // those of the endpoint and of the request, where it has its own
    struct buf signed_lines; // all of them and a signature, where the endpoint has a signer
    struct buf path;         // with the endpoint's key, where the request has a path of its own
};

// Of options that attempt_read_plan() has accepted.
void attempt_request_init(struct attempt_request *request, lua_State *L, struct call *call);
void attempt_request_deinit(struct attempt_request *request);

// Nobody needs its body any more.
void attempt_request_drop_body(struct attempt_request *request);
