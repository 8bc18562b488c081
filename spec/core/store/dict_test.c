#include "store/dict.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

enum { SIZE = 1024 * 1024, THREADS = 4, ROUNDS = 5000 };

static struct dict *dict;
static struct buf text;

static int set_up(void **state)
{
    (void)state;
    dict = dict_new(SIZE);
    buf_init(&text, DICT_VALUE_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dict_free(dict);
    buf_deinit(&text);
    return 0;
}

static struct dict_access at(const char *key, uint64_t now_ms)
{
    return (struct dict_access){.key = slice_of(key), .now_ms = now_ms};
}

static struct dict_access for_a_while(const char *key, uint64_t now_ms, uint64_t ttl_ms)
{
    return (struct dict_access){.key = slice_of(key), .now_ms = now_ms, .ttl_ms = ttl_ms};
}

static struct dict_value number(double value)
{
    return (struct dict_value){.type = DICT_NUMBER, .number = value};
}

static struct dict_value words(const char *value)
{
    return (struct dict_value){.type = DICT_TEXT, .text = slice_of(value)};
}

static const struct dict_value none = {.type = DICT_NONE};

static void set(const char *key, struct dict_value value, uint64_t now_ms, uint64_t ttl_ms)
{
    struct dict_access access = for_a_while(key, now_ms, ttl_ms);
    assert_int_equal(dict_set(dict, &access, value), DICT_OK);
}

static enum dict_result get(const char *key, uint64_t now_ms, struct dict_value *value)
{
    struct dict_access access = at(key, now_ms);
    return dict_get(dict, &access, value, &text);
}

static bool has(const char *key, uint64_t now_ms)
{
    struct dict_value value;
    return get(key, now_ms, &value) == DICT_OK;
}

static void assert_number(const char *key, double expected)
{
    struct dict_value value;
    assert_int_equal(get(key, 0, &value), DICT_OK);
    assert_int_equal(value.type, DICT_NUMBER);
    assert_true(value.number == expected);
}

static void test_values_of_each_type_come_back(void **state)
{
    (void)state;
    struct dict_value value;

    set("n", number(-2.5), 0, 0);
    set("b", (struct dict_value){.type = DICT_BOOLEAN, .number = 1}, 0, 0);
    set("t", (struct dict_value){.type = DICT_TEXT, .text = SLICE("a\0b")}, 0, 0);
    set("", words(""), 0, 0);
    assert_number("n", -2.5);
    assert_int_equal(get("b", 0, &value), DICT_OK);
    assert_true(value.type == DICT_BOOLEAN && value.number == 1);
    assert_int_equal(get("t", 0, &value), DICT_OK);
    assert_true(slice_equal(value.text, SLICE("a\0b")));
    assert_int_equal(get("", 0, &value), DICT_OK);
    assert_true(value.type == DICT_TEXT && value.text.len == 0);
    assert_int_equal(get("other", 0, &value), DICT_ABSENT);
}

static void test_a_value_replaces_another_of_any_type(void **state)
{
    (void)state;
    struct dict_access access = at("k", 0);
    size_t empty = dict_used(dict), count;

    set("k", words("long enough to count"), 0, 0);
    set("k", number(1), 0, 0);
    assert_number("k", 1);
    assert_int_equal(dict_delete(dict, &access), DICT_OK);
    assert_int_equal(dict_push(dict, &access, words("item"), &count), DICT_OK);
    set("k", words("x"), 0, 0);
    assert_int_equal(dict_delete(dict, &access), DICT_OK);
    assert_int_equal(dict_delete(dict, &access), DICT_ABSENT);
    assert_int_equal(dict_used(dict), empty);
}

static void test_a_value_expires_and_its_memory_with_it(void **state)
{
    (void)state;
    struct dict_access access = at("k", 1099);
    uint64_t left = 0;

    set("k", number(1), 1000, 100);
    assert_int_equal(dict_ttl(dict, &access, &left), DICT_OK);
    assert_int_equal(left, 1);
    assert_true(has("k", 1099));
    assert_false(has("k", 1100));
    assert_int_equal(dict_used(dict), 0);
}

static void test_setting_anew_sets_the_time_to_live_anew(void **state)
{
    (void)state;
    struct dict_access access = at("k", 0);
    uint64_t left = 0;

    set("k", number(1), 0, 100);
    set("k", number(2), 0, 0);
    assert_int_equal(dict_ttl(dict, &access, &left), DICT_OK);
    assert_true(left == UINT64_MAX);
    access.ttl_ms = 50;
    assert_int_equal(dict_expire(dict, &access), DICT_OK);
    assert_false(has("k", 50));
    assert_int_equal(dict_expire(dict, &access), DICT_ABSENT);
}

static void test_add_writes_only_where_there_is_nothing(void **state)
{
    (void)state;
    struct dict_access access = for_a_while("k", 0, 10);

    assert_int_equal(dict_add(dict, &access, number(1)), DICT_OK);
    assert_int_equal(dict_add(dict, &access, number(2)), DICT_REFUSED);
    assert_number("k", 1);
    access.now_ms = 10;
    assert_int_equal(dict_add(dict, &access, number(3)), DICT_OK);
}

static void test_increment_counts_from_the_initial_value(void **state)
{
    (void)state;
    struct dict_access access = for_a_while("k", 0, 100);
    double result = 0;

    assert_int_equal(dict_increment(dict, &access, 2, 10, &result), DICT_OK);
    assert_true(result == 12);
    access.now_ms = 60; // the time to live is that of the first
    assert_int_equal(dict_increment(dict, &access, -5, 10, &result), DICT_OK);
    assert_true(result == 7);
    access.now_ms = 100;
    assert_int_equal(dict_increment(dict, &access, 1, 0, &result), DICT_OK);
    assert_true(result == 1);
}

static void test_only_numbers_are_incremented(void **state)
{
    (void)state;
    struct dict_access access = at("k", 0);
    double result;
    set("k", words("7"), 0, 0);
    assert_int_equal(dict_increment(dict, &access, 1, 0, &result), DICT_WRONG_TYPE);
}

static void test_swap_compares_type_and_value(void **state)
{
    (void)state;
    struct dict_access access = at("k", 0);
    struct dict_value value, is_true = {.type = DICT_BOOLEAN, .number = 1};

    assert_int_equal(dict_swap(dict, &access, number(1), number(2)), DICT_REFUSED);
    assert_int_equal(dict_swap(dict, &access, none, number(1)), DICT_OK);
    assert_int_equal(dict_swap(dict, &access, none, number(2)), DICT_REFUSED);
    assert_int_equal(dict_swap(dict, &access, is_true, number(2)), DICT_REFUSED);
    assert_int_equal(dict_swap(dict, &access, number(1), words("one")), DICT_OK);
    assert_int_equal(dict_swap(dict, &access, words("two"), number(2)), DICT_REFUSED);
    assert_int_equal(get("k", 0, &value), DICT_OK);
    assert_true(slice_equal(value.text, SLICE("one")));
    assert_int_equal(dict_swap(dict, &access, words("one"), none), DICT_OK);
    assert_false(has("k", 0));
    assert_int_equal(dict_swap(dict, &access, none, none), DICT_OK);
    assert_int_equal(dict_used(dict), 0);
}

static void push(const char *key, struct dict_value value, size_t expected)
{
    struct dict_access access = at(key, 0);
    size_t count = 0;
    assert_int_equal(dict_push(dict, &access, value, &count), DICT_OK);
    assert_int_equal(count, expected);
}

static void test_a_list_gives_first_what_came_first(void **state)
{
    (void)state;
    struct dict_access access = at("k", 0);
    struct dict_value value;

    push("k", words("a"), 1);
    push("k", number(2), 2);
    assert_int_equal(dict_pop(dict, &access, &value, &text), DICT_OK);
    assert_true(slice_equal(value.text, SLICE("a")));
    assert_int_equal(dict_pop(dict, &access, &value, &text), DICT_OK);
    assert_true(value.type == DICT_NUMBER && value.number == 2);
    assert_int_equal(dict_pop(dict, &access, &value, &text), DICT_ABSENT);
    assert_int_equal(dict_used(dict), 0);
}

static void test_a_list_is_no_value_and_a_value_no_list(void **state)
{
    (void)state;
    struct dict_access list = at("list", 0), plain = at("plain", 0);
    struct dict_value value;
    size_t count;

    push("list", number(1), 1);
    set("plain", number(1), 0, 0);
    assert_int_equal(get("list", 0, &value), DICT_WRONG_TYPE);
    assert_int_equal(dict_swap(dict, &list, number(1), number(2)), DICT_REFUSED);
    assert_int_equal(dict_push(dict, &plain, number(1), &count), DICT_WRONG_TYPE);
    assert_int_equal(dict_pop(dict, &plain, &value, &text), DICT_WRONG_TYPE);
}

static void fill(size_t value_len, int count, uint64_t first_ms)
{
    char key[16];
    char *value = mem_alloc(value_len + 1);
    memset(value, 'v', value_len);
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        set(key, words(value), first_ms + (uint64_t)i, 0);
    }
    free(value);
}

