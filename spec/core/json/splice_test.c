#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

enum { MAX_EDITS = 9 };

static const struct json_edit END = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

static struct json_edit set(const char *name, const char *value)
{
    return (struct json_edit){slice_of(name), slice_of(value), {NULL, 0}};
}

static struct json_edit drop(const char *name)
{
    return (struct json_edit){slice_of(name), {NULL, 0}, {NULL, 0}};
}

static struct json_edit name_as(const char *name, const char *rename_to)
{
    return (struct json_edit){slice_of(name), {NULL, 0}, slice_of(rename_to)};
}

// Names that splice_scanned() looks for; the others are unknown to it.
static const char *const SCANNED[] = {"a", "b", "c", "model", "n"};

enum { SCANNED_COUNT = sizeof(SCANNED) / sizeof(*SCANNED) };

// Appends the result of json_splice_scanned() to `out`, with the fields of a real scan.
static void splice_scanned(struct slice text, const struct json_edit *edits, size_t count,
                           struct buf *out)
{
    struct json_field fields[SCANNED_COUNT];
    struct json_scanned scanned = {text, fields, SCANNED_COUNT};
    struct slice segments[JSON_SEGMENTS(MAX_EDITS)];
    struct buf scratch;
    for (size_t i = 0; i < SCANNED_COUNT; i++)
        fields[i].name = slice_of(SCANNED[i]);
    assert_int_equal(json_scan(text, fields, SCANNED_COUNT, JSON_MAX_DEPTH, NULL), 0);
    buf_init(&scratch, 4096);
    size_t n = json_splice_scanned(&scanned, edits, count, segments, &scratch);
    assert_in_range(n, 1, JSON_SEGMENTS(count));
    for (size_t i = 0; i < n; i++)
        buf_add_slice(out, segments[i]);
    buf_deinit(&scratch);
}

// Appends the result to `out`. Knowing some members beforehand must make no difference to it.
static void splice(const char *text, const struct json_edit *edits, size_t count, struct buf *out)
{
    struct slice segments[JSON_SEGMENTS(MAX_EDITS)];
    struct buf scratch;
    buf_init(&scratch, 4096);
    size_t n = json_splice(slice_of(text), edits, count, segments, &scratch);
    assert_in_range(n, 1, JSON_SEGMENTS(count));
    for (size_t i = 0; i < n; i++)
        buf_add_slice(out, segments[i]);
    buf_clear(&scratch);
    splice_scanned(slice_of(text), edits, count, &scratch);
    assert_string_equal(scratch.data, out->data);
    buf_deinit(&scratch);
}

static void assert_spliced(const char *text, const struct json_edit *edits, const char *expected)
{
    struct buf out;
    struct json_error err = {0};
    size_t count = 0;
    while (edits[count].name.data)
        count++;
    buf_init(&out, 1 << 16);
    splice(text, edits, count, &out);
    assert_string_equal(out.data, expected);
    assert_int_equal(json_scan(buf_slice(&out), NULL, 0, JSON_MAX_DEPTH, &err), 0);
    buf_deinit(&out);
}

#define EDITS(...)             \
    (const struct json_edit[]) \
    {                          \
        __VA_ARGS__, END       \
    }

static void test_no_edit_gives_the_text_itself(void **state)
{
    (void)state;
    struct slice segments[JSON_SEGMENTS(0)];
    struct buf scratch;
    const char *text = " { \"a\" : 1 } \n";
    buf_init(&scratch, 10);
    assert_int_equal(json_splice(slice_of(text), NULL, 0, segments, &scratch) <= 3, 1);
    assert_spliced(text, &END, text);
    buf_deinit(&scratch);
}

static void test_a_value_is_replaced_in_place(void **state)
{
    (void)state;
    assert_spliced("{\"model\":\"a\",\"n\":1}", EDITS(set("model", "\"b\"")),
                   "{\"model\":\"b\",\"n\":1}");
    assert_spliced(" { \"n\" : [ 1 , {} ] , \"z\" : 2 }\n", EDITS(set("n", "null")),
                   " { \"n\" : null , \"z\" : 2 }\n");
    assert_spliced("{\"a\":1}", EDITS(set("a", "{\"deep\":[]}")), "{\"a\":{\"deep\":[]}}");
}

