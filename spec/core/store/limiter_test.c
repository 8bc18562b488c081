#include "store/limiter.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 5000 };

static struct limiter *limiter;
static double wait_s;

static void make(struct limiter_terms terms)
{
    limiter = limiter_new(&terms);
}

static void make_bucket(double per_second, double burst)
{
    make((struct limiter_terms){LIMITER_BUCKET, burst, per_second / 1000, 0});
}

static void make_window(double most, uint64_t window_ms)
{
    make((struct limiter_terms){LIMITER_WINDOW, most, 0, window_ms});
}

static int tear_down(void **state)
{
    (void)state;
    limiter_free(limiter);
    return 0;
}

static bool take(const char *key, double amount, uint64_t now_ms)
{
    return limiter_take(limiter, slice_of(key), amount, now_ms, &wait_s) == LIMITER_OK;
}

static void refund(const char *key, double amount, uint64_t now_ms)
{
    limiter_refund(limiter, slice_of(key), amount, now_ms);
}

static void test_a_bucket_gives_its_burst_then_its_rate(void **state)
{
    (void)state;
    make_bucket(10, 3);
    for (int i = 0; i < 3; i++)
        assert_true(take("k", 1, 1000));
    assert_false(take("k", 1, 1000));
    assert_float_equal(wait_s, 0.1, 1e-6);
    assert_false(take("k", 1, 1099));
    assert_true(take("k", 1, 1100));
    assert_false(take("k", 1, 1100));
    assert_true(take("other", 3, 1100));
}

static void test_a_bucket_says_when_an_amount_can_never_be_had(void **state)
{
    (void)state;
    make_bucket(10, 3);
    assert_false(take("k", 4, 0));
    assert_true(isinf(wait_s));
    assert_true(take("k", 3, 0));
}

static void test_a_refund_goes_back_into_the_bucket_and_no_further(void **state)
{
    (void)state;
    make_bucket(1, 10);
    assert_true(take("k", 10, 0));
    refund("k", 4, 0);
    assert_false(take("k", 5, 0));
    assert_true(take("k", 4, 0));
    refund("k", 100, 0);
    assert_false(take("k", 11, 0));
    assert_true(take("k", 10, 0));
}

static void test_a_negative_refund_takes_more_without_asking(void **state)
{
    (void)state;
    make_bucket(1, 10);
    assert_true(take("k", 1, 0));
    refund("k", -29, 0); // 20 short
    assert_false(take("k", 1, 20000));
    assert_true(take("k", 1, 21000));
    refund("new", -5, 21000);
    assert_false(take("new", 6, 21000));
}

static void test_a_clock_that_lags_gives_no_tokens_and_takes_none(void **state)
{
    (void)state;
    make_bucket(1000, 1);
    assert_true(take("k", 1, 5000));
    assert_false(take("k", 1, 4990));
    assert_true(take("k", 1, 5001));
}

static void test_a_window_is_exact_at_both_ends(void **state)
{
    (void)state;
    make_window(3, 60000);
    assert_true(take("k", 1, 1000));
    assert_true(take("k", 1, 30000));
    assert_true(take("k", 1, 59999));
    assert_false(take("k", 1, 60000));
    assert_float_equal(wait_s, 1, 1e-9);
    assert_false(take("k", 1, 60999));
    assert_true(take("k", 1, 61000));
    assert_false(take("k", 1, 61000));
    assert_float_equal(wait_s, 29, 1e-9);
}

static void test_a_window_counts_amounts(void **state)
{
    (void)state;
    make_window(1000, 1000);
    assert_true(take("k", 600, 0));
    assert_true(take("k", 300, 100));
    assert_false(take("k", 200, 200));
    assert_float_equal(wait_s, 0.8, 1e-9);
    assert_false(take("k", 700, 999));
    assert_float_equal(wait_s, 0.001, 1e-9);
    assert_false(take("k", 1001, 5000));
    assert_true(isinf(wait_s));
    assert_true(take("k", 700, 1000));
}

static void test_a_refund_of_a_window_takes_the_newest_back(void **state)
{
    (void)state;
    make_window(10, 1000);
    assert_true(take("k", 5, 0));
    assert_true(take("k", 5, 500));
    refund("k", 6, 600);
    assert_true(take("k", 6, 600)); // 4 of 0, 6 of 600
    assert_false(take("k", 5, 1000));
    assert_true(take("k", 4, 1000));
    refund("k", -3, 1000);
    assert_false(take("k", 1, 1000));
}

