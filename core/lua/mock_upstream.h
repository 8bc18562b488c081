// Providers that are not there: in a test every attempt at an endpoint is answered by a Lua
// function, which gets to see what would have been sent. The functions of core for tests.
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "http/upstream.h"

struct vm;
struct producer;

// Adds core.mock_upstreams, core.fixture and core.fixtures to the table on top of the stack (api.h
// describes them).
void mock_upstream_open(struct vm *vm);

// Whether core.mock_upstreams() was called: no attempt reaches a network then.
bool mock_upstream_is_on(const struct vm *vm);

// Pushes what a request sends, without secrets, as core.mock_upstreams() describes it.
void mock_upstream_push_sent(struct vm *vm, lua_State *L, const struct upstream_request *request,
                             struct slice target);

// Starts the answer to `request` as producer_start() does. `target` is "provider/model".
struct producer *mock_upstream_start(struct vm *vm, lua_State *L,
                                     const struct upstream_request *request, struct slice target,
                                     struct relay *relay);
