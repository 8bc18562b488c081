// The JSON text that the gateway's Lua side gets of the configuration; config_load() says what is
// in it.
#pragma once

#include "config/config.h"
#include "config/field.h"

// Fills config->document from a checked tree, which it changes (an empty table: no gateway.lua).
void document_build(struct config *config, struct field *root);
