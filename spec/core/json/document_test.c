#include "json/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

enum { MOST_STEPS = 8, DEPTH = 8 };

static struct document *document;
static struct document_step steps[MOST_STEPS];
static char words[256];

static void read_text(const char *text)
{
    struct json_error err = {0};
    document_free(document);
    document = document_new(slice_of(text), DEPTH, 0, &err);
    if (!document)
        fail_msg("%s refused at %zu: %s", text, err.offset, err.message);
}

static int tear_down(void **state)
{
    (void)state;
    document_free(document);
    document = NULL;
    return 0;
}

// "messages 2 content": words that are numbers are positions.
static struct document_path path(const char *text)
{
    struct document_path path = {steps, 0};

    snprintf(words, sizeof(words), "%s", text);
    for (char *at = words; *at;) {
        size_t len = strcspn(at, " ");
        char *end;
        steps[path.count] = (struct document_step){.position = strtol(at, &end, 10)};
        if (end != at + len)
            steps[path.count].name = (struct slice){at, len};
        path.count++;
        at += len + (at[len] == ' ');
    }
    return path;
}

static void assert_text(const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(document_print(document, &out), 0);
    assert_string_equal(out.data, expected);
    assert_true(out.len <= document_bound(document));
    buf_deinit(&out);
}

static void assert_value(const char *where, const char *expected)
{
    struct document_value value;
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(document_get(document, path(where), &value), DOCUMENT_OK);
    assert_int_equal(document_print_value(&value, &out), 0);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static enum document_result get(const char *where)
{
    struct document_value value;
    return document_get(document, path(where), &value);
}

static enum document_result set(const char *where, const char *json)
{
    return document_set(document, path(where), slice_of(json));
}

static enum document_result drop(const char *where)
{
    return document_delete(document, path(where));
}

static void assert_set(const char *where, const char *json, const char *expected)
{
    assert_int_equal(set(where, json), DOCUMENT_OK);
    assert_text(expected);
}

static const char chat[] = " {\n \"model\" : \"m\",\t\"messages\": [ {\"role\":\"user\", "
                           "\"content\":\"h\\u00e9\\/\"} , {\"n\": 1.50} ],\n"
                           " \"big\": 12345678901234567890 }\n";

static void test_an_untouched_document_prints_every_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {chat, "{}", " { } ", "{\"a\":1}",
                                        "\n{\"a\" :1 , \"a\": 2}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        read_text(texts[i]);
        assert_false(document_is_changed(document));
        assert_text(texts[i]);
    }
}

static void test_values_are_found_by_their_path(void **state)
{
    (void)state;
    read_text(chat);
    assert_value("model", "\"m\"");
    assert_value("big", "12345678901234567890");
    assert_value("messages 1 role", "\"user\"");
    assert_value("messages 1 content", "\"h\xC3\xA9/\"");
    assert_value("messages -1 n", "1.50");
    assert_value("messages 2", "{\"n\":1.50}");
    assert_text(chat); // reading changes nothing
}

static void test_what_is_not_there_is_told_apart_from_a_wrong_path(void **state)
{
    (void)state;
    read_text(chat);
    assert_int_equal(get("other"), DOCUMENT_ABSENT);
    assert_int_equal(get("messages 3"), DOCUMENT_ABSENT);
    assert_int_equal(get("messages -3"), DOCUMENT_ABSENT);
    assert_int_equal(get("messages 1 name"), DOCUMENT_ABSENT);
    assert_int_equal(get("messages name"), DOCUMENT_MISPLACED);
    assert_int_equal(get("model 1"), DOCUMENT_MISPLACED);
    assert_int_equal(get("messages 1 1"), DOCUMENT_MISPLACED);
}

static void test_a_change_touches_its_member_alone(void **state)
{
    (void)state;
    read_text("{ \"a\" : 1.0 ,\n\"b\": [ 1 , {\"x\" : 2.50, \"y\":[ ]} ] , \"c\" :\t\"\\/\" }");
    assert_set("b 2 x", "true",
               "{ \"a\" : 1.0 ,\n\"b\": [1,{\"x\":true,\"y\":[]}] , \"c\" :\t\"\\/\" }");
    assert_set("a", "[ 2 ]",
               "{ \"a\" : [ 2 ] ,\n\"b\": [1,{\"x\":true,\"y\":[]}] , \"c\" :\t\"\\/\" }");
    assert_value("a 1", "2");
}

