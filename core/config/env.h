// The environment, and the variables of a `.env` file that it does not hold.
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct env;

enum { ENV_FILE_LIMIT = 1024 * 1024 }; // bytes of a .env

// Reads NAME=VALUE lines: an `export` in front, # comments, single quotes (as it stands), double
// quotes (\n \r \t \" \\ \$), CRLF. `file` is for messages. NULL with `err` ("file:line: ...").
struct env *env_parse(const char *file, struct slice text, struct error *err);

void env_free(struct env *env);

// The environment's value; where it has none, the file's; NULL when unset or empty. Borrowed.
// A variable that is set but empty in the environment hides the file's.
const char *env_get(const struct env *env, const char *name);
