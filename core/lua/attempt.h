// One try of one lane: prepares the request to the upstream (a connection, or a Lua function that
// answers instead), runs the relay, and wakes the task with a summary.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct attempt;
struct call;

// req:attempt(options): waits. The options are described in lua/api.h; wrong ones raise.
int attempt_start(lua_State *L, struct call *call, int options);

// The client has gone.
void attempt_cancel(struct attempt *attempt);
void attempt_on_drain(struct attempt *attempt);
bool attempt_is_complete(const struct attempt *attempt);
