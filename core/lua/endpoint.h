// Where attempts of a lane go: origin, path and a ready block of header lines, secrets included.
// Scripts hold it as an opaque value.
#pragma once

#include <lua.h>

#include "base/buf.h"
#include "http/upstream.h"

struct vm;
struct signer;

struct endpoint {
    struct origin *origin; // borrowed from the worker's pool
    struct buf path;       // with the query
    struct buf query;      // "name=value" of a key that goes in the query; empty: it does not
    struct buf headers;    // complete lines
    struct signer *signer; // borrowed from a Lua value that this one keeps; NULL: nothing is signed
    char method[8];
};

// Adds core.endpoint to the table on top of the stack.
void endpoint_open(struct vm *vm);

// Appends the key that goes in the query to a path, which may have a query. Returns 0, or -1 when
// it does not fit.
int endpoint_add_query(const struct endpoint *endpoint, struct buf *path);

// The endpoint at `index`; raises for anything else. Borrowed from the Lua value.
struct endpoint *endpoint_check(lua_State *L, int index);
