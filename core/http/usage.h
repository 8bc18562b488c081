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
    long long billed[USAGE_OUTPUT + 1]; // what is charged of input and output, if not all of it
};

struct usage;

// What a provider's counts leave out, so that it is added.
struct usage_excluded {
    bool reasoning; // of the output
    bool cached;    // of the input: what was read from the cache, and what was written to it
};

struct usage *usage_new(struct usage_excluded excluded);
void usage_free(struct usage *usage);

// One more place of a count (see json/match.h); of several places that have one, the place added
// first is taken. Returns 0, or -1 with `err`: not a path, or too many of them.
int usage_add(struct usage *usage, enum usage_kind kind, const char *path, struct error *err);

// One more place of a part of the input that is counted beside it; all that are there are added.
int usage_add_more_input(struct usage *usage, const char *path, struct error *err);

// One more place of the sum of input and output. Where it is known with the input, the output is
// what it leaves: a provider may leave out a count that is 0.
int usage_add_total(struct usage *usage, const char *path, struct error *err);

// One more place of what is charged of the input or the output, where that is another number. It
// stands for what was read or written where that is not told.
int usage_add_billed(struct usage *usage, enum usage_kind kind, const char *path,
                     struct error *err);

// Nothing known.
struct usage_counts usage_unknown(void);

// Adds what is known of `more`.
void usage_add_counts(struct usage_counts *sum, const struct usage_counts *more);

// Reads usage objects that tell of the same answer, in the order in which they came: of a count
// that several have the last one is taken. What is no count there (not a number, negative) is
// unknown; so is all of an object that is no JSON.
struct usage_counts usage_read(const struct usage *usage, const struct slice *texts, size_t count);
