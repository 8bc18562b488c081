// How a provider writes its token counts, compiled: where each count stands in the usage object of
// an answer. Pure. One is shared by all requests of its generation.
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

enum usage_kind {
    USAGE_INPUT,  // everything read, cached included
    USAGE_OUTPUT, // reasoning included
    USAGE_CACHED,
    USAGE_CACHE_WRITE,
    USAGE_REASONING,
    USAGE_KINDS,
};

// "input", "output", "cached", "cache_write", "reasoning".
const char *usage_kind_name(enum usage_kind kind);

// Tokens; -1: the provider did not say.
struct usage_counts {
    long long of[USAGE_KINDS];
};

struct usage;

// `reasoning_excluded`: the provider's output does not include the reasoning, so it is added.
struct usage *usage_new(bool reasoning_excluded);
void usage_free(struct usage *usage);

// One more place of a count (see json/match.h); of several places that have one, the place added
// first is taken. Returns 0, or -1 with `err`: not a path, or too many of them.
int usage_add(struct usage *usage, enum usage_kind kind, const char *path, struct error *err);

// Nothing known.
struct usage_counts usage_unknown(void);

// Adds what is known of `more`.
void usage_add_counts(struct usage_counts *sum, const struct usage_counts *more);

// Reads a usage object. What is no count there (not a number, negative) is unknown.
struct usage_counts usage_read(const struct usage *usage, struct slice text);
