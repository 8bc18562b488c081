#include "http/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct watch_rule OPENAI[] = {
    {.role = WATCH_CONTENT, .path = "choices[].delta.content"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.tool_calls"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.reasoning_content"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.reasoning"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.reasoning_details"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.refusal"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.audio"},
    {.role = WATCH_CONTENT, .path = "choices[].delta.function_call"},
    {.role = WATCH_CONTENT, .path = "choices[].text"},
    {.role = WATCH_FINISH, .path = "choices[].finish_reason"},
    {.role = WATCH_USAGE, .path = "usage"},
    {.role = WATCH_USAGE, .path = "x_groq.usage"},
    {.role = WATCH_USAGE, .path = "choices[].usage"},
    {.role = WATCH_ERROR, .path = "error"},
    {.role = WATCH_TERMINAL, .data = "[DONE]"},
    {.role = WATCH_CHOICES, .path = "choices[]"},
    {.role = WATCH_INDEX, .path = "choices[].index"},
};

static const struct watch_rule ANTHROPIC[] = {
    {.role = WATCH_CONTENT, .path = "type", .equals = "content_block_start"},
    {.role = WATCH_CONTENT, .path = "type", .equals = "content_block_delta"},
    {.role = WATCH_FINISH, .path = "delta.stop_reason"},
    {.role = WATCH_USAGE, .path = "message.usage"},
    {.role = WATCH_USAGE, .path = "usage"},
    {.role = WATCH_TERMINAL, .event = "message_stop"},
    {.role = WATCH_ERROR, .event = "error"},
    {.role = WATCH_ERROR, .path = "error"},
};

struct fixture {
    struct watch *watch;
    struct watch_state state;
    struct watch_result result;
};

static void setup(struct fixture *it, const struct watch_rule *rules, size_t count)
{
    struct error err = {0};
    *it = (struct fixture){.watch = watch_new()};
    for (size_t i = 0; i < count; i++) {
        if (watch_add(it->watch, &rules[i], &err) != 0)
            fail_msg("%s", err.message);
    }
}

static void setup_openai(struct fixture *it)
{
    setup(it, OPENAI, sizeof(OPENAI) / sizeof(*OPENAI));
}

static void setup_anthropic(struct fixture *it)
{
    setup(it, ANTHROPIC, sizeof(ANTHROPIC) / sizeof(*ANTHROPIC));
}

static int event(struct fixture *it, const char *name, const char *data)
{
    return watch_event(it->watch, &it->state, slice_of(name), slice_of(data), &it->result);
}

// What the last result says, as letters: Content, Finish, Usage, Terminal, Error, cHoice.
static const char *said(const struct fixture *it, char text[8])
{
    const struct watch_result *result = &it->result;
    snprintf(text, 8, "%s%s%s%s%s%s", result->has_content ? "C" : "", result->has_finish ? "F" : "",
             result->usage.type != JSON_ABSENT ? "U" : "", result->is_terminal ? "T" : "",
             result->has_error ? "E" : "", result->has_choice ? "H" : "");
    return text;
}

static void assert_said(struct fixture *it, const char *name, const char *data,
                        const char *expected)
{
    char text[8];
    assert_int_equal(event(it, name, data), 0);
    assert_string_equal(said(it, text), expected);
}

static void test_openai_content_is_any_part_that_is_not_empty(void **state)
{
    (void)state;
    static const struct {
        const char *delta, *expected;
    } cases[] = {
        {"{\"content\":\"Hi\"}", "CH"},
        {"{\"content\":\" \"}", "CH"},
        {"{\"tool_calls\":[{\"index\":0}]}", "CH"},
        {"{\"reasoning_content\":\"hm\"}", "CH"},
        {"{\"reasoning\":\"hm\",\"content\":\"\"}", "CH"},
        {"{\"refusal\":\"no\"}", "CH"},
        {"{\"audio\":{\"id\":\"a\"}}", "CH"},
        {"{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", "H"},
        {"{\"content\":null,\"tool_calls\":[],\"audio\":{}}", "H"},
        {"{}", "H"},
        {"null", "H"},
    };
    struct fixture it;
    setup_openai(&it);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char data[256];
        snprintf(data, sizeof(data),
                 "{\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":null}]}",
                 cases[i].delta);
        assert_said(&it, NULL, data, cases[i].expected);
    }
    assert_said(&it, NULL, "{\"choices\":[{\"text\":\"Hi\"}]}", "CH");
    watch_free(it.watch);
}

