// Takes the events of a stream through Lua: the function `on_event` of an attempt (lua/api.h).
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "lua/task.h"

struct call;
struct vm;

struct event_hook {
    struct call *call;    // borrowed; whose request it runs for
    struct task stand_in; // what it runs as
    int ref;              // of the function; 0: none
};

// Takes the function on top of L's stack, and pops it.
void event_hook_init(struct event_hook *hook, struct call *call, lua_State *L);
void event_hook_deinit(struct event_hook *hook);

// As on_event() of struct relay_handler.
enum relay_verdict event_hook_run(struct event_hook *hook, const struct sse_event *event,
                                  struct buf *instead, struct error *err);

// Adds core.event_data to the table on top of the stack.
void event_hook_open(struct vm *vm);
