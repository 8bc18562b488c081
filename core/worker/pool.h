// The running gateway: N workers, the signals, the drain.
#pragma once

#include "base/error.h"
#include "lua/generation.h"
#include "worker/control.h"

// Serves until SIGTERM or SIGINT has drained all workers; a second signal ends the process at once.
// Messages for people go to stderr. Returns the exit status: 0 after a clean drain, 1 with `err`
// when it could not start, or when the drain lost something.
int pool_run(struct generation *generation, const struct reload_source *source, struct error *err);
