#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static int scan(struct slice text, struct json_error *err)
{
    return json_scan(text, NULL, 0, JSON_MAX_DEPTH, err);
}

// Scans a copy in memory of its exact size, so that ASan sees any read beyond.
static int scan_exact(struct slice text, struct json_error *err)
{
    char *exact = mem_alloc(text.len);
    memcpy(exact, text.data, text.len);
    int rc = scan((struct slice){exact, text.len}, err);
    free(exact);
    return rc;
}

// Scans an object that holds `value`, which begins at byte 5.
static int scan_value(struct slice value, struct json_error *err)
{
    struct buf text;
    buf_init(&text, 1024);
    buf_add_text(&text, "{\"a\":");
    buf_add_slice(&text, value);
    buf_add_text(&text, "}");
    int rc = scan_exact(buf_slice(&text), err);
    buf_deinit(&text);
    return rc;
}

static void assert_accepted(const char *value)
{
    struct json_error err = {0};
    if (scan_value(slice_of(value), &err) != 0)
        fail_msg("%s refused at %zu: %s", value, err.offset, err.message);
}

static void assert_refused(struct slice value, size_t offset)
{
    struct json_error err = {0};
    if (scan_value(value, &err) == 0)
        fail_msg("%.*s accepted", (int)value.len, value.data);
    assert_non_null(err.message);
    assert_int_equal(err.offset, offset + 5);
}

static struct json_value string_value(const char *text)
{
    return (struct json_value){JSON_STRING, slice_of(text)};
}

static void test_every_form_of_rfc_8259_is_accepted(void **state)
{
    (void)state;
    static const char *const values[] = {
        "0",
        "-0",
        "10",
        "-12.5e+10",
        "1E5",
        "0.0",
        "1e400",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"plain\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\uD83D\\ude00\"",
        "\"\x7f\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,2 , 3]",
        "{\"a\":1, \"b\" : [ {} , [] ]}",
        "\t\r\n {\n}\n ",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        assert_accepted(values[i]);
}

static void test_what_is_not_json_is_refused_at_the_bad_byte(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t offset;
    } cases[] = {
        {"", 0},
        {"01", 1},
        {"1.", 2},
        {".5", 0},
        {"+1", 0},
        {"-", 1},
        {"-a", 1},
        {"1e", 2},
        {"1e+", 3},
        {"0x1", 1},
        {"1.5.5", 3},
        {"NaN", 0},
        {"Infinity", 0},
        {"tru", 0},
        {"True", 0},
        {"nul", 0},
        {"truex", 4},
        {"'a'", 0},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1", 2},
        {"[", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{a:1}", 1},
        {"{\"a\":1,}", 7},
        {"{,}", 1},
        {"{\"a\" 1}", 5},
        {"[1}", 2},
        {"{\"a\":1]", 6},
        {"\"\\x\"", 1},
        {"\"\\u12g4\"", 1},
        {"\"\\u12\"", 1},
        {"\"\n\"", 1},
        {"\"\x1f\"", 1},
        {"1 /* no */", 2},
        {"// no", 0},
        {"]", 0},
        {"\x0b"
         "1",
         0},
        {"\xc2\xa0"
         "1",
         0},
        {"\xEF\xBB\xBF"
         "1",
         0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_refused(slice_of(cases[i].value), cases[i].offset);
}

static void test_a_string_without_its_end_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":\"",          "{\"a\":\"12345678", "{\"a", "{\"a\":\"\\", "{\"a\":\"\\u123",
        "{\"a\":\"\\ud83d\\", "{\"a\":\"\xE2\x82"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct json_error err;
        assert_int_equal(scan_exact(slice_of(texts[i]), &err), -1);
    }
}

static void test_nul_bytes_are_refused_everywhere(void **state)
{
    (void)state;
    assert_refused(SLICE("\0"), 0);
    assert_refused(SLICE("\"a\0b\""), 2);
    assert_refused(SLICE("1\0"), 1);
    assert_refused(SLICE("\"\\\0\""), 1);
    assert_int_equal(scan(SLICE("{}\0"), NULL), -1);
    assert_int_equal(scan(SLICE("\0{}"), NULL), -1);
}

static void test_utf8_is_checked_strictly(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\"\xC2\x80\"",         "\"\xDF\xBF\"",         "\"\xE0\xA0\x80\"", "\"\xED\x9F\xBF\"",
        "\"\xEE\x80\x80\"",     "\"\xEF\xBF\xBF\"",     "\"\xE2\x82\xAC\"", "\"\xF0\x90\x80\x80\"",
        "\"\xF4\x8F\xBF\xBF\"", "\"1234567\xC3\xA9x\"", "\"\xEF\xBB\xBF\"",
    };
    static const char *const bad[] = {
        "\"\x80\"",
        "\"\xBF\"",
        "\"\xC0\x80\"",
        "\"\xC1\xBF\"",
        "\"\xE0\x9F\xBF\"",
        "\"\xED\xA0\x80\"",
        "\"\xED\xBF\xBF\"",
        "\"\xF0\x8F\xBF\xBF\"",
        "\"\xF5\x80\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xFF\"",
        "\"\xC3\"",
        "\"\xE2\x82\"",
        "\"\xF0\x9F\x98\"",
        "\"\xC3\xC3\"",
        "\"\xE2\x28\xA1\"",
        "\"\xE2\x82\x28\"",
        "\"\xF0\x28\x8C\xBC\"",
        "\"\xF0\x90\x80\x28\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_accepted(good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_refused(slice_of(bad[i]), 1);
}

static void test_unpaired_surrogate_escapes_are_refused(void **state)
{
    (void)state;
    assert_refused(SLICE("\"\\ud800\""), 1);
    assert_refused(SLICE("\"\\udc00\""), 1);
    assert_refused(SLICE("\"\\ud800\\ud800\""), 1);
    assert_refused(SLICE("\"\\ud800x\""), 1);
    assert_refused(SLICE("\"\\ud800\\n\""), 1);
    assert_refused(SLICE("\"\\udc00\\ud800\""), 1);
}

// Several bytes are looked at in one step; each kind must be found at each place of a step.
static void test_a_bad_byte_is_found_at_every_place(void **state)
{
    (void)state;
    static const char bad[] = {'\n', 0x1F, 0, (char)0x80, (char)0xFF};
    char text[80];
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, 'x', sizeof(text));
            text[0] = text[len + 1] = '"';
            for (size_t i = 0; i < sizeof(bad); i++) {
                text[at + 1] = bad[i];
                assert_refused((struct slice){text, len + 2}, at + 1);
            }
        }
    }
}

