// One try of one lane: prepares the request to the upstream (a connection, or a Lua function that
// answers instead), runs the relay, and wakes the task with a summary.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct attempt;
struct call;

// The C half of req:attempt(options), with the options one by one on the stack, in the order of
// call_class.c. Waits; returns what summary_push() says. Wrong options raise.
int attempt_start(lua_State *L, struct call *call);

// The answer that call->held waits with goes to the client, and its attempt is over. False when the
// client has gone: then the answer is discarded.
bool attempt_release(struct call *call);

// It is dropped instead, listed and counted with this outcome; its tokens are counted all the same.
void attempt_discard(struct call *call, const char *outcome);

// The client has gone.
void attempt_cancel(struct attempt *attempt);
void attempt_on_drain(struct attempt *attempt);
bool attempt_is_complete(const struct attempt *attempt);
