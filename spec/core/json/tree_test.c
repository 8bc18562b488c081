#include "json/tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static cJSON *parse(const char *text)
{
    struct json_error err = {0};
    cJSON *tree = json_tree_parse(slice_of(text), JSON_MAX_DEPTH, &err);
    if (!tree)
        fail_msg("%s refused at %zu: %s", text, err.offset, err.message);
    return tree;
}

static void assert_printed(const cJSON *tree, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(json_tree_print(tree, &out), 0);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void assert_round_trip(const char *text, const char *expected)
{
    cJSON *tree = parse(text);
    assert_printed(tree, expected);
    cJSON_Delete(tree);
}

static void assert_number_kept(const char *text, int type)
{
    cJSON *tree = parse(text);
    assert_int_equal(tree->type, type);
    assert_printed(tree, text);
    cJSON_Delete(tree);
}

static void test_a_tree_holds_each_type_of_value(void **state)
{
    (void)state;
    cJSON *tree =
        parse(" {\"s\":\"x\",\"n\":5,\"t\":true,\"f\":false,\"z\":null,\"a\":[1],\"o\":{}} ");
    assert_true(cJSON_IsObject(tree));
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(tree, "s")->valuestring, "x");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(tree, "n")->valueint, 5);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "t")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(tree, "f")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(tree, "z")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "a")), 1);
    assert_true(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(tree, "o")));
    cJSON_Delete(tree);
}

static void test_cjson_can_change_a_parsed_tree(void **state)
{
    (void)state;
    cJSON *tree = parse("{\"a\":1,\"b\":[1,2],\"c\":\"\\u0041\"}");
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "a");
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(tree, "b"), cJSON_CreateNumber(3));
    cJSON_AddStringToObject(tree, "d", "new");
    cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(tree, "c"), "longer");
    assert_printed(tree, "{\"b\":[1,2,3],\"c\":\"longer\",\"d\":\"new\"}");
    cJSON_Delete(tree);
}

static void test_printing_is_compact_and_keeps_order_and_duplicates(void **state)
{
    (void)state;
    assert_round_trip(" { \"b\" : 1 ,\n\"a\" : [ true , null , { } , [ ] ] , \"b\" : 2 } ",
                      "{\"b\":1,\"a\":[true,null,{},[]],\"b\":2}");
    assert_round_trip("false", "false");
    assert_round_trip("\"a/b\"", "\"a/b\"");
}

static void test_strings_keep_their_value(void **state)
{
    (void)state;
    assert_round_trip("\"\\u00e9\\/\\ud83d\\ude00\\n\\u0001\\\"\"",
                      "\"\xC3\xA9/\xF0\x9F\x98\x80\\n\\u0001\\\"\"");
    assert_round_trip("{\"\\u0061\\n\":\"\"}", "{\"a\\n\":\"\"}");
}

static void test_plain_numbers_are_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "1",
        "-1",
        "42",
        "999999999999999",
        "-999999999999999",
        "9007199254740992",
        "-9007199254740992",
        "0.1",
        "0.7",
        "-2.5",
        "1e+20",
        "1e-07",
        "0.30000000000000004",
        "3.141592653589793",
        "1.7976931348623157e+308",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_number_kept(texts[i], cJSON_Number);
}

static void test_numbers_that_a_double_would_change_stay_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9007199254740993",
        "-9007199254740993",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
        "1.0",
        "-0",
        "-0.0",
        "1e5",
        "1E5",
        "0.10",
        "1e-400",
        "5e-324",
        "0.1000000000000000055511151231257827",
        "3.14159265358979323846264338327950288419716939",
        "18446744073709551615",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_number_kept(texts[i], cJSON_Raw);
}

