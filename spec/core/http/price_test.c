#include "http/price.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNKNOWN -1.0

// A price with these numbers, USD per million tokens; UNKNOWN: none.
static struct price price_of(double input, double output, double cached, double cache_write,
                             double reasoning)
{
    const double usd[] = {input, output, cached, cache_write, reasoning};
    struct price price = {.count = 1};

    price.tiers[0].above = -1;
    for (int kind = 0; kind < USAGE_KINDS; kind++)
        price.tiers[0].of[kind] = price_per_token(usd[kind]);
    return price;
}

static long long cost(const struct price *price, long long input, long long output,
                      long long cached, long long cache_write, long long reasoning)
{
    const struct usage_counts counts = {
        .of = {input, output, cached, cache_write, reasoning},
        .billed = {-1, -1},
    };
    return price_cost(price, &counts);
}

static void test_a_price_is_exact_to_nine_places(void **state)
{
    (void)state;
    assert_int_equal(price_per_token(1), 1000000000);
    assert_int_equal(price_per_token(0.15), 150000000);
    assert_int_equal(price_per_token(0.003625), 3625000);
    assert_int_equal(price_per_token(0), 0);
    assert_int_equal(price_per_token(1e9), 1000000000000000000);
    assert_int_equal(price_per_token(-0.5), -1);
    assert_int_equal(price_per_token(1e10), -1);
    assert_int_equal(price_per_token(NAN), -1);
}

static void test_T32_a_cost_is_the_sum_of_its_parts_in_nano_dollars(void **state)
{
    (void)state;
    struct price plain = price_of(2.5, 10, UNKNOWN, UNKNOWN, UNKNOWN);
    struct price claude = price_of(3, 15, 0.3, 3.75, UNKNOWN);
    struct price thinker = price_of(0.4, 1.2, UNKNOWN, UNKNOWN, 4);

    assert_int_equal(cost(&plain, 1000, 100, -1, -1, -1), 2500000 + 1000000);
    // 200 plain, 700 from the cache, 100 to it.
    assert_int_equal(cost(&claude, 1000, 10, 700, 100, -1), 600000 + 210000 + 375000 + 150000);
    assert_int_equal(cost(&thinker, 10, 100, -1, -1, 60), 4000 + 48000 + 240000);
}

static void test_what_has_no_price_of_its_own_costs_what_it_is_part_of(void **state)
{
    (void)state;
    struct price plain = price_of(2, 8, UNKNOWN, UNKNOWN, UNKNOWN);
    assert_int_equal(cost(&plain, 1000, 100, 700, 100, 60), cost(&plain, 1000, 100, -1, -1, -1));
}

static void test_what_the_provider_charges_for_counts_where_it_says_so(void **state)
{
    (void)state;
    struct price price = price_of(2, 8, 1, UNKNOWN, 100);
    struct usage_counts counts = {.of = {1000, 100, 700, -1, 60}, .billed = {68, 24}};

    assert_int_equal(price_cost(&price, &counts), 68 * 2000 + 24 * 8000);
    counts.billed[USAGE_OUTPUT] = -1;
    assert_int_equal(price_cost(&price, &counts), 68 * 2000 + 100 * 8000);
    counts.of[USAGE_OUTPUT] = -1;
    assert_int_equal(price_cost(&price, &counts), -1);
}

static void test_halves_go_up(void **state)
{
    (void)state;
    struct price half = price_of(0.0005, 0, UNKNOWN, UNKNOWN, UNKNOWN); // half a nano-dollar
    assert_int_equal(cost(&half, 1, 0, -1, -1, -1), 1);
    assert_int_equal(cost(&half, 2, 0, -1, -1, -1), 1);
    assert_int_equal(cost(&half, 3, 0, -1, -1, -1), 2);
    struct price less = price_of(0.000499999, 0, UNKNOWN, UNKNOWN, UNKNOWN);
    assert_int_equal(cost(&less, 1, 0, -1, -1, -1), 0);
}

static void test_T32_what_is_not_known_makes_the_cost_unknown_and_never_0(void **state)
{
    (void)state;
    struct price both = price_of(2, 8, UNKNOWN, UNKNOWN, UNKNOWN);
    struct price half = price_of(2, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN);
    struct price none = price_of(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN);

    assert_int_equal(cost(&both, -1, 10, -1, -1, -1), -1);
    assert_int_equal(cost(&both, 10, -1, -1, -1, -1), -1);
    assert_int_equal(cost(&half, 10, 10, -1, -1, -1), -1);
    assert_int_equal(cost(&none, 10, 10, -1, -1, -1), -1);
    assert_int_equal(cost(&half, 10, 0, -1, -1, -1), 20000);
}

static void test_what_costs_nothing_does_so_in_any_number(void **state)
{
    (void)state;
    struct price embed = price_of(0.02, 0, UNKNOWN, UNKNOWN, UNKNOWN);
    struct price gift = price_of(0, 0, UNKNOWN, UNKNOWN, UNKNOWN);

    assert_int_equal(cost(&embed, 1000, -1, -1, -1, -1), 20000);
    assert_int_equal(cost(&gift, -1, -1, -1, -1, -1), 0);
}