static void test_what_was_not_used_longest_makes_room(void **state)
{
    (void)state;
    fill(100000, 10, 1000);
    assert_true(has("key0", 2000)); // used last now
    set("more", words("x"), 2001, 0);
    fill(100000, 0, 0);
    char *large = mem_alloc(100001);
    memset(large, 'v', 100000);
    set("large", words(large), 2002, 0);
    free(large);
    assert_true(has("key0", 2003));
    assert_false(has("key1", 2003));
    assert_true(has("key2", 2003));
    assert_true(has("more", 2003));
    assert_true(dict_used(dict) <= SIZE);
}

static void test_what_has_expired_goes_before_what_lives(void **state)
{
    (void)state;
    fill(100000, 9, 1000);
    char *large = mem_alloc(100001);
    memset(large, 'v', 100000);
    set("short", words(large), 3000, 10);
    set("large", words(large), 4000, 0);
    free(large);
    for (int i = 0; i < 9; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key%d", i);
        assert_true(has(key, 4001));
    }
}

static void test_a_safe_writer_is_refused_and_nothing_is_lost(void **state)
{
    (void)state;
    char *large = mem_alloc(200001);
    memset(large, 'v', 200000);
    struct dict_access access = at("large", 2000);

    access.is_safe = true;
    fill(100000, 10, 1000);
    assert_int_equal(dict_set(dict, &access, words(large)), DICT_NO_MEMORY);
    assert_true(has("key0", 2000));
    access.key = SLICE("key3"); // its own room counts
    large[100000] = '\0';
    assert_int_equal(dict_set(dict, &access, words(large)), DICT_OK);
    free(large);
}

