#include "config/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static int line_of(const char *source, const char *path)
{
    struct lines *lines = lines_new(slice_of(source));
    int line = lines_find(lines, path);
    lines_free(lines);
    return line;
}

static const char example[] = "-- a comment\n"
                              "local key = secret \"A\"\n"
                              "return {\n"
                              "  listen = \"127.0.0.1:8080\", workers = 2,\n"
                              "  providers = {\n"
                              "    openai = {\n"
                              "      keys = { secret \"A\",\n"
                              "               { secret \"B\", name = \"second\" } },\n"
                              "    },\n"
                              "    [\"local-vllm\"] = { base_url = 'http://x' };\n"
                              "  },\n"
                              "  models = {\n"
                              "    [\"gpt-3.5\"] = \"openai/gpt\",\n"
                              "    smart = {\n"
                              "      targets = {\n"
                              "        \"a/b\",\n"
                              "        \"c/d\",\n"
                              "      },\n"
                              "    },\n"
                              "  },\n"
                              "}\n";

static void test_finds_named_fields(void **state)
{
    (void)state;
    assert_int_equal(line_of(example, "listen"), 4);
    assert_int_equal(line_of(example, "workers"), 4);
    assert_int_equal(line_of(example, "providers"), 5);
    assert_int_equal(line_of(example, "providers.openai"), 6);
    assert_int_equal(line_of(example, "models.smart.targets"), 15);
}

static void test_finds_items_by_position(void **state)
{
    (void)state;
    assert_int_equal(line_of(example, "providers.openai.keys.1"), 7);
    assert_int_equal(line_of(example, "providers.openai.keys.2"), 8);
    assert_int_equal(line_of(example, "providers.openai.keys.2.1"), 8);
    assert_int_equal(line_of(example, "providers.openai.keys.2.name"), 8);
    assert_int_equal(line_of(example, "models.smart.targets.2"), 17);
}

static void test_finds_names_in_brackets(void **state)
{
    (void)state;
    assert_int_equal(line_of(example, "providers.local-vllm"), 10);
    assert_int_equal(line_of(example, "providers.local-vllm.base_url"), 10);
    assert_int_equal(line_of("return {\n[ 'a' ] = 1,\n[ [[b]] ] = 2,\n[3] = 4 }", "a"), 2);
    assert_int_equal(line_of("return {\n[ 'a' ] = 1,\n[ [[b]] ] = 2,\n[3] = 4 }", "b"), 3);
    assert_int_equal(line_of("return {\n[ 'a' ] = 1,\n[ [[b]] ] = 2,\n[3] = 4 }", "3"), 4);
}

static void test_finds_names_that_hold_dots(void **state)
{
    (void)state;
    assert_int_equal(line_of(example, "models.gpt-3.5"), 13);
    assert_int_equal(line_of(example, "models.gpt-3.5.targets.1"), 13);
}

static void test_resolves_escapes_in_names(void **state)
{
    (void)state;
    const char *source = "return {\n['\\x61\\98\\'\\n\\z  z'] = 1,\n[\"\\65\\066x\"] = 2 }";
    assert_int_equal(line_of(source, "ab'\nz"), 2);
    assert_int_equal(line_of(source, "ABx"), 3);
}

static void test_falls_back_to_the_field_around(void **state)
{
    (void)state;
    assert_int_equal(line_of(example, "providers.openai.timeout.connect"), 6);
    assert_int_equal(line_of(example, "providers.groq"), 5);
    assert_int_equal(line_of(example, "nothing"), 3);
    assert_int_equal(line_of(example, ""), 3);
    assert_int_equal(line_of(example, "prov"), 3);
    assert_int_equal(line_of(example, "providersx"), 3);
}

static void test_falls_back_to_line_one_without_a_literal_table(void **state)
{
    (void)state;
    assert_int_equal(line_of("\n\nlocal t = { a = 1 }\nreturn t\n", "a"), 1);
    assert_int_equal(line_of("", "a"), 1);
}

static void test_takes_the_return_of_the_chunk(void **state)
{
    (void)state;
    const char *source = "local function f(x)\n"
                         "  if x then return { a = 1 } end\n"
                         "  for i = 1, 2 do local y = i end\n"
                         "  while x do x = nil end\n"
                         "  repeat local z until true\n"
                         "  return { a = 2 }\n"
                         "end\n"
                         "return {\n"
                         "  a = f(1),\n"
                         "}\n";
    assert_int_equal(line_of(source, "a"), 9);
}

