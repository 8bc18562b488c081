// Takes the events of a stream through Lua: the function `on_event` of an attempt (lua/api.h).
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "lua/task.h"

struct call;

struct event_hook {
    struct call *call;    // borrowed; whose request it runs for
    struct task stand_in; // what it runs as
    int ref;              // of the function; 0: none
    enum framing framing; // of the stream, and so of what the function makes
};

// Takes the function on top of L's stack, and pops it.
void event_hook_init(struct event_hook *hook, struct call *call, enum framing framing,
                     lua_State *L);
void event_hook_deinit(struct event_hook *hook);

// As on_event() of struct relay_handler.
enum relay_verdict event_hook_run(struct event_hook *hook, const struct stream_event *event,
                                  struct buf *instead, struct error *err);
