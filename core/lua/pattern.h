// Lua 5.1 patterns with a bound on the work: what a script gives can try more ways than there is
// time for ("a-a-a-a-b"), and C cannot be stopped from outside. Pure: knows nothing of Lua.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum {
    PATTERN_CAPTURES = 32, // in one pattern
    PATTERN_DEPTH = 200,   // repetitions and captures that are open at once: C recursion
};

// Instead of a length: of a capture that is a position, `()`, and of one without its `)`.
#define PATTERN_POSITION ((size_t)-1)
#define PATTERN_OPEN     ((size_t)-2)

enum pattern_result {
    PATTERN_OK,
    PATTERN_NO_MATCH,
    PATTERN_TOO_MANY_STEPS,
    PATTERN_MALFORMED, // `message` says why; only what matching came to is looked at
};

struct pattern_capture {
    const char *begin; // borrowed, of the text
    size_t len;
};

// The fields below `text` are valid after PATTERN_OK; `message` after PATTERN_MALFORMED.
struct pattern {
    struct slice text;       // borrowed
    const char *begin, *end; // of the match
    const char *message;
    size_t capture_count;
    // The rest is private.
    const char *source, *source_end;
    long long work; // left
    size_t depth;
    enum pattern_result failure;
    bool is_anchored;
    int first; // the byte that every match begins with, or -1
    struct pattern_capture captures[PATTERN_CAPTURES];
};

// Both slices are borrowed until the last pattern_find(). As in Lua 5.1 a NUL ends the pattern. A
// leading ^ is an anchor if `has_anchor`, else a byte like others. `steps`: how much all calls of
// pattern_find() together may do; one is a part of the pattern tried at one place, or eight bytes
// that a repetition runs over (about 10 ns).
void pattern_init(struct pattern *pattern, struct slice text, struct slice source, bool has_anchor,
                  long long steps);

// The first match that begins at or after `from` (at most text.len). An anchored pattern is tried
// there alone.
enum pattern_result pattern_find(struct pattern *pattern, size_t from);

// True when the text has a byte that means more than itself in a pattern.
bool pattern_is_special(struct slice source);
