#include "json/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

// Writes each call as "id=value;".
static void note_value(void *owner, int id, struct json_value value)
{
    buf_addf(owner, "%d=%.*s;", id, (int)value.raw.len, value.raw.data);
}

static struct json_match *make_match(const char *const *paths)
{
    struct json_match *match = json_match_new();
    struct error err;
    for (int i = 0; paths[i]; i++)
        assert_int_equal(json_match_add(match, paths[i], &err), i);
    return match;
}

static void assert_matches(const char *const *paths, const char *text, const char *expected)
{
    struct json_match *match = make_match(paths);
    struct json_error err = {0};
    struct buf out;
    buf_init(&out, 4096);
    buf_add(&out, "", 0);
    assert_int_equal(json_match_run(match, slice_of(text), JSON_MAX_DEPTH, note_value, &out, &err),
                     0);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
    json_match_free(match);
}

#define PATHS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static void test_members_are_found_by_name(void **state)
{
    (void)state;
    assert_matches(PATHS("a", "b"), "{\"b\":1,\"c\":2,\"a\":[3]}", "1=1;0=[3];");
    assert_matches(PATHS("a b-c/\"d"), "{\"a b-c/\\\"d\":1}", "0=1;");
    assert_matches(PATHS("a"), "{\"\\u0061\":1}", "0=1;");
    assert_matches(PATHS("a"), "{\"A\":1,\"aa\":2,\"\":3}", "");
}

static void test_names_join_to_paths(void **state)
{
    (void)state;
    assert_matches(PATHS("a.b.c", "a.x"), "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"x\":{}},\"b\":3}",
                   "0=1;1={};");
}

static void test_brackets_mean_every_element(void **state)
{
    (void)state;
    assert_matches(PATHS("a[].b"), "{\"a\":[{\"b\":1},{},{\"b\":2}, 5]}", "0=1;0=2;");
    assert_matches(PATHS("a[]"), "{\"a\":[1, \"x\" ,{}]}", "0=1;0=\"x\";0={};");
    assert_matches(PATHS("[].x"), "[{\"x\":1},{\"x\":2}]", "0=1;0=2;");
    assert_matches(PATHS("a[].b[].c"), "{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]}]}", "0=1;0=2;");
    assert_matches(PATHS("[]"), "[1,2]", "0=1;0=2;");
}

static void test_a_value_of_another_shape_does_not_match(void **state)
{
    (void)state;
    assert_matches(PATHS("a.b"), "{\"a\":[{\"b\":1}]}", "");
    assert_matches(PATHS("a[].b"), "{\"a\":{\"b\":1}}", "");
    assert_matches(PATHS("a.b"), "{\"a\":\"b\"}", "");
    assert_matches(PATHS("a"), "[{\"a\":1}]", "");
    assert_matches(PATHS("a", "[].a"), "null", "");
}

static void test_parts_come_before_the_container(void **state)
{
    (void)state;
    assert_matches(PATHS("a", "a[]", "a[].b"), "{\"a\":[{\"b\":1},2]}",
                   "2=1;1={\"b\":1};1=2;0=[{\"b\":1},2];");
}

static void test_repeated_members_are_told_each(void **state)
{
    (void)state;
    assert_matches(PATHS("a"), "{\"a\":1,\"a\":2}", "0=1;0=2;");
}

static void note_type(void *owner, int id, struct json_value value)
{
    (void)id;
    *(enum json_type *)owner = value.type;
}

static void test_types_are_told(void **state)
{
    (void)state;
    static const char *const texts[] = {
        [JSON_NULL] = "{\"a\":null}", [JSON_FALSE] = "{\"a\":false}", [JSON_TRUE] = "{\"a\":true}",
        [JSON_NUMBER] = "{\"a\":1}",  [JSON_STRING] = "{\"a\":\"\"}", [JSON_ARRAY] = "{\"a\":[2]}",
        [JSON_OBJECT] = "{\"a\":{}}",
    };
    struct json_match *match = make_match(PATHS("a", "a.b", "a[]"));
    for (enum json_type type = JSON_NULL; type <= JSON_OBJECT; type++) {
        enum json_type got = JSON_ABSENT;
        struct slice text = slice_of(texts[type]);
        assert_int_equal(json_match_run(match, text, 8, note_type, &got, NULL), 0);
        assert_int_equal(got, type);
    }
    json_match_free(match);
}