static void test_a_long_prompt_makes_all_of_its_tokens_dearer(void **state)
{
    (void)state;
    struct price price = price_of(1, 10, 0.1, UNKNOWN, UNKNOWN);
    price.tiers[1] = (struct price_tier){
        .above = 1000,
        .of = {price_per_token(2), price_per_token(15), price_per_token(0.2), -1, -1}};
    price.tiers[2] = (struct price_tier){
        .above = 5000, .of = {price_per_token(4), price_per_token(20), -1, -1, -1}};
    price.count = 3;

    assert_int_equal(cost(&price, 1000, 1, -1, -1, -1), 1000000 + 10000);
    assert_int_equal(cost(&price, 1001, 1, 1, -1, -1), 2000000 + 200 + 15000);
    assert_int_equal(cost(&price, 5000, 0, -1, -1, -1), 10000000);
    assert_int_equal(cost(&price, 5001, 0, 5001, -1, -1), 20004000);
}

static void test_counts_that_make_no_sense_cost_no_less(void **state)
{
    (void)state;
    struct price price = price_of(1, 1, 0.5, UNKNOWN, UNKNOWN);
    assert_int_equal(cost(&price, 10, 5, 20, -1, 9), 10000 + 9000); // more cached than read
}

static void test_no_number_of_tokens_overflows(void **state)
{
    (void)state;
    struct price dear = price_of(1e9, 1e9, UNKNOWN, UNKNOWN, UNKNOWN);
    struct price cheap = price_of(0.001, 0.001, UNKNOWN, UNKNOWN, UNKNOWN);
    long long most = (1LL << 53) - 1;

    assert_int_equal(cost(&dear, INT64_MAX, INT64_MAX, -1, -1, -1), most);
    assert_int_equal(cost(&cheap, most - 1, 0, -1, -1, -1), most - 1);
}

static uint64_t next_random(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

// A whole is never further from the sum of its parts than their rounding.
static void test_the_parts_of_an_answer_add_up(void **state)
{
    (void)state;
    uint64_t seed = 7;

    for (int i = 0; i < 20000; i++) {
        double usd[USAGE_KINDS];
        for (int kind = 0; kind < USAGE_KINDS; kind++)
            usd[kind] = (double)next_random(&seed, 100000) / 1000;
        struct price price = price_of(usd[0], usd[1], usd[2], usd[3], usd[4]);
        long long plain = (long long)next_random(&seed, 100000),
                  cached = (long long)next_random(&seed, 100000),
                  written = (long long)next_random(&seed, 100000),
                  said = (long long)next_random(&seed, 100000),
                  thought = (long long)next_random(&seed, 100000);
        long long parts =
            cost(&price, plain, 0, -1, -1, -1) + cost(&price, cached, 0, cached, -1, -1) +
            cost(&price, written, 0, -1, written, -1) + cost(&price, 0, said, -1, -1, -1) +
            cost(&price, 0, thought, -1, -1, thought);
        long long whole =
            cost(&price, plain + cached + written, said + thought, cached, written, thought);
        assert_true(llabs(whole - parts) <= 3);
    }
}

static void test_costs_are_added_and_what_is_unknown_is_remembered(void **state)
{
    (void)state;
    struct cost sum = cost_none(), other = cost_none();

    assert_int_equal(sum.nano, -1);
    assert_false(sum.is_unknown);
    cost_join(&sum, &other);
    assert_int_equal(sum.nano, -1);
    cost_add(&sum, 0);
    assert_int_equal(sum.nano, 0);
    cost_add(&sum, 5);
    cost_add(&sum, -1);
    assert_int_equal(sum.nano, 5);
    assert_true(sum.is_unknown);
    cost_add(&other, 7);
    cost_join(&other, &sum);
    assert_int_equal(other.nano, 12);
    assert_true(other.is_unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_price_is_exact_to_nine_places),
        cmocka_unit_test(test_T32_a_cost_is_the_sum_of_its_parts_in_nano_dollars),
        cmocka_unit_test(test_what_has_no_price_of_its_own_costs_what_it_is_part_of),
        cmocka_unit_test(test_what_the_provider_charges_for_counts_where_it_says_so),
        cmocka_unit_test(test_halves_go_up),
        cmocka_unit_test(test_T32_what_is_not_known_makes_the_cost_unknown_and_never_0),
        cmocka_unit_test(test_what_costs_nothing_does_so_in_any_number),
        cmocka_unit_test(test_a_long_prompt_makes_all_of_its_tokens_dearer),
        cmocka_unit_test(test_counts_that_make_no_sense_cost_no_less),
        cmocka_unit_test(test_no_number_of_tokens_overflows),
        cmocka_unit_test(test_the_parts_of_an_answer_add_up),
        cmocka_unit_test(test_costs_are_added_and_what_is_unknown_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