static void test_a_new_member_comes_last(void **state)
{
    (void)state;
    read_text("{ \"a\":1 }\n");
    assert_set("b", "{}", "{ \"a\":1,\"b\":{} }\n");
    assert_set("q\"", "2", "{ \"a\":1,\"b\":{},\"q\\\"\":2 }\n");
    assert_set("b", "3", "{ \"a\":1,\"b\":3,\"q\\\"\":2 }\n");
    read_text("{ }");
    assert_set("b", "1", "{\"b\":1 }");
    assert_set("c", "2", "{\"b\":1,\"c\":2 }");
}

static void test_a_new_item_is_appended_right_behind_the_end(void **state)
{
    (void)state;
    read_text("{\"list\":[1]}");
    assert_set("list 2", "2", "{\"list\":[1,2]}");
    assert_int_equal(set("list 4", "4"), DOCUMENT_MISPLACED);
    assert_int_equal(set("list -3", "4"), DOCUMENT_MISPLACED);
    assert_set("list -2", "0", "{\"list\":[0,2]}");
}

static void test_what_is_missing_on_the_way_is_made(void **state)
{
    (void)state;
    read_text("{\"a\":{}}");
    assert_set("a b 1 c", "1", "{\"a\":{\"b\":[{\"c\":1}]}}");
    assert_set("x y", "2", "{\"a\":{\"b\":[{\"c\":1}]},\"x\":{\"y\":2}}");
    assert_int_equal(set("a d 2", "1"), DOCUMENT_MISPLACED);
    assert_int_equal(set("z 2", "1"), DOCUMENT_MISPLACED);
    assert_text("{\"a\":{\"b\":[{\"c\":1}]},\"x\":{\"y\":2}}");
}

static void test_a_path_through_a_scalar_changes_nothing(void **state)
{
    (void)state;
    read_text("{\"a\":1,\"b\":[1]}");
    assert_int_equal(set("a b", "1"), DOCUMENT_MISPLACED);
    assert_int_equal(set("b c", "1"), DOCUMENT_MISPLACED);
    assert_int_equal(set("b 1 c d", "1"), DOCUMENT_MISPLACED);
    assert_int_equal(drop("a b"), DOCUMENT_MISPLACED);
    assert_false(document_is_changed(document));
    assert_text("{\"a\":1,\"b\":[1]}");
}

static void test_a_member_is_removed_with_its_comma(void **state)
{
    (void)state;
    static const char text[] = "{ \"a\":1, \"b\":2 , \"c\":3 }";
    read_text(text);
    assert_int_equal(drop("a"), DOCUMENT_OK);
    assert_text("{ \"b\":2 , \"c\":3 }");
    assert_int_equal(drop("c"), DOCUMENT_OK);
    assert_text("{ \"b\":2 }");
    assert_int_equal(drop("b"), DOCUMENT_OK);
    assert_text("{}");
    assert_int_equal(drop("b"), DOCUMENT_ABSENT);
    assert_set("d", "4", "{\"d\":4}");
}

static void test_inner_values_are_removed(void **state)
{
    (void)state;
    read_text("{\"a\":[1,{\"x\":1,\"y\":2,\"x\":3},3]}");
    assert_int_equal(drop("a 2 x"), DOCUMENT_OK);
    assert_text("{\"a\":[1,{\"y\":2},3]}");
    assert_int_equal(drop("a 1"), DOCUMENT_OK);
    assert_text("{\"a\":[{\"y\":2},3]}");
    assert_int_equal(drop("a -1"), DOCUMENT_OK);
    assert_int_equal(drop("a 2"), DOCUMENT_ABSENT);
    assert_text("{\"a\":[{\"y\":2}]}");
}

