// The events of streams as Lua reads and writes them, and what a client's stream is.
#pragma once

#include <lua.h>

#include "http/framing.h"

struct vm;

// The framing that is named at `index`, nil: sse; raises for an unknown name.
enum framing stream_events_check_framing(lua_State *L, int index);

// req:set_stream_type(type, keepalive)
int stream_events_set_type(lua_State *L);

// Adds core.event_data and core.event_frame to the table on top of the stack.
void stream_events_open(struct vm *vm);