static void test_openai_stream_from_first_chunk_to_done(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "{\"choices\":[],\"prompt_filter_results\":[{}]}", "");
    assert_said(&it, NULL, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}", "CH");
    assert_false(watch_is_finished(it.watch, &it.state, 0));
    assert_said(&it, NULL, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
                "FH");
    assert_true(watch_is_finished(it.watch, &it.state, 0));
    assert_said(&it, NULL, "{\"choices\":[],\"usage\":{\"total_tokens\":5}}", "U");
    assert_true(slice_equal(it.result.usage.raw, SLICE("{\"total_tokens\":5}")));
    assert_said(&it, NULL, "[DONE]", "T");
    watch_free(it.watch);
}

static void test_usage_is_the_last_that_is_not_empty(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "{\"usage\":null,\"x_groq\":{\"id\":\"r\"}}", "");
    assert_said(&it, NULL, "{\"x_groq\":{\"usage\":{\"a\":1}},\"usage\":null}", "U");
    assert_true(slice_equal(it.result.usage.raw, SLICE("{\"a\":1}")));
    assert_said(&it, NULL, "{\"choices\":[{\"usage\":{\"a\":1}}],\"usage\":{\"b\":2}}", "UH");
    assert_true(slice_equal(it.result.usage.raw, SLICE("{\"b\":2}")));
    assert_said(&it, NULL, "{\"choices\":[]}", "");
    watch_free(it.watch);
}

static void test_an_error_is_told_with_its_value(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "{\"error\":{\"message\":\"x\"}}", "E");
    assert_true(slice_equal(it.result.error.raw, SLICE("{\"message\":\"x\"}")));
    assert_said(&it, NULL, "{\"error\":\"overloaded\"}", "E");
    assert_int_equal(it.result.error.type, JSON_STRING);
    assert_said(&it, NULL, "{\"error\":null}", "");
    assert_int_equal(it.result.error.type, JSON_ABSENT);
    watch_free(it.watch);
}

static void finish_choice(struct fixture *it, const char *index)
{
    char data[128];
    snprintf(data, sizeof(data), "{\"choices\":[{\"finish_reason\":\"stop\",\"index\":%s}]}",
             index);
    assert_int_equal(event(it, NULL, data), 0);
}

static void test_each_choice_seen_must_finish(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "{\"choices\":[{\"index\":1},{\"index\":100},{\"index\":0}]}", "H");
    finish_choice(&it, "1");
    finish_choice(&it, "0");
    assert_false(watch_is_finished(it.watch, &it.state, 0));
    finish_choice(&it, "100");
    assert_true(watch_is_finished(it.watch, &it.state, 0));
    assert_true(watch_is_finished(it.watch, &it.state, 3));
    assert_false(watch_is_finished(it.watch, &it.state, 4));
    watch_free(it.watch);
}

static void test_nothing_seen_is_not_finished(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_false(watch_is_finished(it.watch, &it.state, 0));
    assert_false(watch_is_finished(it.watch, &it.state, 1));
    watch_free(it.watch);
}

static void test_a_finish_belongs_to_its_own_choice(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL,
                "{\"choices\":[{\"finish_reason\":\"stop\",\"index\":0},"
                "{\"index\":1,\"finish_reason\":null},{\"index\":2}]}",
                "FH");
    assert_int_equal(it.state.seen[0], 7);
    assert_int_equal(it.state.finished[0], 1);
    watch_free(it.watch);
}

static void test_a_choice_without_index_is_number_0(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "{\"choices\":[{\"index\":5},{\"finish_reason\":\"stop\"}]}", "FH");
    assert_int_equal(it.state.seen[0], 0x21);
    assert_int_equal(it.state.finished[0], 1);
    assert_said(&it, NULL, "{\"choices\":[{\"index\":null}]}", "H");
    assert_int_equal(it.state.seen[0], 0x21);
    watch_free(it.watch);
}