static void test_too_much_for_the_whole_dictionary_pushes_nothing_out(void **state)
{
    (void)state;
    struct dict *small = dict_new(64 * 1024);
    char *large = mem_alloc(DICT_VALUE_MAX + 2);
    struct dict_access access = at("k", 0), other = at("large", 0);
    struct dict_value value;

    memset(large, 'v', DICT_VALUE_MAX + 1);
    assert_int_equal(dict_set(small, &access, number(1)), DICT_OK);
    large[64 * 1024] = '\0';
    assert_int_equal(dict_set(small, &other, words(large)), DICT_TOO_LARGE);
    assert_int_equal(dict_get(small, &access, &value, &text), DICT_OK);
    large[64 * 1024] = 'v';
    assert_int_equal(dict_set(dict, &access, words(large)), DICT_TOO_LARGE);
    large[DICT_KEY_MAX + 1] = '\0';
    other = at(large, 0);
    assert_int_equal(dict_set(dict, &other, number(1)), DICT_TOO_LARGE);
    free(large);
    dict_free(small);
}

static void test_a_list_that_fills_the_dictionary_stays_within_it(void **state)
{
    (void)state;
    struct dict_access access = at("list", 0);
    size_t count;
    for (int i = 0; i < 50000; i++) {
        assert_int_equal(dict_push(dict, &access, number(i), &count), DICT_OK);
        assert_true(dict_used(dict) <= SIZE);
    }
}

