#include "http/usage.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "json/match.h"

enum { NUMBER_MAX = 32 }; // characters of a count; a longer one is none

// What a path of `match` gives. A lower rank is taken before a higher one of the same kind.
struct place {
    enum usage_kind kind;
    int rank;
};

struct usage {
    struct json_match *match;
    struct place places[LIMIT_WATCH_PATHS]; // by the path's id
    int ranks;
    bool reasoning_excluded;
};

struct reading {
    const struct usage *usage;
    struct usage_counts counts;
    int ranks[USAGE_KINDS];
};

const char *usage_kind_name(enum usage_kind kind)
{
    static const char *const names[] = {"input", "output", "cached", "cache_write", "reasoning"};
    return names[kind];
}

struct usage *usage_new(bool reasoning_excluded)
{
    struct usage *usage = mem_alloc(sizeof(*usage));
    usage->match = json_match_new();
    usage->reasoning_excluded = reasoning_excluded;
    return usage;
}

void usage_free(struct usage *usage)
{
    if (!usage)
        return;
    json_match_free(usage->match);
    free(usage);
}

int usage_add(struct usage *usage, enum usage_kind kind, const char *path, struct error *err)
{
    int known = usage->ranks;
    int id = json_match_add(usage->match, path, err);
    if (id < 0)
        return -1;
    if (id < known)
        return error_set(err, ERROR_SCRIPT, "\"%s\" is named twice", path);
    usage->places[id] = (struct place){kind, usage->ranks++};
    return 0;
}

struct usage_counts usage_unknown(void)
{
    return (struct usage_counts){{-1, -1, -1, -1, -1}};
}

void usage_add_counts(struct usage_counts *sum, const struct usage_counts *more)
{
    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        if (more->of[kind] >= 0)
            sum->of[kind] = more->of[kind] + (sum->of[kind] > 0 ? sum->of[kind] : 0);
    }
}

// A whole number as it is nearly always written, or through strtod() what is written otherwise.
static long long count_of(struct slice text)
{
    char copy[NUMBER_MAX + 1];
    long long count = 0;
    size_t i = 0;

    if (text.len > NUMBER_MAX)
        return -1;
    for (; i < text.len && i < 18 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        count = count * 10 + (text.data[i] - '0');
    if (i == text.len)
        return count;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    double value = strtod(copy, NULL);
    return value >= 0 && value < 9e18 ? (long long)value : -1;
}

static void on_value(void *owner, int id, struct json_value value)
{
    struct reading *reading = owner;
    struct place place = reading->usage->places[id];
    if (value.type != JSON_NUMBER || place.rank > reading->ranks[place.kind])
        return;
    long long count = count_of(value.raw);
    if (count < 0)
        return;
    reading->counts.of[place.kind] = count;
    reading->ranks[place.kind] = place.rank;
}

struct usage_counts usage_read(const struct usage *usage, struct slice text)
{
    struct reading reading = {.usage = usage, .counts = usage_unknown()};
    struct usage_counts *counts = &reading.counts;

    for (int kind = 0; kind < USAGE_KINDS; kind++)
        reading.ranks[kind] = usage->ranks;
    if (json_match_run(usage->match, text, JSON_MAX_DEPTH, on_value, &reading, NULL) != 0)
        return usage_unknown();
    if (usage->reasoning_excluded && counts->of[USAGE_OUTPUT] >= 0 &&
        counts->of[USAGE_REASONING] >= 0)
        counts->of[USAGE_OUTPUT] += counts->of[USAGE_REASONING];
    return *counts;
}