// What a simple reader of all takes would say, for a key that is asked very often.
static void test_a_window_never_gives_more_however_many_takes_it_holds(void **state)
{
    (void)state;
    enum { LENGTH = 60000, MOST = 20000, TAKES = 100000 };
    static uint32_t at_ms[TAKES];
    int taken = 0, first = 0, refused_wrongly = 0;

    make_window(MOST, LENGTH);
    for (uint32_t now = 0; taken < TAKES && now < 400000; now += 1 + (now & 1)) {
        while (first < taken && at_ms[first] + LENGTH <= now)
            first++;
        bool got = take("k", 1, now);
        assert_false(got && taken - first >= MOST);
        if (got)
            at_ms[taken++] = now;
        else if (taken - first < MOST - MOST / 100)
            refused_wrongly++;
    }
    assert_true(taken > 3 * MOST);
    assert_int_equal(refused_wrongly, 0);
}

static void test_concurrency_counts_what_is_held(void **state)
{
    (void)state;
    make((struct limiter_terms){LIMITER_CONCURRENCY, 2, 0, 0});
    assert_true(take("k", 1, 0));
    assert_true(take("k", 1, 0));
    assert_false(take("k", 1, 1000000));
    assert_true(isinf(wait_s));
    refund("k", 1, 0);
    assert_true(take("k", 1, 0));
    refund("k", 99, 0);
    assert_true(take("k", 2, 0));
    assert_false(take("k", 1, 0));
}

static void test_new_terms_count_at_once_and_keep_what_was_taken(void **state)
{
    (void)state;
    make_window(10, 1000);
    assert_true(take("k", 8, 0));
    limiter_change(limiter, &(struct limiter_terms){LIMITER_WINDOW, 20, 0, 1000});
    assert_true(take("k", 12, 0));
    limiter_change(limiter, &(struct limiter_terms){LIMITER_WINDOW, 10, 0, 500});
    assert_false(take("k", 1, 499));
    assert_true(take("k", 10, 500));
}

static void take_many_keys(int first, int count, uint64_t now_ms, int *refused)
{
    for (int i = first; i < first + count; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key%d", i);
        if (limiter_take(limiter, slice_of(key), 1, now_ms, &wait_s) == LIMITER_FULL)
            ++*refused;
    }
}

static void test_keys_are_bounded_and_busy_ones_are_not_forgotten(void **state)
{
    (void)state;
    int refused = 0;
    make_window(1, 1000);
    take_many_keys(0, 2 * LIMITER_KEYS, 0, &refused);
    assert_true(refused >= LIMITER_KEYS);
    assert_false(take("key0", 1, 999));
    refused = 0;
    take_many_keys(0, LIMITER_KEYS / 2, 1000, &refused); // all of them are idle by now
    assert_int_equal(refused, 0);
}

// ---- threads ----------------------------------------------------------------------------------

static int taken_by[THREADS];

static void *take_often(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    double ignored;
    for (int i = 0; i < ROUNDS; i++) {
        if (limiter_take(limiter, SLICE("k"), 1, (uint64_t)i, &ignored) == LIMITER_OK)
            taken_by[self]++;
        limiter_take(limiter, SLICE("other"), 1, (uint64_t)i, &ignored);
        limiter_refund(limiter, SLICE("other"), 1, (uint64_t)i);
    }
    return NULL;
}

static void test_threads_take_no_more_than_there_is(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int sum = 0;

    make_window(777, 1000000);
    for (uintptr_t i = 0; i < THREADS; i++) {
        taken_by[i] = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, take_often, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += taken_by[i];
    }
    assert_int_equal(sum, 777);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_bucket_gives_its_burst_then_its_rate),
        TEST(test_a_bucket_says_when_an_amount_can_never_be_had),
        TEST(test_a_refund_goes_back_into_the_bucket_and_no_further),
        TEST(test_a_negative_refund_takes_more_without_asking),
        TEST(test_a_clock_that_lags_gives_no_tokens_and_takes_none),
        TEST(test_a_window_is_exact_at_both_ends),
        TEST(test_a_window_counts_amounts),
        TEST(test_a_refund_of_a_window_takes_the_newest_back),
        TEST(test_a_window_never_gives_more_however_many_takes_it_holds),
        TEST(test_concurrency_counts_what_is_held),
        TEST(test_new_terms_count_at_once_and_keep_what_was_taken),
        TEST(test_keys_are_bounded_and_busy_ones_are_not_forgotten),
        TEST(test_threads_take_no_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