static void test_the_neighbours_of_bad_bytes_are_accepted_at_every_place(void **state)
{
    (void)state;
    static const char good[] = " !#[]~\x7F";
    char text[80];
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, 'x', sizeof(text));
            text[0] = text[len + 1] = '"';
            text[len + 2] = '\0';
            for (const char *c = good; *c; c++) {
                text[at + 1] = *c;
                assert_accepted(text);
            }
        }
    }
}

static void test_names_that_only_look_alike_are_told_apart(void **state)
{
    (void)state;
    struct json_field fields[] = {
        {.name = SLICE("a")}, {.name = SLICE("")}, {.name = SLICE("abc")}, {.name = SLICE("abd")}};
    struct slice text = SLICE("{\"ab\":1,\"abd\":2,\"b\":3,\"\":4}");
    assert_int_equal(json_scan(text, fields, 4, 1, NULL), 0);
    assert_int_equal(fields[0].count, 0);
    assert_true(slice_equal(fields[1].value.raw, SLICE("4")));
    assert_int_equal(fields[2].count, 0);
    assert_true(slice_equal(fields[3].value.raw, SLICE("2")));
}

static void test_bytes_after_the_value_are_refused_but_white_space_is_not(void **state)
{
    (void)state;
    struct json_error err;
    assert_int_equal(scan(SLICE("\n\n {} \r\n\t"), &err), 0);
    assert_int_equal(scan(SLICE("{} {}"), &err), -1);
    assert_int_equal(err.offset, 3);
    assert_int_equal(scan(SLICE("{}}"), &err), -1);
    assert_int_equal(err.offset, 2);
}

static void test_the_top_level_must_be_an_object(void **state)
{
    (void)state;
    struct json_error err;
    static const char *const others[] = {"", " ", "[]", "1", "\"a\"", "null"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(scan(slice_of(others[i]), &err), -1);
        assert_string_equal(err.message, "expected an object");
    }
    assert_int_equal(scan((struct slice){NULL, 0}, NULL), -1);
}

static void test_depth_is_counted_in_open_brackets(void **state)
{
    (void)state;
    struct json_error err;
    assert_int_equal(json_scan(SLICE("{\"a\":[{}]}"), NULL, 0, 3, &err), 0);
    assert_int_equal(json_scan(SLICE("{\"a\":[{}]}"), NULL, 0, 2, &err), -1);
    assert_int_equal(err.offset, 6);
    assert_string_equal(err.message, "nesting is too deep");
    assert_int_equal(json_scan(SLICE("{\"a\":[1],\"b\":[1],\"c\":[]}"), NULL, 0, 2, &err), 0);
    assert_int_equal(json_scan(SLICE("{}"), NULL, 0, 0, &err), -1);
}

