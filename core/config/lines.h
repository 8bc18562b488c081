// On which line of gateway.lua each field is written: a reading of the source beside Lua's own,
// which forgets lines. It follows the table of the chunk's last `return { ... }` and the tables
// written directly inside it; everything else is skipped.
#pragma once

#include "base/slice.h"

struct lines;

// Any bytes are fine; what cannot be followed has no lines. Nothing of `source` is kept.
struct lines *lines_new(struct slice source);
void lines_free(struct lines *lines);

// Line of the field at `path`: names and 1-based positions joined by '.', as in
// "models.smart.targets.2" (a name may itself hold dots). Else that of the nearest field around it,
// else that of the returned table, else 1.
int lines_find(const struct lines *lines, const char *path);
