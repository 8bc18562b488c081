#include "base/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Secrets are separated by blanks.
static struct redact *redact_of(const char *secrets)
{
    struct redact *redact = redact_new();
    while (*secrets) {
        size_t len = strcspn(secrets, " ");
        redact_add(redact, (struct slice){secrets, len});
        secrets += len + (secrets[len] == ' ');
    }
    return redact;
}

static void check_redacted(const char *secrets, const char *text, const char *expected)
{
    struct redact *redact = redact_of(secrets);
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(redact_text(redact, slice_of(text), &out), 0);
    assert_string_equal(out.data ? out.data : "", expected);
    assert_int_equal(redact_finds(redact, slice_of(text)), strcmp(text, expected) != 0);
    buf_deinit(&out);
    redact_free(redact);
}

static void test_replaces_a_secret_anywhere(void **state)
{
    (void)state;
    check_redacted("sk-12345678", "sk-12345678", "***");
    check_redacted("sk-12345678", "key sk-12345678 is bad", "key *** is bad");
    check_redacted("sk-12345678", "ends with sk-12345678", "ends with ***");
    check_redacted("sk-12345678", "sk-12345678sk-12345678", "******");
}

static void test_replaces_a_secret_at_every_place(void **state)
{
    (void)state;
    char text[64], expected[64];
    for (int before = 0; before < 20; before++) {
        for (int after = 0; after < 6; after++) {
            snprintf(text, sizeof(text), "%.*ssecret99%.*s", before, "....................", after,
                     "......");
            snprintf(expected, sizeof(expected), "%.*s***%.*s", before, "....................",
                     after, "......");
            check_redacted("secret99", text, expected);
        }
    }
}

static void test_leaves_other_text_alone(void **state)
{
    (void)state;
    check_redacted("sk-12345678", "", "");
    check_redacted("sk-12345678", "sk-1234567", "sk-1234567");
    check_redacted("sk-12345678", "k-12345678 sk-1234 5678", "k-12345678 sk-1234 5678");
    check_redacted("", "anything", "anything");
}

static void test_ignores_short_secrets(void **state)
{
    (void)state;
    check_redacted("seven77", "seven77", "seven77");
    check_redacted("eight888", "eight888", "***");
}

static void test_takes_overlapping_secrets_for_one(void **state)
{
    (void)state;
    check_redacted("abcdefgh efghijkl", "-abcdefghijkl-", "-***-");
    check_redacted("abcdefgh efghijkl", "abcdefghefghijkl", "******");
    check_redacted("aaaaaaaa", "-aaaaaaaaaaa-", "-***-");
    check_redacted("abcdefgh cdefghij ghijklmn", "abcdefghijklmn.", "***.");
}

static void test_takes_the_longest_of_nested_secrets(void **state)
{
    (void)state;
    check_redacted("sk-12345 sk-12345678", "x sk-12345678 y", "x *** y");
    check_redacted("sk-12345678 sk-12345", "x sk-12345 y", "x *** y");
    check_redacted("long-secret-with-inner-part inner-part", "long-secret-with-inner-part", "***");
}

static void test_finds_each_of_many_secrets(void **state)
{
    (void)state;
    struct redact *redact = redact_new();
    char secret[32];
    struct buf out;

    for (int i = 0; i < 5000; i++) {
        int len = snprintf(secret, sizeof(secret), "sk-proj-%06d", i);
        redact_add(redact, (struct slice){secret, (size_t)len});
    }
    buf_init(&out, 1024);
    for (int i = 0; i < 5000; i += 37) {
        int len = snprintf(secret, sizeof(secret), "<sk-proj-%06d>", i);
        buf_clear(&out);
        assert_int_equal(redact_text(redact, (struct slice){secret, (size_t)len}, &out), 0);
        assert_string_equal(out.data, "<***>");
    }
    assert_false(redact_finds(redact, SLICE("<sk-proj-009999>")));
    buf_deinit(&out);
    redact_free(redact);
}

static void test_takes_any_bytes(void **state)
{
    (void)state;
    struct redact *redact = redact_new();
    struct buf out;

    redact_add(redact, SLICE("\0\xFF\n\"\\\x80zz"));
    buf_init(&out, 64);
    assert_int_equal(redact_text(redact, SLICE("\0\0\xFF\n\"\\\x80zz\0"), &out), 0);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "\0***\0", 5);
    buf_deinit(&out);
    redact_free(redact);
}

static void test_stops_at_the_limit_of_the_output(void **state)
{
    (void)state;
    struct redact *redact = redact_of("secret99");
    struct buf out;

    buf_init(&out, 4);
    assert_int_equal(redact_text(redact, SLICE("secret99 tail"), &out), -1);
    assert_null(strstr(out.data, "secret99"));
    buf_deinit(&out);
    redact_free(redact);
}

