#include "loop/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LETTERS = 1000, SENDERS = 4 };

struct post {
    struct loop *loop;
    struct mailbox mailbox;
    pthread_t home;
    int opened, next;
    bool is_in_order, is_at_home;
};

struct numbered {
    struct letter letter;
    struct post *post;
    int number;
};

static int set_up(void **state)
{
    static struct post post;
    post = (struct post){.loop = loop_new(), .home = pthread_self()};
    post.is_in_order = post.is_at_home = true;
    mailbox_open(&post.mailbox, post.loop);
    *state = &post;
    return 0;
}

static int tear_down(void **state)
{
    struct post *post = *state;
    uv_run(&post->loop->uv, UV_RUN_NOWAIT);
    mailbox_deinit(&post->mailbox);
    return loop_free(post->loop);
}

static void open_numbered(void *owner)
{
    struct numbered *numbered = owner;
    struct post *post = numbered->post;

    post->opened++;
    post->is_in_order = post->is_in_order && numbered->number == post->next++;
    post->is_at_home = post->is_at_home && pthread_equal(pthread_self(), post->home);
}

static struct numbered number(struct post *post, int i)
{
    struct numbered numbered = {.post = post, .number = i};
    numbered.letter.open = open_numbered;
    return numbered;
}

static void *send_many(void *argument)
{
    struct numbered *letters = argument;
    for (int i = 0; i < LETTERS; i++) {
        letters[i].letter.owner = &letters[i];
        mailbox_send(&letters[i].post->mailbox, &letters[i].letter);
    }
    return NULL;
}

static void test_letters_of_several_threads_are_opened_at_home(void **state)
{
    struct post *post = *state;
    static struct numbered letters[SENDERS][LETTERS];
    pthread_t threads[SENDERS];

    for (int sender = 0; sender < SENDERS; sender++) {
        for (int i = 0; i < LETTERS; i++)
            letters[sender][i] = number(post, i);
        assert_int_equal(pthread_create(&threads[sender], NULL, send_many, letters[sender]), 0);
    }
    while (post->opened < SENDERS * LETTERS)
        uv_run(&post->loop->uv, UV_RUN_ONCE);
    for (int sender = 0; sender < SENDERS; sender++)
        pthread_join(threads[sender], NULL);
    assert_int_equal(post->opened, SENDERS * LETTERS);
    assert_true(post->is_at_home);
    mailbox_close(&post->mailbox);
}

static void test_letters_are_opened_in_their_order(void **state)
{
    struct post *post = *state;
    static struct numbered letters[LETTERS];

    for (int i = 0; i < LETTERS; i++)
        letters[i] = number(post, i);
    send_many(letters);
    assert_int_equal(post->opened, 0);
    uv_run(&post->loop->uv, UV_RUN_ONCE);
    assert_int_equal(post->opened, LETTERS);
    assert_true(post->is_in_order);
    mailbox_close(&post->mailbox);
}

static void send_again(void *owner)
{
    struct numbered *numbered = owner;
    if (++numbered->post->opened < 3)
        assert_true(mailbox_send(&numbered->post->mailbox, &numbered->letter));
}

static void test_a_letter_can_be_sent_again_as_it_is_opened(void **state)
{
    struct post *post = *state;
    struct numbered letter = number(post, 0);

    letter.letter = (struct letter){.open = send_again, .owner = &letter};
    assert_true(mailbox_send(&post->mailbox, &letter.letter));
    while (post->opened < 3)
        uv_run(&post->loop->uv, UV_RUN_ONCE);
    mailbox_close(&post->mailbox);
}

static void test_a_closing_mailbox_opens_what_it_has_and_takes_no_more(void **state)
{
    struct post *post = *state;
    struct numbered letters[] = {number(post, 0), number(post, 1)};

    letters[0].letter.owner = &letters[0];
    letters[1].letter.owner = &letters[1];
    assert_true(mailbox_send(&post->mailbox, &letters[0].letter));
    mailbox_close(&post->mailbox);
    assert_int_equal(post->opened, 1);
    assert_false(mailbox_send(&post->mailbox, &letters[1].letter));
    assert_int_equal(post->opened, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(letters_of_several_threads_are_opened_at_home),
        TEST(letters_are_opened_in_their_order),
        TEST(a_letter_can_be_sent_again_as_it_is_opened),
        TEST(a_closing_mailbox_opens_what_it_has_and_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
