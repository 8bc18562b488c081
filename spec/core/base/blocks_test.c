#include "base/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_a_block_given_back_is_the_next_one_taken(void **state)
{
    (void)state;
    struct blocks blocks = {0};
    void *first = blocks_take(&blocks), *second = blocks_take(&blocks);
    memset(first, 1, BLOCK_SIZE);
    memset(second, 2, BLOCK_SIZE);
    blocks_give(&blocks, first);
    blocks_give(&blocks, second);
    assert_ptr_equal(blocks_take(&blocks), second);
    assert_ptr_equal(blocks_take(&blocks), first);
    blocks_give(&blocks, first);
    blocks_give(&blocks, second);
    blocks_deinit(&blocks);
}

static void test_no_more_than_a_few_are_kept(void **state)
{
    (void)state;
    struct blocks blocks = {0};
    void *taken[BLOCKS_KEPT + 2];
    for (size_t i = 0; i < BLOCKS_KEPT + 2; i++)
        taken[i] = blocks_take(&blocks);
    for (size_t i = 0; i < BLOCKS_KEPT + 2; i++)
        blocks_give(&blocks, taken[i]);
    assert_int_equal(blocks.count, BLOCKS_KEPT);
    blocks_deinit(&blocks);
    assert_int_equal(blocks.count, 0);
    assert_null(blocks.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_given_back_is_the_next_one_taken),
        cmocka_unit_test(test_no_more_than_a_few_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
