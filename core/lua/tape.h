// What an attempt sends to a provider and what comes back, piece by piece, kept for
// `tidegate adapter record`. One exchange at a time: the next one begins anew.
#pragma once

#include <stddef.h>

#include <lua.h>

#include "base/slice.h"
#include "http/headers.h"
#include "http/upstream.h"

struct vm;
struct tape;

// Adds core.record_upstreams and core.recorded to the table on top of the stack (api.h describes
// them). Until the first is called vm->tape is NULL.
void tape_open(struct vm *vm);

// NULL is fine.
void tape_free(struct tape *tape);

// Only where vm->tape is there. `target` is "provider/model". May raise.
void tape_begin(struct vm *vm, lua_State *L, const struct upstream_request *request,
                struct slice target);
void tape_head(struct tape *tape, int status, const struct headers *headers);
void tape_body(struct tape *tape, const char *bytes, size_t len);
