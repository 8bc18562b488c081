#include "loop/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop/loop.h"

struct writer {
    struct outbox_item item;
    char name;
};

// What the writers sent, in order: the name of each, then its bytes.
static char sent[4 * LIMIT_OUTBOX];
static size_t sent_len;

static void on_send(struct outbox_item *item, const char *bytes, size_t len)
{
    sent[sent_len++] = LIST_ITEM(item, struct writer, item)->name;
    memcpy(sent + sent_len, bytes, len);
    sent_len += len;
}

static struct loop *setup(struct writer *a, struct writer *b)
{
    sent_len = 0;
    memset(sent, 0, sizeof(sent));
    a->name = 'A';
    b->name = 'B';
    outbox_item_init(&a->item, on_send);
    outbox_item_init(&b->item, on_send);
    return loop_new();
}

static bool add(struct loop *loop, struct writer *writer, const char *text)
{
    uv_buf_t bufs[2] = {uv_buf_init((char *)text, 1),
                        uv_buf_init((char *)text + 1, (unsigned)strlen(text) - 1)};
    return outbox_add(&loop->outbox, &writer->item, bufs, 2);
}

static bool add_bytes(struct loop *loop, struct writer *writer, size_t len)
{
    static char bytes[LIMIT_OUTBOX];
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    return outbox_add(&loop->outbox, &writer->item, &buf, 1);
}

static void on_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

// One turn of a loop, which needs something to wait for.
static void turn(struct loop *loop)
{
    uv_timer_t timer;
    uv_timer_init(&loop->uv, &timer);
    uv_timer_start(&timer, on_timer, 0, 0);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void test_what_is_kept_goes_at_the_end_of_the_turn_in_the_order_of_writers(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    assert_true(add(loop, &a, "one"));
    assert_true(add(loop, &b, "two"));
    assert_string_equal(sent, "");
    assert_int_equal(outbox_kept(&a.item), 3);
    turn(loop);
    assert_string_equal(sent, "AoneBtwo");
    assert_int_equal(outbox_kept(&a.item), 0);
    turn(loop);
    assert_string_equal(sent, "AoneBtwo");
    assert_int_equal(loop_free(loop), 0);
}

static void test_writes_of_one_writer_become_one(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    add(loop, &a, "one,");
    add(loop, &a, "two");
    turn(loop);
    assert_string_equal(sent, "Aone,two");
    assert_int_equal(loop_free(loop), 0);
}

static void test_one_writers_bytes_stay_in_order_when_another_wrote_between(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    add(loop, &a, "1st");
    add(loop, &b, "xyz");
    add(loop, &a, "2nd");
    turn(loop);
    assert_string_equal(sent, "A1stBxyzA2nd");
    assert_int_equal(loop_free(loop), 0);
}

static void test_a_large_write_is_not_kept_and_sends_what_was(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    assert_true(add_bytes(loop, &b, LIMIT_OUTBOX_WRITE));
    add(loop, &a, "before");
    assert_false(add_bytes(loop, &a, LIMIT_OUTBOX_WRITE + 1));
    assert_string_equal(sent, "Abefore");
    assert_int_equal(outbox_kept(&a.item), 0);
    assert_int_equal(outbox_kept(&b.item), LIMIT_OUTBOX_WRITE);
    turn(loop);
    assert_int_equal(loop_free(loop), 0);
}

static void test_a_full_outbox_is_sent_at_once(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    for (size_t kept = 0; kept < LIMIT_OUTBOX; kept += LIMIT_OUTBOX_WRITE)
        assert_true(add_bytes(loop, &a, LIMIT_OUTBOX_WRITE));
    assert_int_equal(sent_len, 0);
    assert_true(add(loop, &b, "late"));
    assert_int_equal(sent_len, 1 + LIMIT_OUTBOX);
    turn(loop);
    assert_string_equal(sent + 1 + LIMIT_OUTBOX, "Blate");
    assert_int_equal(loop_free(loop), 0);
}

static void test_one_can_be_sent_early_or_dropped(void **state)
{
    (void)state;
    struct writer a, b;
    struct loop *loop = setup(&a, &b);
    add(loop, &a, "dropped");
    add(loop, &b, "early");
    outbox_send(&loop->outbox, &b.item);
    outbox_drop(&a.item);
    assert_string_equal(sent, "Bearly");
    outbox_send(&loop->outbox, &b.item);
    turn(loop);
    assert_string_equal(sent, "Bearly");
    assert_int_equal(loop_free(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept_goes_at_the_end_of_the_turn_in_the_order_of_writers),
        cmocka_unit_test(test_writes_of_one_writer_become_one),
        cmocka_unit_test(test_one_writers_bytes_stay_in_order_when_another_wrote_between),
        cmocka_unit_test(test_a_large_write_is_not_kept_and_sends_what_was),
        cmocka_unit_test(test_a_full_outbox_is_sent_at_once),
        cmocka_unit_test(test_one_can_be_sent_early_or_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
