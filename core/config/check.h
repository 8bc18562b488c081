// Holds the tree of gateway.lua against the table of settings.
#pragma once

#include "base/error.h"
#include "config/config.h"
#include "config/field.h"

// Refuses what the table does not allow and takes it out of the tree, stores in `config` what
// belongs there, registers plain strings that stand for secrets (with a warning) and makes them
// secrets in the tree, marks lists. Returns 0, or -1 with `err` ("file:line: path: ..."), which is
// that of the first. All of them are told to config->problems, if there is such a list; the result
// is 0 then.
int check_fields(struct config *config, struct field *root, struct error *err);