static size_t count_keys(size_t most, uint64_t now_ms)
{
    struct buf out;
    buf_init(&out, SIZE);
    size_t count = dict_keys(dict, now_ms, most, &out);
    buf_deinit(&out);
    return count;
}

static void test_keys_are_listed_up_to_a_number_without_expired_ones(void **state)
{
    (void)state;
    fill(1, 100, 0);
    set("short", number(1), 0, 10);
    assert_int_equal(count_keys(1000, 9), 101);
    assert_int_equal(count_keys(1000, 10), 100);
    assert_int_equal(count_keys(7, 10), 7);
    struct buf out;
    buf_init(&out, 20); // room for two of them
    assert_int_equal(dict_keys(dict, 10, 1000, &out), 2);
    buf_deinit(&out);
}

// ---- threads ----------------------------------------------------------------------------------

static void *count_up(void *argument)
{
    (void)argument;
    struct dict_access access = at("counter", 0);
    double result;
    for (int i = 0; i < ROUNDS; i++)
        dict_increment(dict, &access, 1, 0, &result);
    return NULL;
}

static void *work(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    struct buf own;
    struct dict_value value;
    char key[16], large[2000];
    size_t count;

    memset(large, 'v', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    buf_init(&own, DICT_VALUE_MAX);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned pick = (unsigned)rand_r(&seed);
        snprintf(key, sizeof(key), "key%u", pick % 1500);
        struct dict_access access = for_a_while(key, (uint64_t)i, pick % 7 ? 0 : 20);
        switch (pick / 1500 % 6) {
        case 0:
            if (dict_get(dict, &access, &value, &own) == DICT_OK && value.type == DICT_TEXT)
                assert_int_equal(value.text.len, sizeof(large) - 1);
            break;
        case 1:
            dict_delete(dict, &access);
            break;
        case 2:
            dict_push(dict, &access, number(i), &count);
            break;
        case 3:
            dict_pop(dict, &access, &value, &own);
            break;
        default:
            dict_set(dict, &access, words(large));
        }
    }
    buf_deinit(&own);
    return NULL;
}

static void run_threads(void *(*run)(void *argument))
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_threads_lose_no_increment(void **state)
{
    (void)state;
    run_threads(count_up);
    assert_number("counter", THREADS * ROUNDS);
}

static void test_threads_that_do_everything_stay_within_the_size(void **state)
{
    (void)state;
    struct dict_value value;
    run_threads(work);
    assert_true(dict_used(dict) <= SIZE);
    for (int i = 0; i < 1500; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key%d", i);
        struct dict_access access = at(key, 0);
        while (dict_get(dict, &access, &value, &text) != DICT_ABSENT)
            dict_delete(dict, &access);
    }
    assert_int_equal(dict_used(dict), 0); // what is counted is what is kept
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_of_each_type_come_back),
        TEST(test_a_value_replaces_another_of_any_type),
        TEST(test_a_value_expires_and_its_memory_with_it),
        TEST(test_setting_anew_sets_the_time_to_live_anew),
        TEST(test_add_writes_only_where_there_is_nothing),
        TEST(test_increment_counts_from_the_initial_value),
        TEST(test_only_numbers_are_incremented),
        TEST(test_swap_compares_type_and_value),
        TEST(test_a_list_gives_first_what_came_first),
        TEST(test_a_list_is_no_value_and_a_value_no_list),
        TEST(test_what_was_not_used_longest_makes_room),
        TEST(test_what_has_expired_goes_before_what_lives),
        TEST(test_a_safe_writer_is_refused_and_nothing_is_lost),
        TEST(test_too_much_for_the_whole_dictionary_pushes_nothing_out),
        TEST(test_a_list_that_fills_the_dictionary_stays_within_it),
        TEST(test_keys_are_listed_up_to_a_number_without_expired_ones),
        TEST(test_threads_lose_no_increment),
        TEST(test_threads_that_do_everything_stay_within_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
