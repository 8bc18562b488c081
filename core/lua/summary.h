// What an attempt tells the task that waits for it, value by value; call_class.c makes the summary
// table of lua/api.h of them.
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "http/usage.h"

struct summary_facts {
    const struct relay_report *report;
    const struct usage_counts *usage; // borrowed; for answers that are held
    long long cost;                   // nano-dollars, likewise; -1: unknown
    bool was_reused, was_heard;
    int json_depth;
};

// Pushes committed, complete; for answers that are not complete also error_sent, kind, message,
// phase, status, headers, body, error, reused, heard; for those that are held also true, their
// usage and their cost in USD. Returns how many.
int summary_push(lua_State *L, const struct summary_facts *facts);

// The same for an attempt that never began because the client had gone.
int summary_push_canceled(lua_State *L);

// Pushes { [lower-case name] = value } of complete header lines; the first of a name counts.
void summary_push_lines(lua_State *L, struct slice lines);

// The same of a list of them; the last of a name counts.
void summary_push_headers(lua_State *L, const struct headers *headers);
// Pushes USD, or nil for -1.
void summary_push_cost(lua_State *L, long long nano);

// Pushes { input = ... } of what is known.
void summary_push_usage(lua_State *L, const struct usage_counts *usage);
