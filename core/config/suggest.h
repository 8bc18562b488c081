// "did you mean": the known name that a misspelled one is nearest to.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SUGGEST_LONGEST = 64 }; // bytes; longer names are compared with nothing

// Letters to add, drop, change or swap with the next one, to get from one name to the other
// (Damerau-Levenshtein, each place edited once). Over SUGGEST_LONGEST: a number too large to
// matter.
size_t suggest_distance(const char *a, const char *b);

// True when `name` is near enough to be meant by `wrong`: at most 2 edits or a third of the
// letters, and never more than half of them. `distance` is theirs.
bool suggest_is_near(const char *wrong, size_t distance);

// The nearest of `names` (borrowed, the first of equals), or NULL when none is near.
const char *suggest_name(const char *wrong, const char *const *names, size_t count);