static void test_skips_function_bodies_and_calls(void **state)
{
    (void)state;
    const char *source = "return {\n"
                         "  a = function(x, y) local t = { 1, 2 }; return t, { b = 1 } end,\n"
                         "  b = f({ c = 1, d = 2 }, 3),\n"
                         "  c = f { c = 1, d = 2 },\n"
                         "  d = t[1], e = (1), 7,\n"
                         "  f = function() if x then return 1 end end,\n"
                         "  'x',\n"
                         "}";
    assert_int_equal(line_of(source, "b"), 3);
    assert_int_equal(line_of(source, "b.c"), 3);
    assert_int_equal(line_of(source, "c"), 4);
    assert_int_equal(line_of(source, "d"), 5);
    assert_int_equal(line_of(source, "1"), 5);
    assert_int_equal(line_of(source, "f"), 6);
    assert_int_equal(line_of(source, "2"), 7);
}

static void test_does_not_take_a_comparison_for_a_field(void **state)
{
    (void)state;
    const char *source = "return {\n  a == b,\n  a = 1,\n}";
    assert_int_equal(line_of(source, "1"), 2);
    assert_int_equal(line_of(source, "a"), 3);
}

static void test_skips_comments_and_long_strings(void **state)
{
    (void)state;
    const char *source = "#!/usr/bin/tidegate\n"
                         "--[[ return {\n a = 1 ]]\n"
                         "--[==[ ]] \n ]==] local s = [=[\n}]]\n]=]\n"
                         "return { -- a = 1\n"
                         "  b = [[\n\n]], c = \"}\\\n{\", d = '\\'}',\n"
                         "  a = 2 }";
    assert_int_equal(line_of(source, "b"), 9);
    assert_int_equal(line_of(source, "c"), 11);
    assert_int_equal(line_of(source, "d"), 12);
    assert_int_equal(line_of(source, "a"), 13);
}

static void test_takes_the_last_of_two_fields(void **state)
{
    (void)state;
    assert_int_equal(line_of("return {\na = 1,\na = 2 }", "a"), 3);
}

static void test_survives_what_is_cut_short(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(example); len++) {
        char *source = mem_dup(example, len);
        struct lines *lines = lines_new((struct slice){source, len});
        free(source);
        assert_in_range(lines_find(lines, "models.smart.targets.2"), 1, 21);
        lines_free(lines);
    }
}

// "return " and `count` times `piece`; freed by the caller.
static char *repeated(const char *piece, size_t count)
{
    struct buf source;
    buf_init(&source, 1 << 20);
    buf_add_text(&source, "return ");
    while (count--)
        buf_add_text(&source, piece);
    return buf_take(&source, NULL);
}

static void test_survives_deep_nesting(void **state)
{
    (void)state;
    char *source = repeated("{", 100000);
    assert_int_equal(line_of(source, "1.1.1.1"), 1);
    free(source);
}

static void test_forgets_fields_past_its_limit(void **state)
{
    (void)state;
    char *source = repeated("1,\n", 110000);
    source[7] = '{'; // in place of the first item
    assert_int_equal(line_of(source, "50000"), 50000);
    assert_int_equal(line_of(source, "105000"), 1);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_named_fields),
        cmocka_unit_test(test_finds_items_by_position),
        cmocka_unit_test(test_finds_names_in_brackets),
        cmocka_unit_test(test_finds_names_that_hold_dots),
        cmocka_unit_test(test_resolves_escapes_in_names),
        cmocka_unit_test(test_falls_back_to_the_field_around),
        cmocka_unit_test(test_falls_back_to_line_one_without_a_literal_table),
        cmocka_unit_test(test_takes_the_return_of_the_chunk),
        cmocka_unit_test(test_skips_function_bodies_and_calls),
        cmocka_unit_test(test_does_not_take_a_comparison_for_a_field),
        cmocka_unit_test(test_skips_comments_and_long_strings),
        cmocka_unit_test(test_takes_the_last_of_two_fields),
        cmocka_unit_test(test_survives_what_is_cut_short),
        cmocka_unit_test(test_survives_deep_nesting),
        cmocka_unit_test(test_forgets_fields_past_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
