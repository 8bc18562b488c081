// Who may come in, and where: the two listeners, the admin token, the clients and their keys.
#pragma once

#include "base/error.h"
#include "config/config.h"
#include "config/field.h"

// Fills the listeners and clients of `config` from a checked tree (NULL: no gateway.lua) and the
// overrides. Returns 0; -1 with `err` for a listener that would be open to anybody, and for clients
// that cannot be told apart.
int access_apply(struct config *config, const struct field *root,
                 const struct config_overrides *overrides, struct error *err);

// SHA-256.
void access_hash_key(struct slice key, unsigned char hash[32]);
