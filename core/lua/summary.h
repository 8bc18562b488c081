// What req:attempt() returns, described in lua/api.h.
#pragma once

#include <lua.h>

#include "http/relay.h"

struct summary_facts {
    const struct relay_report *report;
    bool was_reused, was_heard;
    uint64_t started_ns;
    int json_depth;
};

// Pushes the summary table.
void summary_push(lua_State *L, const struct summary_facts *facts);

// Pushes the summary of an attempt that never began because the client had gone; returns 1.
int summary_push_canceled(lua_State *L);
