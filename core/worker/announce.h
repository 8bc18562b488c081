// Lines about reloads, for people: on the terminal and in the log.
#pragma once

#include <stdint.h>

#include "base/log.h"
#include "lua/generation.h"
#include "lua/reload.h"

void announce(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// "reloaded: generation 7 (scripts/policies/cheap_first.lua) in 12 ms", since `started_ns`.
void announce_reloaded(struct log *log, const struct generation *now, const struct generation *old,
                       uint64_t started_ns);

// "not reloaded: scripts/policies/x.lua:3: ...; generation 6 keeps serving".
void announce_failed(struct log *log, const struct reload_failure *failure, unsigned generation);