static void test_a_text_100000_levels_deep_is_refused_whatever_the_limit(void **state)
{
    (void)state;
    enum { LEVELS = 100000 };
    struct json_error err;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_add_text(&text, "{\"a\":");
    for (int i = 0; i < LEVELS; i++)
        buf_add_text(&text, "[");
    assert_int_equal(scan(buf_slice(&text), &err), -1);
    assert_int_equal(err.offset, 5 + JSON_MAX_DEPTH - 1);
    for (int i = 0; i < LEVELS; i++)
        buf_add_text(&text, "]");
    buf_add_text(&text, "}");
    assert_int_equal(json_scan(buf_slice(&text), NULL, 0, INT32_MAX, &err), -1);
    assert_int_equal(err.offset, 5 + JSON_DEPTH_CAP - 1);
    buf_deinit(&text);
}

static void test_fields_are_found_with_type_and_bytes(void **state)
{
    (void)state;
    struct json_field fields[] = {
        {.name = SLICE("model")},  {.name = SLICE("stream")}, {.name = SLICE("messages")},
        {.name = SLICE("absent")}, {.name = SLICE("n")},      {.name = SLICE("")},
        {.name = SLICE("user")},   {.name = SLICE("o")},
    };
    struct slice text = SLICE("{ \"model\" : \"gpt\" ,\"stream\":true,\"messages\":[ {\"n\":5} ] , "
                              "\"n\": -1.5 ,\"\":false,\"user\":null,\"o\":{\"model\":1}}");
    assert_int_equal(json_scan(text, fields, 8, JSON_MAX_DEPTH, NULL), 0);
    static const struct {
        enum json_type type;
        const char *raw;
    } expected[] = {
        {JSON_STRING, "\"gpt\""},      {JSON_TRUE, "true"},
        {JSON_ARRAY, "[ {\"n\":5} ]"}, {JSON_ABSENT, NULL},
        {JSON_NUMBER, "-1.5"},         {JSON_FALSE, "false"},
        {JSON_NULL, "null"},           {JSON_OBJECT, "{\"model\":1}"},
    };
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(fields[i].value.type, expected[i].type);
        assert_int_equal(fields[i].count, expected[i].raw ? 1 : 0);
        if (expected[i].raw)
            assert_true(slice_equal(fields[i].value.raw, slice_of(expected[i].raw)));
    }
}

static void test_a_name_is_found_behind_its_escapes(void **state)
{
    (void)state;
    struct json_field fields[] = {{.name = SLICE("model")}, {.name = SLICE("\xF0\x9F\x98\x80")}};
    assert_int_equal(json_scan(SLICE("{\"\\u006dodel\":1,\"\\ud83d\\ude00\":2}"), fields, 2,
                               JSON_MAX_DEPTH, NULL),
                     0);
    assert_int_equal(fields[0].count, 1);
    assert_int_equal(fields[1].count, 1);
}

static void test_of_a_repeated_name_the_last_value_and_the_count_are_told(void **state)
{
    (void)state;
    struct json_field field = {.name = SLICE("a"), .count = 7};
    assert_int_equal(
        json_scan(SLICE("{\"a\":1,\"b\":0,\"a\":2,\"\\u0061\":3}"), &field, 1, 8, NULL), 0);
    assert_int_equal(field.count, 3);
    assert_true(slice_equal(field.value.raw, SLICE("3")));
}

static void test_decoding_resolves_all_escapes(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(json_string_decode(string_value("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\""), &out), 0);
    assert_string_equal(out.data, "a\"\\/\b\f\n\r\tz");
    buf_clear(&out);
    assert_int_equal(
        json_string_decode(string_value("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\uDBFF\\uDFFF\""),
                           &out),
        0);
    assert_string_equal(out.data, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF");
    buf_clear(&out);
    assert_int_equal(json_string_decode(string_value("\"x\\u0000y\""), &out), 0);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.data, "x\0y", 3);
    buf_deinit(&out);
}

static void test_decoding_fails_at_the_limit_of_the_buffer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    assert_int_equal(json_string_decode(string_value("\"abcd\""), &out), 0);
    buf_clear(&out);
    assert_int_equal(json_string_decode(string_value("\"abcde\""), &out), -1);
    buf_clear(&out);
    assert_int_equal(json_string_decode(string_value("\"abc\\u20AC\""), &out), -1);
    buf_deinit(&out);
}