static void test_the_same_path_has_the_same_id(void **state)
{
    (void)state;
    struct json_match *match = make_match(PATHS("a.b", "a", "a.b[]"));
    assert_int_equal(json_match_add(match, "a.b", NULL), 0);
    assert_int_equal(json_match_add(match, "a.b[]", NULL), 2);
    assert_int_equal(json_match_add(match, "a[]", NULL), 3);
    json_match_free(match);
}

static void test_what_is_no_path_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      ".",    "a.",   ".a",    "a..b", "a[",
                                      "a]",    "a[0]", "a[]b", "a[][]", "[]x",  "[].",
                                      "[].[]", "a.[]", "a[].", "[]]",   "a.b[", "a].b[]"};
    struct json_match *match = json_match_new();
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct error err = {0};
        assert_int_equal(json_match_add(match, bad[i], &err), -1);
        assert_non_null(strstr(err.message, bad[i]));
    }
    assert_int_equal(json_match_add(match, "a", NULL), 0);
    json_match_free(match);
}

static void test_the_number_of_paths_is_limited(void **state)
{
    (void)state;
    struct json_match *match = json_match_new();
    char path[16];
    for (int i = 0; i < LIMIT_WATCH_PATHS; i++) {
        snprintf(path, sizeof(path), "p%d", i);
        assert_int_equal(json_match_add(match, path, NULL), i);
    }
    struct error err = {0};
    assert_int_equal(json_match_add(match, "one.more", &err), -1);
    assert_string_equal(err.message, "more than 64 paths");
    assert_int_equal(json_match_add(match, "p5", NULL), 5);
    json_match_free(match);
}

static void assert_refused(const char *text, int max_depth, size_t offset)
{
    struct json_match *match = make_match(PATHS("a.b", "c[].d"));
    struct json_error err = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(json_match_run(match, slice_of(text), max_depth, note_value, &out, &err), -1);
    assert_int_equal(err.offset, offset);
    assert_non_null(err.message);
    buf_deinit(&out);
    json_match_free(match);
}

static void test_text_is_checked_also_where_no_path_leads(void **state)
{
    (void)state;
    assert_refused("", 8, 0);
    assert_refused("{\"x\":[1,{\"y\":01}]}", 8, 14);
    assert_refused("{\"a\":{\"x\":\"\xff\"}}", 8, 11);
    assert_refused("{\"a\":{\"b\":1,}}", 8, 12);
    assert_refused("{\"c\":[{\"d\":1}", 8, 13);
    assert_refused("{\"c\":[{\"d\":1}}]", 8, 13);
    assert_refused("{\"a\":{\"b\":1}} x", 8, 14);
}

static void test_depth_is_limited_on_and_off_the_paths(void **state)
{
    (void)state;
    assert_refused("{\"a\":{\"b\":1}}", 1, 5);
    assert_refused("{\"x\":[[1]]}", 2, 6);
    assert_refused("{\"c\":[{\"d\":[]}]}", 3, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_found_by_name),
        cmocka_unit_test(test_names_join_to_paths),
        cmocka_unit_test(test_brackets_mean_every_element),
        cmocka_unit_test(test_a_value_of_another_shape_does_not_match),
        cmocka_unit_test(test_parts_come_before_the_container),
        cmocka_unit_test(test_repeated_members_are_told_each),
        cmocka_unit_test(test_types_are_told),
        cmocka_unit_test(test_the_same_path_has_the_same_id),
        cmocka_unit_test(test_what_is_no_path_is_refused),
        cmocka_unit_test(test_the_number_of_paths_is_limited),
        cmocka_unit_test(test_text_is_checked_also_where_no_path_leads),
        cmocka_unit_test(test_depth_is_limited_on_and_off_the_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
