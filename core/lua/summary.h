// What an attempt tells the task that waits for it, value by value; call_class.c makes the summary
// table of lua/api.h of them.
#pragma once

#include <lua.h>

#include "http/relay.h"

struct summary_facts {
    const struct relay_report *report;
    bool was_reused, was_heard;
    int json_depth;
};

// Pushes committed, complete, usage; for answers that are not complete also error_sent, kind,
// message, phase, status, headers, body, error, reused, heard. Returns how many.
int summary_push(lua_State *L, const struct summary_facts *facts);

// The same for an attempt that never began because the client had gone.
int summary_push_canceled(lua_State *L);
