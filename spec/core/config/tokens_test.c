#include "config/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Tokens as "type:line:text", separated by blanks.
static void check_tokens(const char *source, const char *expected)
{
    static const char types[] = "-n0s.";
    struct tokens tokens = {.source = slice_of(source), .line = 1};
    struct token token;
    struct buf seen;

    buf_init(&seen, 4096);
    buf_add_text(&seen, "");
    for (tokens_next(&tokens, &token); token.type != TOKEN_END; tokens_next(&tokens, &token))
        buf_addf(&seen, "%s%c:%d:%.*s", seen.len ? " " : "", types[token.type], token.line,
                 (int)token.text.len, token.text.data);
    assert_string_equal(seen.data, expected);
    buf_deinit(&seen);
}

static void test_cuts_names_numbers_strings_and_symbols(void **state)
{
    (void)state;
    check_tokens("", "");
    check_tokens("a_1 = {\n\"x\", 'y' }", "n:1:a_1 .:1:= .:1:{ s:2:\"x\" .:2:, s:2:'y' .:2:}");
    check_tokens("1 0x1F 1.5e-3 2e+1-1 3LL",
                 "0:1:1 0:1:0x1F 0:1:1.5e-3 0:1:2e+1 .:1:- 0:1:1 0:1:3LL");
}

static void test_keeps_strings_whole(void **state)
{
    (void)state;
    check_tokens("\"a\\\"b\" c", "s:1:\"a\\\"b\" n:1:c");
    check_tokens("[[a]b]] c", "s:1:[[a]b]] n:1:c");
    check_tokens("[=[a]]\n]=] c", "s:1:[=[a]]\n]=] n:2:c");
    check_tokens("'a\\\nb' c", "s:1:'a\\\nb' n:2:c");
    check_tokens("'open", "s:1:'open");
    check_tokens("[[open\n", "s:1:[[open\n");
}

static void test_skips_comments(void **state)
{
    (void)state;
    check_tokens("#!x y\na", "n:2:a");
    check_tokens("-- x\na --[[ y\n ]] b --[==[ ]] ]==] c -- d", "n:2:a n:3:b n:3:c");
    check_tokens("a - -1", "n:1:a .:1:- .:1:- 0:1:1");
}

static void test_peeks_without_moving(void **state)
{
    (void)state;
    struct tokens tokens = {.source = SLICE(" --[[x]] = 1"), .line = 1};
    struct token token;

    assert_int_equal(tokens_peek_symbol(&tokens), '=');
    tokens_next(&tokens, &token);
    assert_int_equal(token.type, TOKEN_SYMBOL);
    assert_int_equal(tokens_peek_symbol(&tokens), '\0');
    tokens = (struct tokens){.source = SLICE("== 1"), .line = 1};
    assert_int_equal(tokens_peek_symbol(&tokens), '\0');
}

static void check_decoded(const char *source, const char *expected)
{
    struct tokens tokens = {.source = slice_of(source), .line = 1};
    struct token token;
    struct buf out;

    tokens_next(&tokens, &token);
    buf_init(&out, 100);
    buf_add_text(&out, "");
    tokens_decode(&token, &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_decodes_strings(void **state)
{
    (void)state;
    check_decoded("\"\"", "");
    check_decoded("'a\\tb\\\\\\''", "a\tb\\'");
    check_decoded("'\\65\\0660\\x43\\xzz'", "AB0Cxzz");
    check_decoded("'a\\z \n b'", "ab");
    check_decoded("[[a\\n]]", "a\\n");
    check_decoded("[==[]]]==]", "]]");
    check_decoded("42", "42");
}

static void test_decodes_what_is_cut_short(void **state)
{
    (void)state;
    check_decoded("'", "");
    check_decoded("[[", "");
    check_decoded("[=[", "");
    check_decoded("'\\", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_names_numbers_strings_and_symbols),
        cmocka_unit_test(test_keeps_strings_whole),
        cmocka_unit_test(test_skips_comments),
        cmocka_unit_test(test_peeks_without_moving),
        cmocka_unit_test(test_decodes_strings),
        cmocka_unit_test(test_decodes_what_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