static void test_of_a_repeated_name_the_last_counts_and_none_stays_behind(void **state)
{
    (void)state;
    read_text("{\"a\":1,\"\\u0061\":2,\"b\":{\"x\":1,\"x\":2}}");
    assert_value("a", "2");
    assert_value("b x", "2");
    assert_set("a", "3", "{\"a\":1,\"\\u0061\":3,\"b\":{\"x\":1,\"x\":2}}");
    assert_int_equal(drop("a"), DOCUMENT_OK);
    assert_text("{\"b\":{\"x\":1,\"x\":2}}");
}

static void test_depth_is_limited_wherever_a_value_is_put(void **state)
{
    (void)state;
    read_text("{\"a\":[[]]}");
    assert_int_equal(set("b", "[[[[[[[]]]]]]]"), DOCUMENT_OK); // 8 with the object
    assert_int_equal(set("b", "[[[[[[[[]]]]]]]]"), DOCUMENT_TOO_LARGE);
    assert_int_equal(set("a 1 1", "[[[[[]]]]]"), DOCUMENT_OK);
    assert_int_equal(set("a 1 1", "[[[[[[]]]]]]"), DOCUMENT_TOO_LARGE);
    assert_value("a 1 1", "[[[[[]]]]]");
}

static void test_lengths_are_those_of_arrays_and_objects(void **state)
{
    (void)state;
    size_t length = 0;
    read_text("{\"a\":[1,2,3],\"b\":{\"x\":1},\"c\":\"text\"}");
    assert_int_equal(document_length(document, path(""), &length), DOCUMENT_OK);
    assert_int_equal(length, 3);
    assert_int_equal(document_length(document, path("a"), &length), DOCUMENT_OK);
    assert_int_equal(length, 3);
    assert_int_equal(document_length(document, path("b"), &length), DOCUMENT_OK);
    assert_int_equal(length, 1);
    assert_int_equal(document_length(document, path("c"), &length), DOCUMENT_MISPLACED);
    assert_int_equal(document_length(document, path("d"), &length), DOCUMENT_ABSENT);
}

static void assert_walk(const char *where, const char *expected)
{
    struct document_cursor cursor = {.index = 0};
    struct document_value value;
    struct slice name;
    struct buf out;

    buf_init(&out, 1 << 16);
    while (document_next(document, path(where), &cursor, &name, &value) == DOCUMENT_OK) {
        if (name.data)
            buf_add_slice(&out, name);
        else
            buf_add_number(&out, cursor.index);
        buf_add_text(&out, "=");
        document_print_value(&value, &out);
        buf_add_text(&out, " ");
    }
    assert_string_equal(out.data ? out.data : "", expected);
    buf_deinit(&out);
}

static void test_items_come_in_order(void **state)
{
    (void)state;
    read_text("{\"z\":[\"p\",{}],\"a\":{\"y\":1,\"b\":2},\"\\u0065\":[]}");
    assert_walk("z", "1=\"p\" 2={} ");
    assert_walk("a", "y=1 b=2 ");
    assert_walk("e", "");
    assert_walk("", "z=[\"p\",{}] a={\"y\":1,\"b\":2} e=[] ");
    assert_walk("none", "");
}

static void test_changes_while_walking_are_seen(void **state)
{
    (void)state;
    struct document_cursor cursor = {.index = 0};
    struct document_value value;
    struct slice name;

    read_text("{\"a\":[1,2,3],\"b\":1}");
    assert_int_equal(document_next(document, path("a"), &cursor, &name, &value), DOCUMENT_OK);
    assert_int_equal(set("a 2", "20"), DOCUMENT_OK);
    assert_int_equal(set("a 4", "4"), DOCUMENT_OK);
    for (int i = 2; i <= 4; i++)
        assert_int_equal(document_next(document, path("a"), &cursor, &name, &value), DOCUMENT_OK);
    assert_true(value.node->valuedouble == 4);
    assert_int_equal(document_next(document, path("a"), &cursor, &name, &value), DOCUMENT_ABSENT);
    cursor = (struct document_cursor){.index = 0};
    assert_int_equal(document_next(document, path("a"), &cursor, &name, &value), DOCUMENT_OK);
    assert_int_equal(set("a", "true"), DOCUMENT_OK);
    assert_int_equal(document_next(document, path("a"), &cursor, &name, &value),
                     DOCUMENT_MISPLACED);
}