static void test_a_new_member_comes_last(void **state)
{
    (void)state;
    assert_spliced("{\"a\":1}", EDITS(set("b", "2")), "{\"a\":1,\"b\":2}");
    assert_spliced("{ \"a\": 1 } ", EDITS(set("b", "2")), "{ \"a\": 1,\"b\":2 } ");
    assert_spliced("{\"a\":1}", EDITS(set("c", "3"), set("b", "2")), "{\"a\":1,\"c\":3,\"b\":2}");
    assert_spliced("{\"a\":{\"b\":1}}", EDITS(set("b", "2")), "{\"a\":{\"b\":1},\"b\":2}");
}

static void test_a_new_member_of_an_empty_object_needs_no_comma(void **state)
{
    (void)state;
    assert_spliced("{}", EDITS(set("a", "1")), "{\"a\":1}");
    assert_spliced(" {\n} ", EDITS(set("a", "1"), set("b", "2")), " {\"a\":1,\"b\":2\n} ");
    assert_spliced("{\"x\":0}", EDITS(drop("x"), set("a", "1")), "{\"a\":1}");
}

static void test_a_new_name_is_escaped(void **state)
{
    (void)state;
    assert_spliced("{}", EDITS(set("a\"\n", "1")), "{\"a\\\"\\n\":1}");
    assert_spliced("{\"a\":1}", EDITS(name_as("a", "\\")), "{\"\\\\\":1}");
}

static void test_a_removed_member_takes_one_comma_with_it(void **state)
{
    (void)state;
    const char *text = "{ \"a\" : 1 , \"b\" : 2 , \"c\" : 3 }";
    assert_spliced(text, EDITS(drop("a")), "{ \"b\" : 2 , \"c\" : 3 }");
    assert_spliced(text, EDITS(drop("b")), "{ \"a\" : 1 , \"c\" : 3 }");
    assert_spliced(text, EDITS(drop("c")), "{ \"a\" : 1 , \"b\" : 2 }");
    assert_spliced("{ \"a\" : 1 }", EDITS(drop("a")), "{  }");
}

static void test_any_set_of_members_can_be_removed(void **state)
{
    (void)state;
    const char *text = "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}";
    assert_spliced(text, EDITS(drop("b"), drop("a")), "{\"c\":3,\"d\":4}");
    assert_spliced(text, EDITS(drop("d"), drop("c")), "{\"a\":1,\"b\":2}");
    assert_spliced(text, EDITS(drop("c"), drop("b")), "{\"a\":1,\"d\":4}");
    assert_spliced(text, EDITS(drop("c"), drop("a")), "{\"b\":2,\"d\":4}");
    assert_spliced(text, EDITS(drop("d"), drop("b"), drop("a"), drop("c")), "{}");
}

static void test_removing_or_renaming_what_is_not_there_changes_nothing(void **state)
{
    (void)state;
    assert_spliced("{\"a\":1}", EDITS(drop("b"), name_as("c", "d")), "{\"a\":1}");
    assert_spliced("{}", EDITS(drop("b"), name_as("c", "d")), "{}");
}

static void test_a_member_is_renamed_in_place(void **state)
{
    (void)state;
    assert_spliced("{\"a\":1, \"max_tokens\" : 5, \"z\":1}",
                   EDITS(name_as("max_tokens", "max_completion_tokens")),
                   "{\"a\":1, \"max_completion_tokens\" : 5, \"z\":1}");
    assert_spliced("{\"a\":1}", EDITS(name_as("a", "")), "{\"\":1}");
}

static void test_a_member_can_be_renamed_and_changed_at_once(void **state)
{
    (void)state;
    assert_spliced("{\"a\":1,\"b\":2}", EDITS(set("a", "9"), name_as("a", "c")),
                   "{\"c\":9,\"b\":2}");
    assert_spliced("{\"a\":1,\"b\":2}", EDITS(name_as("a", "c"), drop("a")), "{\"b\":2}");
    assert_spliced("{\"a\":1,\"b\":2}", EDITS(drop("b"), name_as("b", "c")), "{\"a\":1}");
}

