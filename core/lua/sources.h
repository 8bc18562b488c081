// Where Lua files come from: what the program carries, and the user's folders beside gateway.lua,
// which add to it or replace by name.
#pragma once

#include "base/buf.h"
#include "lua/embed.h"

struct config;

enum { SOURCES_FILE_LIMIT = 1024 * 1024 }; // bytes of one user's file

// NULL when the program has no such file.
const struct embedded_file *sources_find_embedded(const char *path);

// Reads "adapters/groq.lua": the user's file when there is one, else the program's. Appends to
// `out`. Returns 1 for a user's file, 0 for the program's, -1 when there is none or it cannot be
// read.
int sources_read(const struct config *config, const char *path, struct buf *out);

// Calls `on_name` with each distinct name ("groq") of the Lua files directly in `folder`
// ("adapters"), the user's and the program's, in no order.
void sources_list(const struct config *config, const char *folder,
                  void (*on_name)(void *owner, struct slice name), void *owner);
