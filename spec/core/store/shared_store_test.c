#include "store/shared_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct shared_store *store;

static int set_up(void **state)
{
    (void)state;
    store = shared_store_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shared_store_free(store);
    return 0;
}

static struct dict *dict_of(const char *name, struct error *err)
{
    return shared_store_dict(store, slice_of(name), 64 * 1024, err);
}

static struct limiter *limiter_of(const char *name, enum limiter_kind kind, struct error *err)
{
    struct limiter_terms terms = {kind, 1, 0.001, 1000};
    return shared_store_limiter(store, slice_of(name), &terms, err);
}

static void test_a_name_is_the_same_thing_every_time(void **state)
{
    (void)state;
    struct error err;
    struct dict *dict = dict_of("a", &err);
    assert_non_null(dict);
    assert_ptr_equal(dict_of("a", &err), dict);
    assert_ptr_not_equal(dict_of("b", &err), dict);
    struct limiter *limiter = limiter_of("a", LIMITER_WINDOW, &err);
    assert_non_null(limiter);
    assert_ptr_equal(limiter_of("a", LIMITER_WINDOW, &err), limiter);
}

static void test_a_limit_keeps_its_kind(void **state)
{
    (void)state;
    struct error err;
    assert_non_null(limiter_of("a", LIMITER_WINDOW, &err));
    assert_null(limiter_of("a", LIMITER_BUCKET, &err));
    assert_int_equal(err.kind, ERROR_BAD_REQUEST);
    assert_string_equal(err.message, "the limit 'a' is a window already");
}

static void test_there_are_so_many_and_no_more(void **state)
{
    (void)state;
    struct error err;
    char name[16];
    for (int i = 0; i <= SHARED_STORE_LIMITERS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(dict_of(name, &err) != NULL, i < SHARED_STORE_DICTS);
        assert_int_equal(limiter_of(name, LIMITER_BUCKET, &err) != NULL, i < SHARED_STORE_LIMITERS);
    }
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    assert_non_null(dict_of("0", &err)); // those that are there stay
}

static void test_a_name_is_neither_empty_nor_endless(void **state)
{
    (void)state;
    struct error err;
    char name[SHARED_STORE_NAME + 2];
    memset(name, 'x', sizeof(name));
    name[SHARED_STORE_NAME + 1] = '\0';
    assert_null(dict_of(name, &err));
    assert_null(limiter_of("", LIMITER_BUCKET, &err));
    name[SHARED_STORE_NAME] = '\0';
    assert_non_null(dict_of(name, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_name_is_the_same_thing_every_time),
        TEST(test_a_limit_keeps_its_kind),
        TEST(test_there_are_so_many_and_no_more),
        TEST(test_a_name_is_neither_empty_nor_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