static void test_edits_apply_in_any_order(void **state)
{
    (void)state;
    const char *text = "{\"a\":1, \"b\":2, \"c\":3, \"d\":4}";
    const char *expected = "{\"a\":9, \"B\":2, \"d\":4,\"e\":5}";
    assert_spliced(text, EDITS(set("a", "9"), name_as("b", "B"), drop("c"), set("e", "5")),
                   expected);
    assert_spliced(text, EDITS(set("e", "5"), drop("c"), name_as("b", "B"), set("a", "9")),
                   expected);
}

static void test_of_a_repeated_name_the_last_occurrence_changes(void **state)
{
    (void)state;
    const char *text = "{\"a\":1,\"b\":2,\"\\u0061\":3,\"c\":4}";
    assert_spliced(text, EDITS(set("a", "9")), "{\"a\":1,\"b\":2,\"\\u0061\":9,\"c\":4}");
    assert_spliced(text, EDITS(drop("a")), "{\"a\":1,\"b\":2,\"c\":4}");
    assert_spliced(text, EDITS(name_as("a", "z")), "{\"a\":1,\"b\":2,\"z\":3,\"c\":4}");
    assert_spliced("{\"a\":1,\"a\":2}", EDITS(drop("a")), "{\"a\":1}");
}

static void test_of_two_edits_with_one_name_the_last_counts(void **state)
{
    (void)state;
    assert_spliced("{\"a\":1}", EDITS(set("a", "2"), set("a", "3")), "{\"a\":3}");
    assert_spliced("{\"a\":1}", EDITS(drop("a"), set("a", "3")), "{\"a\":3}");
    assert_spliced("{}", EDITS(set("b", "2"), set("b", "3")), "{\"b\":3}");
    assert_spliced("{}", EDITS(set("b", "2"), drop("b")), "{}");
}

static void test_segments_point_into_the_text_where_nothing_changed(void **state)
{
    (void)state;
    struct slice text = SLICE("{\"model\":\"a\",\"messages\":[1,2,3]}");
    struct slice segments[JSON_SEGMENTS(1)];
    struct json_edit edit = set("model", "\"b\"");
    struct buf scratch;
    buf_init(&scratch, 0);
    assert_int_equal(json_splice(text, &edit, 1, segments, &scratch), 3);
    assert_ptr_equal(segments[0].data, text.data);
    assert_ptr_equal(segments[1].data, edit.value.data);
    assert_ptr_equal(segments[2].data, text.data + 12);
    buf_deinit(&scratch);
}

static void test_what_scratch_holds_already_stays(void **state)
{
    (void)state;
    struct slice segments[JSON_SEGMENTS(1)];
    struct json_edit edit = set("b", "2");
    struct buf scratch;
    buf_init(&scratch, 100);
    buf_add_text(&scratch, "kept");
    assert_int_equal(json_splice(SLICE("{}"), &edit, 1, segments, &scratch), 4);
    assert_string_equal(scratch.data, "kept,\"b\":");
    assert_true(slice_equal(segments[1], SLICE("\"b\":")));
    buf_deinit(&scratch);
}

static void test_a_full_scratch_gives_no_segments(void **state)
{
    (void)state;
    struct slice segments[JSON_SEGMENTS(1)];
    struct json_edit edit = set("long name", "2");
    struct buf scratch;
    buf_init(&scratch, 5);
    assert_int_equal(json_splice(SLICE("{}"), &edit, 1, segments, &scratch), 0);
    buf_deinit(&scratch);
}

static void test_more_edits_than_usual_are_no_problem(void **state)
{
    (void)state;
    assert_spliced("{\"b\":1,\"a\":2}",
                   EDITS(set("a", "1"), set("b", "2"), set("c", "3"), set("model", "4"),
                         set("n", "5"), set("a", "6"), set("b", "7"), set("c", "8")),
                   "{\"b\":7,\"a\":6,\"model\":4,\"n\":5,\"c\":8}");
    assert_spliced("{\"b\":1,\"a\":2}",
                   EDITS(set("a", "1"), set("b", "2"), set("c", "3"), set("model", "4"),
                         set("n", "5"), set("a", "6"), set("b", "7"), set("c", "8"), drop("n")),
                   "{\"b\":7,\"a\":6,\"model\":4,\"c\":8}");
}

