#include "http/usage.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "json/match.h"

enum {
    NUMBER_MAX = 32,          // characters of a count; a longer one is none
    MORE_INPUT = USAGE_KINDS, // as a kind: each place is a part of its own
    TOTAL,
    BILLED, // of the input; of the output behind it
};

// What a path of `match` gives. A lower rank is taken before a higher one of the same kind.
struct place {
    int kind;
    int rank;
};

struct usage {
    struct json_match *match;
    struct place places[LIMIT_WATCH_PATHS]; // by the path's id
    int ranks;
    struct usage_excluded excluded;
};

struct reading {
    const struct usage *usage;
    struct usage_counts counts;
    long long more_input, total;
    int ranks[USAGE_KINDS];
};

const char *usage_kind_name(enum usage_kind kind)
{
    static const char *const names[] = {"input", "output", "cached", "cache_write", "reasoning"};
    return names[kind];
}

struct usage *usage_new(struct usage_excluded excluded)
{
    struct usage *usage = mem_alloc(sizeof(*usage));
    usage->match = json_match_new();
    usage->excluded = excluded;
    return usage;
}

void usage_free(struct usage *usage)
{
    if (!usage)
        return;
    json_match_free(usage->match);
    free(usage);
}

static int add_place(struct usage *usage, int kind, const char *path, struct error *err)
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

int usage_add(struct usage *usage, enum usage_kind kind, const char *path, struct error *err)
{
    return add_place(usage, (int)kind, path, err);
}

int usage_add_more_input(struct usage *usage, const char *path, struct error *err)
{
    return add_place(usage, MORE_INPUT, path, err);
}

int usage_add_total(struct usage *usage, const char *path, struct error *err)
{
    return add_place(usage, TOTAL, path, err);
}

int usage_add_billed(struct usage *usage, enum usage_kind kind, const char *path, struct error *err)
{
    return add_place(usage, BILLED + (int)kind, path, err);
}

struct usage_counts usage_unknown(void)
{
    return (struct usage_counts){.of = {-1, -1, -1, -1, -1}, .billed = {-1, -1}};
}

static void add_count(long long *sum, long long more)
{
    if (more >= 0)
        *sum = more + (*sum > 0 ? *sum : 0);
}

void usage_add_counts(struct usage_counts *sum, const struct usage_counts *more)
{
    for (int kind = 0; kind < USAGE_KINDS; kind++)
        add_count(&sum->of[kind], more->of[kind]);
    for (int kind = USAGE_INPUT; kind <= USAGE_OUTPUT; kind++)
        add_count(&sum->billed[kind], more->billed[kind]);
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
    long long count = value.type == JSON_NUMBER ? count_of(value.raw) : -1;

    if (count < 0)
        return;
    if (place.kind == MORE_INPUT) {
        reading->more_input += count;
    } else if (place.kind == TOTAL) {
        reading->total = count;
    } else if (place.kind >= BILLED) {
        reading->counts.billed[place.kind - BILLED] = count;
    } else if (place.rank <= reading->ranks[place.kind]) {
        reading->counts.of[place.kind] = count;
        reading->ranks[place.kind] = place.rank;
    }
}

static void read_one(struct reading *reading, struct slice text)
{
    struct reading before = *reading;

    reading->more_input = 0;
    for (int kind = 0; kind < USAGE_KINDS; kind++)
        reading->ranks[kind] = reading->usage->ranks;
    if (json_match_run(reading->usage->match, text, JSON_MAX_DEPTH, on_value, reading, NULL) != 0)
        *reading = before;
    else if (!reading->more_input)
        reading->more_input = before.more_input;
}

static void add_known(long long *sum, long long count)
{
    if (*sum >= 0 && count > 0)
        *sum += count;
}

// Reasoning that is counted beside the output is all of it where there is no other.
static void settle_output(const struct usage *usage, const struct reading *reading, long long *of)
{
    if (reading->total >= 0 && of[USAGE_INPUT] >= 0 && reading->total >= of[USAGE_INPUT])
        of[USAGE_OUTPUT] = reading->total - of[USAGE_INPUT];
    else if (usage->excluded.reasoning && of[USAGE_OUTPUT] < 0)
        of[USAGE_OUTPUT] = of[USAGE_REASONING];
    else if (usage->excluded.reasoning)
        add_known(&of[USAGE_OUTPUT], of[USAGE_REASONING]);
}

struct usage_counts usage_read(const struct usage *usage, const struct slice *texts, size_t count)
{
    struct reading reading = {.usage = usage, .counts = usage_unknown(), .total = -1};
    long long *of = reading.counts.of;

    for (size_t i = 0; i < count; i++)
        read_one(&reading, texts[i]);
    add_known(&of[USAGE_INPUT], reading.more_input);
    if (usage->excluded.cached) {
        add_known(&of[USAGE_INPUT], of[USAGE_CACHED]);
        add_known(&of[USAGE_INPUT], of[USAGE_CACHE_WRITE]);
    }
    settle_output(usage, &reading, of);
    for (int kind = USAGE_INPUT; kind <= USAGE_OUTPUT; kind++) {
        if (of[kind] < 0)
            of[kind] = reading.counts.billed[kind];
    }
    return reading.counts;
}
