#include "http/watch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct watch_rule RULES[] = {
    {.role = WATCH_CONTENT, .path = "choices[].delta.content"},
    {.role = WATCH_FINISH, .path = "choices[].finish_reason"},
    {.role = WATCH_FINISH, .path = "type", .equals = "stop"},
    {.role = WATCH_FINISH, .path = "choices[].stop"},
    {.role = WATCH_FINISH, .event = "finished"},
    {.role = WATCH_TERMINAL, .path = "type", .equals = "stop"},
    {.role = WATCH_ERROR, .path = "type", .equals = "error"},
    {.role = WATCH_USAGE, .path = "usage"},
    {.role = WATCH_ERROR, .path = "error"},
    {.role = WATCH_ERROR, .event = "error"},
    {.role = WATCH_TERMINAL, .data = "[DONE]"},
    {.role = WATCH_CHOICES, .path = "choices[]"},
    {.role = WATCH_INDEX, .path = "choices[].index"},
};

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static void check_state(const struct watch *watch, const struct watch_state *state)
{
    for (size_t i = 0; i < LIMIT_CHOICES / 64; i++)
        expect((state->finished[i] & ~state->seen[i]) == 0);
    if (watch_is_finished(watch, state, 2))
        expect(watch_is_finished(watch, state, 1));
    if (state->all_finished)
        expect(state->any_finish && watch_is_finished(watch, state, LIMIT_CHOICES));
}

// Each line is an event: its name up to a '|' if there is one, then its data.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct watch *watch = watch_new();
    struct watch_state state = {.any_finish = false};
    struct watch_result result;
    struct slice rest = {(const char *)data, len};
    for (size_t i = 0; i < sizeof(RULES) / sizeof(*RULES); i++)
        expect(watch_add(watch, &RULES[i], NULL) == 0);
    while (rest.len) {
        const char *newline = memchr(rest.data, '\n', rest.len);
        struct slice line = {rest.data, newline ? (size_t)(newline - rest.data) : rest.len};
        const char *bar = memchr(line.data, '|', line.len);
        struct slice name = {bar ? line.data : NULL, bar ? (size_t)(bar - line.data) : 0};
        size_t skip = bar ? name.len + 1 : 0;
        struct slice text = {line.data + skip, line.len - skip};
        struct watch_state before = state;
        if (watch_event(watch, &state, name, text, &result) != 0)
            expect(memcmp(before.seen, state.seen, sizeof(state.seen)) == 0);
        else if (result.has_finish)
            expect(state.any_finish);
        check_state(watch, &state);
        rest.data += line.len + (newline != NULL);
        rest.len -= line.len + (newline != NULL);
    }
    struct json_error err;
    watch_document(watch, (struct slice){(const char *)data, len}, &result, &err);
    watch_free(watch);
    return 0;
}
