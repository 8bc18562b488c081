// Runs gateway.lua in a Lua state of its own and takes what it returns out of Lua.
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "config/config.h"
#include "config/field.h"

enum {
    EVALUATE_STEPS = 50 * 1000 * 1000, // Lua instructions; then it "did not end"
    EVALUATE_MEMORY = 64 * 1024 * 1024,
    EVALUATE_DEPTH = 16, // of nested tables
    EVALUATE_FIELDS = 100000,
};

// Runs `source` (for messages: config->file). `secret` registers in config->secrets. Returns 0 with
// the returned table in `table`, which the caller deinits in any case; -1 with `err`.
int evaluate_source(struct config *config, struct slice source, struct field *table,
                    struct error *err);