static void test_an_index_that_no_choice_can_have_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"128", "-1",  "1.5", "1e1", "\"0\"", "99999999999999999999",
                                      "[]",  "true"};
    struct fixture it;
    setup_openai(&it);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char data[128];
        snprintf(data, sizeof(data), "{\"choices\":[{\"index\":0},{\"index\":%s}]}", bad[i]);
        assert_int_equal(event(&it, NULL, data), -1);
    }
    assert_int_equal(it.state.seen[0], 0);
    finish_choice(&it, "127");
    assert_int_equal(it.state.finished[1] >> 63, 1);
    watch_free(it.watch);
}

static void test_malformed_data_fails_and_changes_nothing(void **state)
{
    (void)state;
    struct fixture it;
    char text[8];
    setup_openai(&it);
    assert_int_equal(event(&it, NULL, "{\"choices\":[{\"finish_reason\":\"stop\"}]"), -1);
    assert_string_equal(said(&it, text), "");
    assert_int_equal(it.state.seen[0], 0);
    assert_false(it.state.any_finish);
    assert_int_equal(event(&it, NULL, "[DONE] "), -1);
    assert_int_equal(event(&it, NULL, "not json"), -1);
    watch_free(it.watch);
}

static void test_empty_data_says_nothing(void **state)
{
    (void)state;
    struct fixture it;
    setup_openai(&it);
    assert_said(&it, NULL, "", "");
    assert_said(&it, NULL, " \n", "");
    assert_said(&it, "ping", "", "");
    watch_free(it.watch);
}

static void test_anthropic_stream_by_type_and_event_name(void **state)
{
    (void)state;
    struct fixture it;
    setup_anthropic(&it);
    assert_said(&it, "message_start",
                "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}", "U");
    assert_said(&it, "ping", "{\"type\":\"ping\"}", "");
    assert_said(&it, "content_block_delta",
                "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}", "C");
    assert_said(&it, "message_delta",
                "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                "\"usage\":{\"output_tokens\":1}}",
                "FU");
    assert_true(watch_is_finished(it.watch, &it.state, 1));
    assert_said(&it, "message_stop", "{\"type\":\"message_stop\"}", "T");
    watch_free(it.watch);
}

static void test_equals_compares_the_decoded_string_only(void **state)
{
    (void)state;
    struct fixture it;
    setup_anthropic(&it);
    assert_said(&it, NULL, "{\"type\":\"content\\u005fblock_delta\"}", "C");
    assert_said(&it, NULL, "{\"type\":\"content_block_delta2\"}", "");
    assert_said(&it, NULL, "{\"type\":[\"content_block_delta\"]}", "");
    assert_said(&it, NULL, "{\"type\":null}", "");
    watch_free(it.watch);
}

static const struct watch_rule LINES[] = {
    {.role = WATCH_CONTENT, .path = "message.content"},
    {.role = WATCH_FINISH, .path = "done", .is_true = true},
    {.role = WATCH_USAGE, .path = "eval_count"},
    {.role = WATCH_USAGE, .path = "usage.count"},
    {.role = WATCH_ERROR, .path = "failed", .is_true = true},
};

static void test_true_is_met_by_nothing_else(void **state)
{
    (void)state;
    struct fixture it;
    setup(&it, LINES, sizeof(LINES) / sizeof(LINES[0]));
    assert_said(&it, NULL, "{\"message\":{\"content\":\"a\"},\"done\":false}", "C");
    assert_said(&it, NULL, "{\"done\":\"true\"}", "");
    assert_said(&it, NULL, "{\"done\":1}", "");
    assert_said(&it, NULL, "{\"done\":true}", "F");
    assert_said(&it, NULL, "{\"failed\":true}", "E");
    assert_int_equal(it.result.error.type, JSON_ABSENT);
    watch_free(it.watch);
}

static void test_usage_that_is_a_number_is_the_whole_event(void **state)
{
    (void)state;
    struct fixture it;
    const char *line = "{\"done\":true,\"prompt_eval_count\":7,\"eval_count\":5}";
    setup(&it, LINES, sizeof(LINES) / sizeof(LINES[0]));
    assert_said(&it, NULL, line, "FU");
    assert_true(slice_equal(it.result.usage.raw, slice_of(line)));
    assert_int_equal(it.result.usage.type, JSON_OBJECT);
    assert_said(&it, NULL, "{\"eval_count\":null}", "");
    assert_int_equal(watch_document(it.watch, slice_of(line), &it.result, NULL), 0);
    assert_true(slice_equal(it.result.usage.raw, slice_of(line)));
    watch_free(it.watch);
}

