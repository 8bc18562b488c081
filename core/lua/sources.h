// Where Lua files come from: what the program carries, and the user's folders beside gateway.lua,
// which add to it or replace by name. The user's are read from a bundle, never from disk.
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "config/bundle.h"
#include "lua/embed.h"

// NULL when the program has no such file.
const struct embedded_file *sources_find_embedded(const char *path);

struct source {
    struct slice text;         // borrowed from the bundle or the program; NULL data: no such file
    const unsigned char *hash; // BUNDLE_HASH bytes of a user's file; NULL: the program's
};

// "adapters/groq.lua": the user's file when there is one, else the program's.
struct source sources_find(const struct bundle *bundle, const char *path);

// Calls `on_name` with each distinct name ("groq") of the Lua files directly in `folder`
// ("adapters"), the user's and the program's, in no order; no tests.
void sources_list(const struct bundle *bundle, const char *folder,
                  void (*on_name)(void *owner, struct slice name), void *owner);
