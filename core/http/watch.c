#include "http/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/match.h"

enum { NONE = -1 };

// One rule. Of `equals`, `unless`, `event` and `data` at most one is set; all are owned.
struct rule {
    enum watch_role role;
    int path; // id in `match`, NONE: not a rule about a path
    bool is_true;
    char *equals, *unless, *event, *data;
    int next; // rule about the same path, NONE: no more
};

// Rules and the paths they are about.
struct rules {
    struct json_match *match;
    struct rule *list; // owned
    size_t count;
    int about[LIMIT_WATCH_PATHS]; // the first rule about each path
    size_t *named;                // owned; the rules about an event's name or its literal data
    size_t named_count;
};

struct watch {
    struct rules of_events;
    struct rules
        of_documents; // those of them that matter there: most of an answer is not looked at
    bool has_choices;
    bool passes_early;
};

// Reads one document. State and result are copies that are kept only when all of it was valid.
struct reading {
    const struct rules *rules;
    struct watch_state state;
    struct watch_result result;
    const char *finish_at;       // the last finish reason; NULL when there was none
    const char *first_finish_at; // the first one that no choice has taken, likewise
    const char *index_at;        // the last index, likewise
    unsigned long index;
    const char *bad_at; // an index that no choice can have
};

struct watch *watch_new(void)
{
    struct watch *watch = mem_alloc(sizeof(*watch));
    watch->of_events.match = json_match_new();
    watch->of_documents.match = json_match_new();
    return watch;
}

void watch_set_passes_early(struct watch *watch)
{
    watch->passes_early = true;
}

bool watch_passes_early(const struct watch *watch)
{
    return watch->passes_early;
}

static void free_rules(struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->list[i].equals);
        free(rules->list[i].unless);
        free(rules->list[i].event);
        free(rules->list[i].data);
    }
    free(rules->list);
    free(rules->named);
    json_match_free(rules->match);
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    free_rules(&watch->of_events);
    free_rules(&watch->of_documents);
    free(watch);
}

static char *copy(const char *text)
{
    return text ? mem_dup(text, strlen(text)) : NULL;
}

static const char *or_none(const char *text)
{
    return text ? text : "";
}

// The rules about one path are met in the order in which they were added.
static void add_about(struct rules *rules, int path, int rule)
{
    int *link = &rules->about[path];
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->list[i].path == path)
            link = &rules->list[i].next;
    }
    *link = rule;
}

static int add_rule(struct rules *rules, const struct watch_rule *rule, struct error *err)
{
    struct rule added = {.role = rule->role, .path = NONE, .is_true = rule->is_true, .next = NONE};
    int place = (int)rules->count;
    if (rule->path) {
        added.path = json_match_add(rules->match, rule->path, err);
        if (added.path < 0)
            return -1;
        add_about(rules, added.path, place);
    } else {
        rules->named = mem_realloc(rules->named, sizeof(size_t) * (rules->named_count + 1));
        rules->named[rules->named_count++] = rules->count;
    }
    added.equals = copy(rule->equals);
    added.unless = copy(rule->unless);
    added.event = copy(rule->event);
    added.data = copy(rule->data);
    rules->list = mem_realloc(rules->list, sizeof(added) * (rules->count + 1));
    rules->list[rules->count++] = added;
    return 0;
}

int watch_add(struct watch *watch, const struct watch_rule *rule, struct error *err)
{
    bool needs_path =
        rule->role == WATCH_USAGE || rule->role == WATCH_CHOICES || rule->role == WATCH_INDEX;
    if (!!rule->path + !!rule->event + !!rule->data != 1)
        return error_set(err, ERROR_SCRIPT,
                         "a watch rule has one of path, event and data: \"%s\", \"%s\", \"%s\"",
                         or_none(rule->path), or_none(rule->event), or_none(rule->data));
    if ((rule->equals || rule->is_true) && !rule->path)
        return error_set(err, ERROR_SCRIPT, "equals \"%s\" needs a path",
                         rule->equals ? rule->equals : "true");
    if (rule->unless && (!rule->path || rule->equals || rule->is_true))
        return error_set(err, ERROR_SCRIPT, "unless \"%s\" needs a path, and no equals",
                         rule->unless);
    if (needs_path && !rule->path)
        return error_set(err, ERROR_SCRIPT, "\"%s\": usage, choices and index are paths",
                         rule->event ? rule->event : rule->data);
    bool is_of_documents = rule->path && (rule->role == WATCH_USAGE || rule->role == WATCH_ERROR);
    if (add_rule(&watch->of_events, rule, err) != 0 ||
        (is_of_documents && add_rule(&watch->of_documents, rule, err) != 0))
        return -1;
    watch->has_choices |= rule->role == WATCH_CHOICES;
    return 0;
}

// What a rule says that was met by other means than a value.
static void apply(enum watch_role role, struct watch_state *state, struct watch_result *result)
{
    switch (role) {
    case WATCH_CONTENT:
        result->has_content = true;
        break;
    case WATCH_FINISH:
        result->has_finish = true;
        state->any_finish = true;
        break;
    case WATCH_TERMINAL:
        result->is_terminal = true;
        break;
    case WATCH_ERROR:
        result->has_error = true;
        break;
    default:
        break;
    }
}

