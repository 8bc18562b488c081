#include "config/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void check_printed(const struct field *field, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    field_print(field, &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_keeps_names_in_order(void **state)
{
    (void)state;
    struct field table = {.type = FIELD_TABLE};
    const char *const names[] = {"b", "c", "a"};

    for (size_t i = 0; i < 3; i++) {
        struct field *field = field_add(&table, names[i]);
        field->type = FIELD_NUMBER;
        field->number = (double)i;
    }
    assert_true(field_find(&table, "c")->number == 1);
    assert_null(field_find(&table, "d"));
    assert_null(field_find(NULL, "d"));
    check_printed(&table, "{\"a\":2,\"b\":0,\"c\":1}");
    field_deinit(&table);
}

static void test_sorts_positions_before_names(void **state)
{
    (void)state;
    struct field table = {.type = FIELD_TABLE};
    table.items = mem_alloc(3 * sizeof(*table.items));
    table.count = 3;
    table.items[0].name = mem_dup("a", 1);
    table.items[1].position = 10;
    table.items[2].position = 9;
    field_sort(&table);
    assert_int_equal(table.items[0].position, 9);
    assert_int_equal(table.items[1].position, 10);
    assert_string_equal(table.items[2].name, "a");
    field_deinit(&table);
}

static void test_prints_numbers_that_read_back_the_same(void **state)
{
    (void)state;
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = 0}, "0");
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = 1073741824}, "1073741824");
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = -3}, "-3");
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = 0.1}, "0.1");
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = 1.0 / 3}, "0.3333333333333333");
    check_printed(&(struct field){.type = FIELD_NUMBER, .number = 1e300}, "1e+300");
}

static void test_prints_other_values(void **state)
{
    (void)state;
    char text[] = "a\"b\n";
    check_printed(&(struct field){.type = FIELD_BOOLEAN, .boolean = true}, "true");
    check_printed(&(struct field){.type = FIELD_STRING, .text = text}, "\"a\\\"b\\n\"");
    check_printed(&(struct field){.type = FIELD_SECRET, .secret = 3}, "{\"$secret\":3}");
    check_printed(&(struct field){.type = FIELD_TABLE}, "{}");
    check_printed(&(struct field){.type = FIELD_TABLE, .is_list = true}, "[]");
}

static void add_number(struct field *table, const char *name, double number)
{
    struct field *field = field_add(table, name);
    field->type = FIELD_NUMBER;
    field->number = number;
}

static void test_an_item_taken_out_leaves_the_others(void **state)
{
    (void)state;
    struct field table = {.type = FIELD_TABLE};

    add_number(&table, "a", 1);
    add_number(&table, "b", 2);
    add_number(&table, "c", 3);
    field_remove(&table, 1);
    check_printed(&table, "{\"a\":1,\"c\":3}");
    field_remove(&table, 1);
    field_remove(&table, 0);
    check_printed(&table, "{}");
    field_deinit(&table);
}

static void test_of_two_tables_the_items_of_the_second_stay(void **state)
{
    (void)state;
    struct field table = {.type = FIELD_TABLE}, other = {.type = FIELD_TABLE};

    add_number(&table, "a", 1);
    add_number(&table, "b", 2);
    add_number(&other, "b", 20);
    add_number(&other, "c", 30);
    field_take(&table, &other);
    check_printed(&table, "{\"a\":1,\"b\":20,\"c\":30}");
    assert_int_equal(other.count, 0);
    field_take(&table, &other);
    check_printed(&table, "{\"a\":1,\"b\":20,\"c\":30}");
    field_deinit(&other);
    field_deinit(&table);
}

static void test_describes_what_it_is(void **state)
{
    (void)state;
    char text[] = "a function";
    struct field item = {.position = 1};
    assert_string_equal(field_describe(&(struct field){.type = FIELD_BOOLEAN}), "false");
    assert_string_equal(field_describe(&(struct field){.text = text}), "a function");
    assert_string_equal(field_describe(&(struct field){.type = FIELD_TABLE}), "a table");
    assert_string_equal(
        field_describe(&(struct field){.type = FIELD_TABLE, .items = &item, .count = 1}), "a list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_names_in_order),
        cmocka_unit_test(test_sorts_positions_before_names),
        cmocka_unit_test(test_prints_numbers_that_read_back_the_same),
        cmocka_unit_test(test_prints_other_values),
        cmocka_unit_test(test_an_item_taken_out_leaves_the_others),
        cmocka_unit_test(test_of_two_tables_the_items_of_the_second_stay),
        cmocka_unit_test(test_describes_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
