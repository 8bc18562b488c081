// Finds what a user may put beside gateway.lua: adapters/*.lua, adapters/dialects/*.lua,
// adapters/models/*.lua and scripts/**/*.lua.
#pragma once

#include "base/error.h"

enum { WALK_DEPTH = 8 }; // folders inside scripts/: links may lead in circles

// `path` is from the folder on ("adapters/groq.lua"), `place` where it is; both borrowed for the
// call. A result other than 0 ends the walk.
struct walker {
    int (*on_file)(void *owner, const char *path, const char *place);
    int (*on_folder)(void *owner, const char *path, const char *place); // NULL: not asked for
    void *owner;
};

// In no order. Returns 0, what a callback has returned, or -1 with `err` when a folder is there
// that cannot be read.
int walk_files(const char *folder, const struct walker *walker, struct error *err);

// folder/name, owned by the caller; a name in "." stands for itself.
char *walk_join(const char *folder, const char *name);
