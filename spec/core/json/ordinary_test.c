#include "json/ordinary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK = 64, LONGEST = 400, ROUNDS = 200000 };

// Length of the ordinary sequence at `p`, 0 when there is none.
static size_t sequence(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p, next = p + 1 < end ? (unsigned char)p[1] : 0;
    if (c == '\\')
        return next && strchr("\"\\/bfnrt", next) ? 2 : 0;
    if (c >= 0xC2 && c <= 0xDF)
        return (next & 0xC0) == 0x80 ? 2 : 0;
    return c >= 0x20 && c < 0x80 && c != '"';
}

static void check(const char *text, size_t len)
{
    bool is_escaped = false, has_escape = false;
    const char *end = text + len, *stop = ordinary_skip(text, end, &is_escaped), *p = text;

    if (!__builtin_cpu_supports("avx2")) {
        assert_ptr_equal(stop, text);
        return;
    }
    while (p < stop) {
        size_t step = sequence(p, end);
        assert_true(step > 0);
        has_escape |= *p == '\\';
        p += step;
    }
    assert_ptr_equal(p, stop);
    if (stop == end || *stop != '\\')
        assert_int_equal(is_escaped, has_escape);
    assert_true(is_escaped || !has_escape);
    if (end - stop > BLOCK) // else a sequence may begin in the last byte that was looked at
        assert_int_equal(sequence(stop, end), 0);
}

static void test_stops_at_the_first_byte_that_is_not_ordinary(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",
                                         "word ",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\u00e9",
                                         "\xC3\xA9",
                                         "\xC3",
                                         "\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98",
                                         "\"",
                                         "\x1F",
                                         "\\",
                                         "\xDF\xBF text",
                                         "\x7F",
                                         "\xC1",
                                         "\xFF",
                                         "\\x",
                                         "/",
                                         "\\/",
                                         "plain text of some length, "};
    const size_t count = sizeof(pieces) / sizeof(pieces[0]);
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        char text[LONGEST + 32];
        size_t len = 0, strange = (size_t)rand() % 30;
        while (len < LONGEST) {
            bool is_any = strange && (size_t)rand() % strange == 0;
            const char *piece = pieces[(size_t)rand() % (is_any ? count : 5)];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        check(text, len - (size_t)rand() % LONGEST);
    }
}

static void test_runs_of_backslashes_of_every_length_at_every_place(void **state)
{
    (void)state;
    for (size_t at = 0; at < 2 * BLOCK; at++) {
        for (size_t run = 1; run < BLOCK + 8; run++) {
            char text[LONGEST];
            memset(text, 'x', sizeof(text));
            memset(text + at, '\\', run);
            text[at + run] = '"';
            check(text, sizeof(text));
            text[at + run] = 'q';
            check(text, sizeof(text));
        }
    }
}

static void test_every_byte_behind_a_backslash_and_behind_a_lead_byte(void **state)
{
    (void)state;
    for (size_t at = 0; at < BLOCK + 2; at++) {
        for (int c = 0; c < 256; c++) {
            char text[3 * BLOCK];
            memset(text, 'x', sizeof(text));
            text[at + 1] = (char)c;
            check(text, sizeof(text));
            text[at] = '\\';
            check(text, sizeof(text));
            text[at] = '\xC3';
            check(text, sizeof(text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_at_the_first_byte_that_is_not_ordinary),
        cmocka_unit_test(test_runs_of_backslashes_of_every_length_at_every_place),
        cmocka_unit_test(test_every_byte_behind_a_backslash_and_behind_a_lead_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