static void end_choice(struct reading *reading, struct json_value choice)
{
    const char *begin = choice.raw.data;
    unsigned long index = reading->index_at && reading->index_at >= begin ? reading->index : 0;
    uint64_t bit = UINT64_C(1) << index % 64;
    reading->result.has_choice = true;
    reading->state.seen[index / 64] |= bit;
    if (!reading->finish_at || reading->finish_at < begin)
        return;
    reading->state.finished[index / 64] |= bit;
    reading->state.all_finished |= reading->first_finish_at < begin;
    reading->finish_at = reading->first_finish_at = NULL;
}

static void read_index(struct reading *reading, struct json_value value)
{
    unsigned long index = 0;
    if (value.type == JSON_NULL)
        return;
    bool is_bad = value.type != JSON_NUMBER;
    for (size_t i = 0; i < value.raw.len && !is_bad; i++) {
        char c = value.raw.data[i];
        index = index * 10 + (unsigned long)(c - '0');
        is_bad = c < '0' || c > '9' || index >= LIMIT_CHOICES;
    }
    if (is_bad) {
        reading->bad_at = value.raw.data;
        return;
    }
    reading->index = index;
    reading->index_at = value.raw.data;
}

// What a value is as text, but for escapes in strings: no rule is about such a one.
static struct slice text_of(struct json_value value)
{
    if (value.type != JSON_STRING)
        return value.raw;
    return (struct slice){value.raw.data + 1, value.raw.len - 2};
}

static bool is_met(const struct rule *rule, struct json_value value)
{
    if (rule->is_true)
        return value.type == JSON_TRUE;
    if (rule->equals)
        return value.type == JSON_STRING && json_string_equal(value, slice_of(rule->equals));
    if (rule->unless && slice_equal(text_of(value), slice_of(rule->unless)))
        return false;
    return !json_value_is_empty(value);
}

static void on_rule(struct reading *reading, const struct rule *rule, struct json_value value)
{
    if (rule->role == WATCH_CHOICES) {
        end_choice(reading, value);
        return;
    }
    if (rule->role == WATCH_INDEX) {
        read_index(reading, value);
        return;
    }
    if (!is_met(rule, value))
        return;
    apply(rule->role, &reading->state, &reading->result);
    if (rule->role == WATCH_FINISH) {
        reading->finish_at = value.raw.data;
        if (!reading->first_finish_at)
            reading->first_finish_at = value.raw.data;
    } else if (rule->role == WATCH_USAGE) {
        reading->result.usage = value;
    } else if (rule->role == WATCH_ERROR && !rule->equals && !rule->is_true) {
        reading->result.error = value;
    }
}

static void on_value(void *owner, int id, struct json_value value)
{
    struct reading *reading = owner;
    const struct rules *rules = reading->rules;
    for (int i = rules->about[id]; i != NONE; i = rules->list[i].next)
        on_rule(reading, &rules->list[i], value);
}

static int read_json(const struct rules *rules, struct watch_state *state, struct slice text,
                     struct watch_result *result, struct json_error *err)
{
    struct reading reading = {.rules = rules, .state = *state, .result = *result};
    if (json_match_run(rules->match, text, JSON_MAX_DEPTH, on_value, &reading, err) != 0)
        return -1;
    if (reading.bad_at) {
        if (err)
            *err = (struct json_error){(size_t)(reading.bad_at - text.data),
                                       "no index that a choice can have"};
        return -1;
    }
    if (reading.result.usage.type == JSON_NUMBER)
        reading.result.usage = (struct json_value){JSON_OBJECT, text};
    if (reading.result.error.type == JSON_NUMBER)
        reading.result.error = (struct json_value){JSON_OBJECT, text};
    reading.state.all_finished |= reading.finish_at != NULL;
    *state = reading.state;
    *result = reading.result;
    return 0;
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\n')
            return false;
    }
    return true;
}

int watch_event(const struct watch *watch, struct watch_state *state, struct slice name,
                struct slice data, struct watch_result *result)
{
    bool is_literal = false;
    *result = (struct watch_result){.has_content = false};
    const struct rules *rules = &watch->of_events;
    for (size_t i = 0; i < rules->named_count; i++) {
        const struct rule *rule = &rules->list[rules->named[i]];
        bool is_data = rule->data && data.data && slice_equal(data, slice_of(rule->data));
        if (is_data || (rule->event && name.data && slice_equal(name, slice_of(rule->event))))
            apply(rule->role, state, result);
        state->all_finished |= result->has_finish; // a name tells of no choice
        is_literal |= is_data;
    }
    if (!data.data || is_literal || is_blank(data) ||
        read_json(&watch->of_events, state, data, result, NULL) == 0)
        return 0;
    return result->has_error || result->is_terminal ? 0 : -1;
}

int watch_document(const struct watch *watch, struct slice text, struct watch_result *result,
                   struct json_error *err)
{
    struct watch_state unused = {.any_finish = false};
    *result = (struct watch_result){.has_content = false};
    return read_json(&watch->of_documents, &unused, text, result, err);
}

bool watch_is_finished(const struct watch *watch, const struct watch_state *state,
                       unsigned expected)
{
    if (!watch->has_choices || state->all_finished)
        return state->any_finish;
    unsigned seen = 0;
    for (size_t i = 0; i < LIMIT_CHOICES / 64; i++) {
        if (state->seen[i] & ~state->finished[i])
            return false;
        seen += (unsigned)__builtin_popcountll(state->seen[i]);
    }
    return seen >= (expected ? expected : 1);
}
