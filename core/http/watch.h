// What a dialect's `watch` table says, compiled: which events of a stream mean content, finish,
// usage, the end, an error. Pure. One watch is shared by all requests of its generation.
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "json/json.h"

enum watch_role {
    WATCH_CONTENT,  // the first of these commits the answer (text, tool, reasoning, refusal ...)
    WATCH_FINISH,   // a finish reason; must be given for each choice where `choices` is set
    WATCH_USAGE,    // token counts
    WATCH_TERMINAL, // the protocol's last event
    WATCH_ERROR,    // the provider reports a failure
    WATCH_CHOICES,  // path of the array elements that hold choices: "choices[]"
    WATCH_INDEX,    // path of a choice's number: "choices[].index"
    WATCH_ROLES,
};

struct watch;

struct watch *watch_new(void);
void watch_free(struct watch *watch);

// A finish outside of the choices, or told by an event's name, finishes all of them.
//
// One rule of a role. Exactly one of `path` (JSON path), `event` (name of the event) and `data`
// (the event's data, literally, e.g. "[DONE]") is not NULL. With a path, `equals` (or NULL) is the
// string that the value must be, with `is_true` it must be true; without either any value that is
// not empty counts, but the one that `unless` (or NULL) is the text of, a string or a number. A
// usage rule that leads to a number means the whole event (or document): its counts stand at the
// top. An error rule likewise: what else there is to know stands beside a number.
struct watch_rule {
    enum watch_role role;
    bool is_true;
    const char *path, *equals, *unless, *event, *data;
};

// Returns 0, or -1 with `err` naming the bad rule. Strings are copied.
int watch_add(struct watch *watch, const struct watch_rule *rule, struct error *err);

// Whole answers of this protocol may be passed on while they come, once enough of them is there
// (LIMIT_EARLY_HOLD): what counts there (usage) stands behind everything else.
void watch_set_passes_early(struct watch *watch);
bool watch_passes_early(const struct watch *watch);

// What has been seen of one answer so far. Zeroed by the owner at its start.
struct watch_state {
    uint64_t seen[LIMIT_CHOICES / 64];     // choices that occurred
    uint64_t finished[LIMIT_CHOICES / 64]; // choices with a finish reason
    bool any_finish;
    bool all_finished; // a finish that is about no choice
};

// What one event, or a whole unary body, said.
struct watch_result {
    bool has_content, has_finish, is_terminal, has_error;
    bool has_choice;         // at least one element at the WATCH_CHOICES path
    struct json_value usage; // the last non-empty one; type JSON_ABSENT when none
    struct json_value error; // likewise; JSON_ABSENT for one told by a name or by `equals` alone
};

// Reads one SSE event (`name` with NULL data: unnamed). Data that is matched literally is not
// parsed as JSON. Returns 0, or -1 when data is not valid JSON.
int watch_event(const struct watch *watch, struct watch_state *state, struct slice name,
                struct slice data, struct watch_result *result);

// Reads a whole unary JSON body for what counts there: `usage`, `error` and has_error, by their
// path rules. Returns 0, or -1 with `err`.
int watch_document(const struct watch *watch, struct slice text, struct watch_result *result,
                   struct json_error *err);

// True when every choice seen, and at least `expected` of them (0 counts as 1), has a finish
// reason, or all of them have one together. Dialects without a `choices` rule: after any finish.
bool watch_is_finished(const struct watch *watch, const struct watch_state *state,
                       unsigned expected);