static void test_an_error_told_by_event_name_needs_no_json(void **state)
{
    (void)state;
    struct fixture it;
    setup_anthropic(&it);
    assert_said(&it, "error", "upstream went away", "E");
    assert_int_equal(it.result.error.type, JSON_ABSENT);
    assert_said(&it, "error", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
                "E");
    assert_true(slice_equal(it.result.error.raw, SLICE("{\"type\":\"overloaded_error\"}")));
    assert_said(&it, "error", "", "E");
    assert_said(&it, "message_stop", "bye", "T");
    assert_int_equal(event(&it, "other", "bye"), -1);
    watch_free(it.watch);
}

static void test_a_name_that_no_rule_has_changes_nothing(void **state)
{
    (void)state;
    struct fixture it;
    setup_anthropic(&it);
    assert_said(&it, "errors", "{}", "");
    assert_said(&it, "", "{}", "");
    assert_said(&it, NULL, "{}", "");
    watch_free(it.watch);
}

static void test_any_role_but_values_can_be_told_by_data(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {{.role = WATCH_CONTENT, .data = "c"},
                                              {.role = WATCH_FINISH, .data = "f"},
                                              {.role = WATCH_ERROR, .data = "e"}};
    struct fixture it;
    setup(&it, rules, 3);
    assert_said(&it, NULL, "c", "C");
    assert_false(watch_is_finished(it.watch, &it.state, 1));
    assert_said(&it, NULL, "f", "F");
    assert_true(watch_is_finished(it.watch, &it.state, 1));
    assert_said(&it, NULL, "e", "E");
    watch_free(it.watch);
}

static void test_one_path_can_have_several_rules(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {
        {.role = WATCH_FINISH, .path = "status", .equals = "done"},
        {.role = WATCH_TERMINAL, .path = "status", .equals = "done"},
        {.role = WATCH_ERROR, .path = "status", .equals = "failed"}};
    struct fixture it;
    setup(&it, rules, 3);
    assert_said(&it, NULL, "{\"status\":\"done\"}", "FT");
    assert_said(&it, NULL, "{\"status\":\"failed\"}", "E");
    assert_int_equal(it.result.error.type, JSON_ABSENT); // its name says that it is one, not which
    assert_said(&it, NULL, "{\"status\":\"running\"}", "");
    watch_free(it.watch);
}

static const struct watch_rule GEMINI[] = {
    {.role = WATCH_CONTENT, .path = "candidates[].content"},
    {.role = WATCH_FINISH, .path = "candidates[].finishReason"},
    {.role = WATCH_FINISH, .path = "promptFeedback.blockReason"},
    {.role = WATCH_CHOICES, .path = "candidates[]"},
    {.role = WATCH_INDEX, .path = "candidates[].index"},
};

static void setup_gemini(struct fixture *it)
{
    setup(it, GEMINI, sizeof(GEMINI) / sizeof(*GEMINI));
}

static void test_a_finish_outside_of_the_choices_finishes_all_of_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
        "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"candidates\":[{\"index\":0}]}",
        "{\"candidates\":[{\"index\":0}],\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
        "{\"promptFeedback\":{\"blockReason\":\"X\"},\"candidates\":[{\"finishReason\":\"Y\"}]}",
        "{\"candidates\":[{\"finishReason\":\"Y\"}],\"promptFeedback\":{\"blockReason\":\"X\"}}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct fixture it;
        setup_gemini(&it);
        assert_said(&it, NULL, "{\"candidates\":[{\"index\":1,\"content\":\"a\"}]}", "CH");
        assert_false(watch_is_finished(it.watch, &it.state, 3));
        assert_int_equal(event(&it, NULL, texts[i]), 0);
        assert_true(it.result.has_finish);
        assert_true(watch_is_finished(it.watch, &it.state, 3));
        watch_free(it.watch);
    }
}

static void test_a_choice_that_finishes_twice_finishes_no_other(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {{.role = WATCH_FINISH, .path = "c[].a"},
                                              {.role = WATCH_FINISH, .path = "c[].b"},
                                              {.role = WATCH_CHOICES, .path = "c[]"},
                                              {.role = WATCH_INDEX, .path = "c[].i"}};
    struct fixture it;
    setup(&it, rules, 4);
    assert_said(&it, NULL,
                "{\"c\":[{\"a\":1,\"b\":2,\"i\":0},{\"i\":1},{\"b\":1,\"a\":3,\"i\":2}]}", "FH");
    assert_false(watch_is_finished(it.watch, &it.state, 3));
    assert_said(&it, NULL, "{\"c\":[{\"a\":1,\"i\":1}]}", "FH");
    assert_true(watch_is_finished(it.watch, &it.state, 3));
    watch_free(it.watch);
}