static void test_only_an_object_is_a_document(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {{"", 0},           {"[]", 0},        {"{\"a\":1} x", 8}, {"{\"a\":}", 5},
                 {"{\"a\":1,}", 7}, {"{\"a\" 1}", 5}, {"{", 1},           {"{\"a\":[[[[[[[[1", 12}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_error err = {0};
        assert_null(document_new(slice_of(cases[i].text), DEPTH, 0, &err));
        assert_int_equal(err.offset, cases[i].offset);
        assert_non_null(err.message);
    }
}

static void test_memory_is_bounded_for_hostile_texts(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 8 << 20);
    buf_add_text(&text, "{\"a\":[[]");
    for (int i = 1; i < DOCUMENT_NODES; i++)
        buf_add_text(&text, ",[]");
    buf_add_text(&text, "],\"b\":1}");
    read_text(text.data);
    assert_value("b", "1");
    assert_int_equal(get("a 1"), DOCUMENT_TOO_LARGE);
    assert_int_equal(set("a 1", "1"), DOCUMENT_TOO_LARGE);
    assert_int_equal(set("a", "[1]"), DOCUMENT_OK);
    assert_value("a 1", "1");

    buf_clear(&text);
    buf_add_text(&text, "{\"a\":[\"");
    for (int i = 0; i < DOCUMENT_NODES; i++)
        buf_add_text(&text, ",[{\\\"");
    buf_add_text(&text, "\"]}");
    read_text(text.data);
    assert_int_equal(get("a 1"), DOCUMENT_OK); // it is all one string

    buf_clear(&text);
    for (int i = 0; i <= DOCUMENT_MEMBERS; i++)
        buf_addf(&text, "%c\"k%d\":1", i ? ',' : '{', i);
    buf_add_text(&text, "}");
    struct json_error err;
    assert_null(document_new(buf_slice(&text), DEPTH, 0, &err));
    assert_string_equal(err.message, "there are too many members");
    buf_deinit(&text);
}

// Any changes, then a second reader: what was printed says the same.
static void test_what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = {"a", "b", "a 1", "b x", "c 1 y", "c 2", "d e f", "a -1"};
    static const char *const values[] = {"1", "\"s\"", "[1,2]", "{\"x\":{}}", "null", "[]"};
    unsigned seed = 7;
    struct buf once, twice;

    buf_init(&once, 1 << 20);
    buf_init(&twice, 1 << 20);
    for (int round = 0; round < 2000; round++) {
        read_text(" { \"a\" : [ 1 ] , \"b\":{ \"x\" : 1.50 } ,\"c\": [ {} , 2 ] } ");
        for (int i = 0; i < 6; i++) {
            const char *where = paths[rand_r(&seed) % 8];
            if (rand_r(&seed) % 3)
                set(where, values[rand_r(&seed) % 6]);
            else
                drop(where);
        }
        buf_clear(&once);
        buf_clear(&twice);
        assert_int_equal(document_print(document, &once), 0);
        read_text(once.data);
        assert_int_equal(document_print(document, &twice), 0);
        assert_string_equal(once.data, twice.data);
    }
    buf_deinit(&once);
    buf_deinit(&twice);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_untouched_document_prints_every_byte),
        TEST(test_values_are_found_by_their_path),
        TEST(test_what_is_not_there_is_told_apart_from_a_wrong_path),
        TEST(test_a_change_touches_its_member_alone),
        TEST(test_a_new_member_comes_last),
        TEST(test_a_new_item_is_appended_right_behind_the_end),
        TEST(test_what_is_missing_on_the_way_is_made),
        TEST(test_a_path_through_a_scalar_changes_nothing),
        TEST(test_a_member_is_removed_with_its_comma),
        TEST(test_inner_values_are_removed),
        TEST(test_of_a_repeated_name_the_last_counts_and_none_stays_behind),
        TEST(test_depth_is_limited_wherever_a_value_is_put),
        TEST(test_lengths_are_those_of_arrays_and_objects),
        TEST(test_items_come_in_order),
        TEST(test_changes_while_walking_are_seen),
        TEST(test_only_an_object_is_a_document),
        TEST(test_memory_is_bounded_for_hostile_texts),
        TEST(test_what_is_printed_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