static void test_numbers_made_by_code_print_as_the_shortest_text(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {1.0, "1"},
        {-0.0, "0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e15, "1000000000000000"},
        {9007199254740992.0, "9007199254740992"},
        {1e300, "1e+300"},
        {1.0 / 3.0, "0.3333333333333333"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cJSON *number = cJSON_CreateNumber(cases[i].number);
        assert_printed(number, cases[i].text);
        cJSON_Delete(number);
    }
}

static void test_a_string_with_nul_stays_text(void **state)
{
    (void)state;
    cJSON *tree = parse("[\"x\\u0000y\"]");
    assert_int_equal(tree->child->type, cJSON_Raw);
    assert_printed(tree, "[\"x\\u0000y\"]");
    cJSON_Delete(tree);
}

static void test_an_object_with_nul_in_a_name_stays_text(void **state)
{
    (void)state;
    cJSON *tree = parse("{\"a\":{\"b\":[{}], \"n\\u0000\":{}},\"z\":[1 ]}");
    assert_int_equal(tree->child->type, cJSON_Raw);
    assert_printed(tree, "{\"a\":{\"b\":[{}], \"n\\u0000\":{}},\"z\":[1]}");
    cJSON_Delete(tree);
}

static void test_an_object_with_nul_in_a_name_is_still_checked(void **state)
{
    (void)state;
    struct json_error err;
    assert_null(json_tree_parse(SLICE("{\"\\u0000\":[1,]}"), 8, &err));
    assert_int_equal(err.offset, 13);
    assert_null(json_tree_parse(SLICE("{\"\\u0000\":[[]]}"), 2, &err));
    assert_string_equal(err.message, "nesting is too deep");
}

static void test_invalid_text_gives_no_tree_but_a_position(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"", 0},           {"[1,2", 4},    {"{\"a\":[1,{\"b\":01}]}", 14},
        {"[\"\xff\"]", 2}, {"{\"a\"}", 4}, {"{\"a\":1,}", 7},
        {"[] []", 3},      {"[}", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_error err = {0};
        assert_null(json_tree_parse(slice_of(cases[i].text), JSON_MAX_DEPTH, &err));
        assert_int_equal(err.offset, cases[i].offset);
        assert_non_null(err.message);
        assert_null(json_tree_parse(slice_of(cases[i].text), JSON_MAX_DEPTH, NULL));
    }
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_text(&text, i % 2 ? "{\"a\":" : "[");
    assert_null(json_tree_parse(buf_slice(&text), JSON_MAX_DEPTH, NULL));
    assert_null(json_tree_parse(buf_slice(&text), INT32_MAX, NULL));
    buf_deinit(&text);
}

static void test_a_tree_that_is_too_deep_is_not_printed(void **state)
{
    (void)state;
    cJSON *tree = cJSON_CreateArray();
    for (int i = 0; i < JSON_DEPTH_CAP; i++) {
        cJSON *outer = cJSON_CreateArray();
        cJSON_AddItemToArray(outer, tree);
        tree = outer;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(json_tree_print(tree, &out), -1);
    buf_deinit(&out);
    cJSON_Delete(tree);
}

static void test_printing_fails_at_the_limit_of_the_buffer(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,\"b\",true,false,null,1e400],\"c\":{}}";
    cJSON *tree = parse(text);
    for (size_t limit = 0; limit <= strlen(text); limit++) {
        struct buf out;
        buf_init(&out, limit);
        assert_int_equal(json_tree_print(tree, &out), limit < strlen(text) ? -1 : 0);
        buf_deinit(&out);
    }
    cJSON_Delete(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree_holds_each_type_of_value),
        cmocka_unit_test(test_cjson_can_change_a_parsed_tree),
        cmocka_unit_test(test_printing_is_compact_and_keeps_order_and_duplicates),
        cmocka_unit_test(test_strings_keep_their_value),
        cmocka_unit_test(test_plain_numbers_are_numbers),
        cmocka_unit_test(test_numbers_that_a_double_would_change_stay_text),
        cmocka_unit_test(test_numbers_made_by_code_print_as_the_shortest_text),
        cmocka_unit_test(test_a_string_with_nul_stays_text),
        cmocka_unit_test(test_an_object_with_nul_in_a_name_stays_text),
        cmocka_unit_test(test_an_object_with_nul_in_a_name_is_still_checked),
        cmocka_unit_test(test_invalid_text_gives_no_tree_but_a_position),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_a_tree_that_is_too_deep_is_not_printed),
        cmocka_unit_test(test_printing_fails_at_the_limit_of_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