static void test_a_finish_told_by_name_finishes_all_choices(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {{.role = WATCH_FINISH, .event = "done"},
                                              {.role = WATCH_CHOICES, .path = "c[]"}};
    struct fixture it;
    setup(&it, rules, 2);
    assert_said(&it, NULL, "{\"c\":[{}]}", "H");
    assert_false(watch_is_finished(it.watch, &it.state, 2));
    assert_said(&it, "done", "{}", "F");
    assert_true(watch_is_finished(it.watch, &it.state, 2));
    watch_free(it.watch);
}

static void test_a_type_can_mean_any_role_without_a_value(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {
        {.role = WATCH_CONTENT, .path = "type", .equals = "text"},
        {.role = WATCH_FINISH, .path = "type", .equals = "end"},
        {.role = WATCH_TERMINAL, .path = "type", .equals = "end"},
        {.role = WATCH_ERROR, .path = "type", .equals = "error"},
        {.role = WATCH_ERROR, .path = "error"}};
    struct fixture it;
    setup(&it, rules, 5);
    assert_said(&it, NULL, "{\"type\":\"text\"}", "C");
    assert_said(&it, NULL, "{\"type\":\"end\"}", "FT");
    assert_said(&it, NULL, "{\"error\":{\"a\":1},\"type\":\"error\"}", "E");
    assert_true(slice_equal(it.result.error.raw, SLICE("{\"a\":1}")));
    assert_said(&it, NULL, "{\"type\":\"error\",\"error\":{\"a\":1}}", "E");
    assert_true(slice_equal(it.result.error.raw, SLICE("{\"a\":1}")));
    watch_free(it.watch);
}

static void test_a_document_is_read_for_usage_and_errors_alone(void **state)
{
    (void)state;
    struct fixture it;
    char text[8];
    struct json_error err = {0};
    setup_openai(&it);
    struct slice body =
        SLICE("\n{\"choices\":[{\"index\":200,\"text\":\"x\",\"finish_reason\":\"stop\"},"
              "{\"index\":1,\"finish_reason\":\"length\"}],\"usage\":{\"a\":1}}");
    assert_int_equal(watch_document(it.watch, body, &it.result, &err), 0);
    assert_string_equal(said(&it, text), "U");
    body = SLICE("{\"error\":{\"message\":\"no\"}}");
    assert_int_equal(watch_document(it.watch, body, &it.result, &err), 0);
    assert_string_equal(said(&it, text), "E");
    assert_true(slice_equal(it.result.error.raw, SLICE("{\"message\":\"no\"}")));
    watch_free(it.watch);
}

static void test_a_bad_document_is_told_with_its_position(void **state)
{
    (void)state;
    struct fixture it;
    struct json_error err = {0};
    setup_openai(&it);
    assert_int_equal(watch_document(it.watch, SLICE("[DONE]"), &it.result, &err), -1);
    assert_int_equal(err.offset, 1);
    assert_int_equal(watch_document(it.watch, SLICE("{\"choices\":[01]}"), &it.result, &err), -1);
    assert_int_equal(err.offset, 13);
    assert_int_equal(watch_document(it.watch, SLICE("{\"choices\":[01]}"), &it.result, NULL), -1);
    watch_free(it.watch);
}

// MiniMax's answers have a code of their own, 0 where all is well.
static void test_a_value_that_is_named_by_unless_means_nothing(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {
        {.role = WATCH_ERROR, .path = "base.code", .unless = "0"},
    };
    struct fixture it;
    char text[8];
    setup(&it, rules, 1);
    assert_int_equal(event(&it, "", "{\"base\":{\"code\":0}}"), 0);
    assert_string_equal(said(&it, text), "");
    assert_int_equal(event(&it, "", "{\"base\":{\"code\":\"0\"}}"), 0);
    assert_string_equal(said(&it, text), "");
    assert_int_equal(event(&it, "", "{\"base\":{\"code\":null}}"), 0);
    assert_string_equal(said(&it, text), "");
    assert_int_equal(event(&it, "", "{\"base\":{\"code\":1002}}"), 0);
    assert_string_equal(said(&it, text), "E");
    watch_free(it.watch);
}

