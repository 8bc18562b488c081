// A bundle made smaller, for commands that look at a part of what a user has written.
#pragma once

#include "base/slice.h"
#include "config/bundle.h"

// Drops every file that is not kept, gateway.lua and .env among them.
void bundle_keep(struct bundle *bundle, bool (*is_kept)(void *owner, const char *path),
                 void *owner);

// From now on this is the gateway.lua of the bundle, which has none (any more). Copied.
void bundle_set_config(struct bundle *bundle, struct slice text);
