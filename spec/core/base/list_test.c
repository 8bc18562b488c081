#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct list node;
};

static void check_order(const struct list *head, const int *numbers, size_t count)
{
    const struct list *node = head;
    for (size_t i = 0; i < count; i++) {
        node = node->next;
        assert_int_equal(LIST_ITEM(node, struct item, node)->number, numbers[i]);
        assert_ptr_equal(node->prev->next, node);
    }
    assert_ptr_equal(node->next, head);
    assert_ptr_equal(head->prev, node);
}

static void test_keeps_the_order_of_both_ends(void **state)
{
    (void)state;
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    list_init(&head);
    assert_true(list_is_empty(&head));
    list_add_back(&head, &items[1].node);
    list_add_back(&head, &items[2].node);
    list_add_front(&head, &items[0].node);
    assert_false(list_is_empty(&head));
    check_order(&head, (const int[]){1, 2, 3}, 3);
}

static void test_removes_from_anywhere(void **state)
{
    (void)state;
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    list_init(&head);
    for (size_t i = 0; i < 3; i++)
        list_add_back(&head, &items[i].node);
    list_remove(&items[1].node);
    check_order(&head, (const int[]){1, 3}, 2);
    list_remove(&items[0].node);
    list_remove(&items[2].node);
    assert_true(list_is_empty(&head));
}

static void test_removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list head;
    struct item item = {.number = 1};

    list_init(&head);
    list_add_back(&head, &item.node);
    list_remove(&item.node);
    list_remove(&item.node);
    list_add_back(&head, &item.node);
    check_order(&head, (const int[]){1}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_order_of_both_ends),
        cmocka_unit_test(test_removes_from_anywhere),
        cmocka_unit_test(test_removing_twice_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