static void test_strings_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(json_string_equal(string_value("\"stop\""), SLICE("stop")));
    assert_true(json_string_equal(string_value("\"\\u0073top\""), SLICE("stop")));
    assert_true(json_string_equal(string_value("\"a\\n\""), SLICE("a\n")));
    assert_true(json_string_equal(string_value("\"\""), SLICE("")));
    assert_true(json_string_equal(string_value("\"a\\u0000b\""), SLICE("a\0b")));
    assert_false(json_string_equal(string_value("\"stop\""), SLICE("stopp")));
    assert_false(json_string_equal(string_value("\"stop\""), SLICE("sto")));
    assert_false(json_string_equal(string_value("\"a\\n\""), SLICE("a\\n")));
    assert_false(json_string_equal(string_value("\"\\u20ac\""), SLICE("\xE2\x82")));
}

static void assert_encoded(struct slice text, const char *expected)
{
    struct buf out;
    buf_init(&out, 200);
    assert_int_equal(json_string_encode(&out, text), 0);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_encoding_escapes_only_what_it_must(void **state)
{
    (void)state;
    assert_encoded(SLICE("a/b <\x7f> \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and more"),
                   "\"a/b <\x7f> \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and more\"");
    assert_encoded(SLICE("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    assert_encoded(SLICE("\0\x01\x1f"), "\"\\u0000\\u0001\\u001f\"");
    assert_encoded((struct slice){NULL, 0}, "\"\"");
}

static void test_encoding_replaces_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    assert_encoded(SLICE("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
    assert_encoded(SLICE("\xC3"), "\"\xEF\xBF\xBD\"");
    assert_encoded(SLICE("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void test_encoding_fails_at_the_limit_of_the_buffer(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 10; limit++) {
        struct buf out;
        buf_init(&out, limit);
        assert_int_equal(json_string_encode(&out, SLICE("ab\x01")), -1);
        buf_deinit(&out);
    }
}

static void test_empty_values_say_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum json_type type;
        bool is_empty;
    } cases[] = {
        {"", JSON_ABSENT, true},
        {"null", JSON_NULL, true},
        {"\"\"", JSON_STRING, true},
        {"[]", JSON_ARRAY, true},
        {"[ \n]", JSON_ARRAY, true},
        {"{}", JSON_OBJECT, true},
        {"{\t}", JSON_OBJECT, true},
        {"false", JSON_FALSE, false},
        {"true", JSON_TRUE, false},
        {"0", JSON_NUMBER, false},
        {"\" \"", JSON_STRING, false},
        {"[[]]", JSON_ARRAY, false},
        {"{\"a\":null}", JSON_OBJECT, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_value value = {cases[i].type, slice_of(cases[i].raw)};
        assert_int_equal(json_value_is_empty(value), cases[i].is_empty);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_rfc_8259_is_accepted),
        cmocka_unit_test(test_what_is_not_json_is_refused_at_the_bad_byte),
        cmocka_unit_test(test_a_string_without_its_end_is_refused),
        cmocka_unit_test(test_nul_bytes_are_refused_everywhere),
        cmocka_unit_test(test_utf8_is_checked_strictly),
        cmocka_unit_test(test_unpaired_surrogate_escapes_are_refused),
        cmocka_unit_test(test_a_bad_byte_is_found_at_every_place),
        cmocka_unit_test(test_the_neighbours_of_bad_bytes_are_accepted_at_every_place),
        cmocka_unit_test(test_bytes_after_the_value_are_refused_but_white_space_is_not),
        cmocka_unit_test(test_the_top_level_must_be_an_object),
        cmocka_unit_test(test_depth_is_counted_in_open_brackets),
        cmocka_unit_test(test_a_text_100000_levels_deep_is_refused_whatever_the_limit),
        cmocka_unit_test(test_fields_are_found_with_type_and_bytes),
        cmocka_unit_test(test_a_name_is_found_behind_its_escapes),
        cmocka_unit_test(test_names_that_only_look_alike_are_told_apart),
        cmocka_unit_test(test_of_a_repeated_name_the_last_value_and_the_count_are_told),
        cmocka_unit_test(test_decoding_resolves_all_escapes),
        cmocka_unit_test(test_decoding_fails_at_the_limit_of_the_buffer),
        cmocka_unit_test(test_strings_are_compared_decoded),
        cmocka_unit_test(test_encoding_escapes_only_what_it_must),
        cmocka_unit_test(test_encoding_replaces_bytes_that_are_no_utf8),
        cmocka_unit_test(test_encoding_fails_at_the_limit_of_the_buffer),
        cmocka_unit_test(test_empty_values_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