static void test_an_error_that_is_a_number_is_the_whole_document(void **state)
{
    (void)state;
    static const struct watch_rule rules[] = {
        {.role = WATCH_ERROR, .path = "base.code", .unless = "0"},
    };
    static const char body[] = "{\"base\":{\"code\":1002,\"says\":\"slow\"}}";
    struct fixture it;
    setup(&it, rules, 1);
    assert_int_equal(watch_document(it.watch, slice_of(body), &it.result, NULL), 0);
    assert_true(it.result.has_error);
    assert_true(slice_equal(it.result.error.raw, slice_of(body)));
    watch_free(it.watch);
}

static void assert_bad_rule(struct watch_rule rule, const char *named)
{
    struct error err = {0};
    struct watch *watch = watch_new();
    assert_int_equal(watch_add(watch, &rule, &err), -1);
    assert_non_null(strstr(err.message, named));
    watch_free(watch);
}

static void test_bad_rules_are_refused_by_name(void **state)
{
    (void)state;
    assert_bad_rule((struct watch_rule){.role = WATCH_ERROR}, "one of path, event and data");
    assert_bad_rule((struct watch_rule){.role = WATCH_ERROR, .path = "a", .data = "b"}, "\"a\"");
    assert_bad_rule((struct watch_rule){.role = WATCH_ERROR, .event = "a", .equals = "b"}, "\"b\"");
    assert_bad_rule((struct watch_rule){.role = WATCH_ERROR, .event = "a", .unless = "b"}, "\"b\"");
    assert_bad_rule((struct watch_rule){.role = WATCH_USAGE, .event = "e"}, "\"e\"");
    assert_bad_rule((struct watch_rule){.role = WATCH_INDEX, .data = "d"}, "\"d\"");
    assert_bad_rule((struct watch_rule){.role = WATCH_CONTENT, .path = "a..b"}, "a..b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openai_content_is_any_part_that_is_not_empty),
        cmocka_unit_test(test_openai_stream_from_first_chunk_to_done),
        cmocka_unit_test(test_usage_is_the_last_that_is_not_empty),
        cmocka_unit_test(test_an_error_is_told_with_its_value),
        cmocka_unit_test(test_each_choice_seen_must_finish),
        cmocka_unit_test(test_nothing_seen_is_not_finished),
        cmocka_unit_test(test_a_finish_belongs_to_its_own_choice),
        cmocka_unit_test(test_a_choice_without_index_is_number_0),
        cmocka_unit_test(test_an_index_that_no_choice_can_have_is_malformed),
        cmocka_unit_test(test_malformed_data_fails_and_changes_nothing),
        cmocka_unit_test(test_empty_data_says_nothing),
        cmocka_unit_test(test_anthropic_stream_by_type_and_event_name),
        cmocka_unit_test(test_equals_compares_the_decoded_string_only),
        cmocka_unit_test(test_true_is_met_by_nothing_else),
        cmocka_unit_test(test_usage_that_is_a_number_is_the_whole_event),
        cmocka_unit_test(test_an_error_told_by_event_name_needs_no_json),
        cmocka_unit_test(test_a_name_that_no_rule_has_changes_nothing),
        cmocka_unit_test(test_any_role_but_values_can_be_told_by_data),
        cmocka_unit_test(test_one_path_can_have_several_rules),
        cmocka_unit_test(test_a_finish_outside_of_the_choices_finishes_all_of_them),
        cmocka_unit_test(test_a_choice_that_finishes_twice_finishes_no_other),
        cmocka_unit_test(test_a_finish_told_by_name_finishes_all_choices),
        cmocka_unit_test(test_a_type_can_mean_any_role_without_a_value),
        cmocka_unit_test(test_a_document_is_read_for_usage_and_errors_alone),
        cmocka_unit_test(test_a_bad_document_is_told_with_its_position),
        cmocka_unit_test(test_a_value_that_is_named_by_unless_means_nothing),
        cmocka_unit_test(test_an_error_that_is_a_number_is_the_whole_document),
        cmocka_unit_test(test_bad_rules_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