static const char *const letters[] = {"abababab", "aabbaabb", "bbbbbbbba"};

// Length of the longest of `letters` that `text` begins with.
static size_t plain_match(const char *text)
{
    size_t best = 0;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        size_t len = strlen(letters[i]);
        if (len > best && strncmp(text, letters[i], len) == 0)
            best = len;
    }
    return best;
}

// What redact_text() should do, slowly.
static void plain_redact(const char *text, struct buf *out)
{
    size_t end = 0;
    for (size_t at = 0; text[at]; at++) {
        size_t len = plain_match(text + at);
        if (len && at >= end)
            buf_add_text(out, "***");
        if (len && at + len > end)
            end = at + len;
        if (at >= end)
            buf_add(out, text + at, 1);
    }
}

// Every text of 13 of two letters.
static void test_agrees_with_a_plain_search(void **state)
{
    (void)state;
    struct redact *redact = redact_of("abababab aabbaabb bbbbbbbba");
    char text[14] = "";
    struct buf out, expected;

    buf_init(&out, 64);
    buf_init(&expected, 64);
    for (unsigned bits = 0; bits < 1u << 13; bits++) {
        for (int i = 0; i < 13; i++)
            text[i] = bits >> i & 1 ? 'b' : 'a';
        buf_clear(&out);
        buf_clear(&expected);
        plain_redact(text, &expected);
        assert_int_equal(redact_text(redact, slice_of(text), &out), 0);
        assert_string_equal(out.data, expected.data);
    }
    buf_deinit(&out);
    buf_deinit(&expected);
    redact_free(redact);
}

static void test_a_secret_that_is_known_is_not_kept_twice(void **state)
{
    (void)state;
    struct redact *redact = redact_new();
    struct buf out;

    buf_init(&out, 64);
    assert_true(redact_add(redact, SLICE("sk-the-same-one")));
    assert_false(redact_add(redact, SLICE("sk-the-same-one")));
    assert_true(redact_add(redact, SLICE("sk-the-same-one-but-longer")));
    assert_int_equal(redact_text(redact, SLICE("a sk-the-same-one b"), &out), 0);
    assert_string_equal(out.data, "a *** b");
    buf_deinit(&out);
    redact_free(redact);
}

static void check_finds(const struct redact *redact, const char *secret, bool expected)
{
    assert_int_equal(redact_finds(redact, slice_of(secret)), expected);
}

static void test_a_secret_with_an_end_is_forgotten_after_it(void **state)
{
    (void)state;
    struct redact *redact = redact_new();
    assert_true(redact_add(redact, SLICE("stays for ever")));
    assert_true(redact_add_until(redact, SLICE("token-1 of many"), 100, 0));
    assert_true(redact_add_until(redact, SLICE("token-2 of many"), 200, 99));
    check_finds(redact, "token-1 of many", true);
    redact_add_until(redact, SLICE("token-3 of many"), 300, 100);
    check_finds(redact, "token-1 of many", false);
    check_finds(redact, "token-2 of many", true);
    redact_add_until(redact, SLICE("token-4 of many"), UINT64_MAX / 2, UINT64_MAX / 4);
    check_finds(redact, "token-3 of many", false);
    check_finds(redact, "token-4 of many", true);
    check_finds(redact, "stays for ever", true);
    redact_free(redact);
}

static void test_a_secret_that_is_told_again_stays_longer(void **state)
{
    (void)state;
    struct redact *redact = redact_new();
    redact_add_until(redact, SLICE("token-1 of many"), 100, 0);
    assert_false(redact_add_until(redact, SLICE("token-1 of many"), 200, 0));
    assert_false(redact_add_until(redact, SLICE("token-1 of many"), 50, 150));
    check_finds(redact, "token-1 of many", true);
    assert_false(redact_add(redact, SLICE("token-1 of many")));
    redact_add_until(redact, SLICE("token-2 of many"), 400, 300);
    check_finds(redact, "token-1 of many", true);
    redact_free(redact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaces_a_secret_anywhere),
        cmocka_unit_test(test_replaces_a_secret_at_every_place),
        cmocka_unit_test(test_leaves_other_text_alone),
        cmocka_unit_test(test_ignores_short_secrets),
        cmocka_unit_test(test_takes_overlapping_secrets_for_one),
        cmocka_unit_test(test_takes_the_longest_of_nested_secrets),
        cmocka_unit_test(test_finds_each_of_many_secrets),
        cmocka_unit_test(test_takes_any_bytes),
        cmocka_unit_test(test_stops_at_the_limit_of_the_output),
        cmocka_unit_test(test_agrees_with_a_plain_search),
        cmocka_unit_test(test_a_secret_that_is_known_is_not_kept_twice),
        cmocka_unit_test(test_a_secret_with_an_end_is_forgotten_after_it),
        cmocka_unit_test(test_a_secret_that_is_told_again_stays_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