// Not reading the text again shows in a text that could not be read.
static void test_a_scanned_text_is_not_read_again(void **state)
{
    (void)state;
    struct slice text = SLICE("{ what is here is not looked at : 1 } ");
    struct json_field fields[] = {
        {SLICE("model"), {JSON_NUMBER, {text.data + 34, 1}}, 1},
        {.name = SLICE("n")},
        {.name = SLICE("gone")},
    };
    const struct json_edit edits[] = {set("n", "2"), set("model", "\"b\""), drop("gone")};
    struct json_scanned scanned = {text, fields, 3};
    struct slice segments[JSON_SEGMENTS(3)];
    struct buf scratch, out;
    buf_init(&scratch, 100);
    buf_init(&out, 100);
    size_t n = json_splice_scanned(&scanned, edits, 3, segments, &scratch);
    for (size_t i = 0; i < n; i++)
        buf_add_slice(&out, segments[i]);
    assert_string_equal(out.data, "{ what is here is not looked at : \"b\",\"n\":2 } ");
    buf_deinit(&scratch);
    buf_deinit(&out);
}

static void test_a_scanned_text_needs_room_for_new_names_too(void **state)
{
    (void)state;
    struct json_field field = {.name = SLICE("long name")};
    struct json_scanned scanned = {SLICE("{}"), &field, 1};
    struct slice segments[JSON_SEGMENTS(1)];
    struct json_edit edit = set("long name", "2");
    struct buf scratch;
    buf_init(&scratch, 5);
    assert_int_equal(json_splice_scanned(&scanned, &edit, 1, segments, &scratch), 0);
    buf_deinit(&scratch);
}

// A small model of an object, printed and edited in the plainest way, to compare with.
struct member {
    const char *before, *after; // white space around the comma before the member
    const char *name, *colon, *value;
};

struct model {
    struct member members[6];
    size_t count;
    const char *head, *tail; // white space behind '{' and before '}'
};

static unsigned next_random(uint64_t *seed, unsigned below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % below;
}

static const char *pick(uint64_t *seed, const char *const *from, unsigned count)
{
    return from[next_random(seed, count)];
}

static const char *const SPACES[] = {"", "", " ", "\n", "\t \r\n"};
static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f"};
static const char *const VALUES[] = {"1",   "\"x,}\"",          "[1, {\"a\":2}]", "{}",
                                     "{ }", "{\"a\":\"\\\"\"}", "null",           "-1e5"};

static struct model make_model(uint64_t *seed)
{
    struct model model = {.head = pick(seed, SPACES, 5), .tail = pick(seed, SPACES, 5)};
    model.count = next_random(seed, 7);
    for (size_t i = 0; i < model.count; i++)
        model.members[i] =
            (struct member){pick(seed, SPACES, 5), pick(seed, SPACES, 5), pick(seed, NAMES, 6),
                            next_random(seed, 2) ? ":" : " : ", pick(seed, VALUES, 8)};
    return model;
}

static void print_model(const struct model *model, const bool *is_gone, struct buf *out)
{
    bool is_first = true;
    buf_addf(out, "{%s", model->head);
    for (size_t i = 0; i < model->count; i++) {
        const struct member *member = &model->members[i];
        if (is_gone[i])
            continue;
        if (!is_first)
            buf_addf(out, "%s,%s", member->before, member->after);
        buf_addf(out, "\"%s\"%s%s", member->name, member->colon, member->value);
        is_first = false;
    }
}

// Edits the model; members it removes are marked in `is_gone`, those it adds are printed to
// `added`.
static void edit_model(struct model *model, const struct json_edit *edits, size_t count,
                       bool *is_gone, struct buf *added)
{
    struct model before = *model;
    for (size_t i = 0; i < count; i++) {
        struct member *found = NULL;
        for (size_t at = 0; at < model->count; at++) {
            if (strcmp(before.members[at].name, edits[i].name.data) == 0)
                found = &model->members[at];
        }
        if (found && edits[i].rename_to.data)
            found->name = edits[i].rename_to.data;
        else if (found && edits[i].value.data)
            found->value = edits[i].value.data;
        else if (found)
            is_gone[found - model->members] = true;
        else if (edits[i].value.data && !edits[i].rename_to.data)
            buf_addf(added, ",\"%s\":%s", edits[i].name.data, edits[i].value.data);
    }
}

static size_t make_edits(uint64_t *seed, struct json_edit *edits)
{
    static const char *const renamed[] = {"x", "y", "z"};
    size_t count = 0;
    unsigned first = next_random(seed, 6);
    for (unsigned i = 0; i < 6; i++) {
        const char *name = NAMES[(first + i * 5) % 6]; // each once, in changing order
        unsigned kind = next_random(seed, 5);
        if (kind == 0)
            edits[count++] = set(name, pick(seed, VALUES, 8));
        else if (kind == 1)
            edits[count++] = drop(name);
        else if (kind == 2)
            edits[count++] = name_as(name, pick(seed, renamed, 3));
    }
    return count;
}

static void check_random_case(uint64_t *seed)
{
    struct model model = make_model(seed);
    struct json_edit edits[MAX_EDITS];
    bool is_gone[6] = {false};
    struct buf text, expected, added, out;
    size_t count = make_edits(seed, edits);
    buf_init(&text, 4096);
    buf_init(&expected, 4096);
    buf_init(&added, 4096);
    buf_init(&out, 4096);
    print_model(&model, is_gone, &text);
    buf_addf(&text, "%s}\n", model.tail);

    edit_model(&model, edits, count, is_gone, &added);
    size_t kept = 0;
    for (size_t i = 0; i < model.count; i++)
        kept += !is_gone[i];
    if (model.count > 0 || added.len == 0) {
        print_model(&model, is_gone, &expected);
        if (added.len)
            buf_addf(&expected, "%s", added.data + (kept == 0));
    } else {
        buf_addf(&expected, "{%s%s", added.data + 1, model.head);
    }
    buf_addf(&expected, "%s}\n", model.tail);

    splice(text.data, edits, count, &out);
    assert_string_equal(out.data, expected.data);
    assert_int_equal(json_scan(buf_slice(&out), NULL, 0, JSON_MAX_DEPTH, NULL), 0);
    buf_deinit(&text);
    buf_deinit(&expected);
    buf_deinit(&added);
    buf_deinit(&out);
}

static void test_random_edits_of_random_objects_change_nothing_else(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++)
        check_random_case(&seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_edit_gives_the_text_itself),
        cmocka_unit_test(test_a_value_is_replaced_in_place),
        cmocka_unit_test(test_a_new_member_comes_last),
        cmocka_unit_test(test_a_new_member_of_an_empty_object_needs_no_comma),
        cmocka_unit_test(test_a_new_name_is_escaped),
        cmocka_unit_test(test_a_removed_member_takes_one_comma_with_it),
        cmocka_unit_test(test_any_set_of_members_can_be_removed),
        cmocka_unit_test(test_removing_or_renaming_what_is_not_there_changes_nothing),
        cmocka_unit_test(test_a_member_is_renamed_in_place),
        cmocka_unit_test(test_a_member_can_be_renamed_and_changed_at_once),
        cmocka_unit_test(test_edits_apply_in_any_order),
        cmocka_unit_test(test_of_a_repeated_name_the_last_occurrence_changes),
        cmocka_unit_test(test_of_two_edits_with_one_name_the_last_counts),
        cmocka_unit_test(test_segments_point_into_the_text_where_nothing_changed),
        cmocka_unit_test(test_what_scratch_holds_already_stays),
        cmocka_unit_test(test_a_full_scratch_gives_no_segments),
        cmocka_unit_test(test_more_edits_than_usual_are_no_problem),
        cmocka_unit_test(test_a_scanned_text_is_not_read_again),
        cmocka_unit_test(test_a_scanned_text_needs_room_for_new_names_too),
        cmocka_unit_test(test_random_edits_of_random_objects_change_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
