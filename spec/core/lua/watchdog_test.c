#include "lua/watchdog.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIGNALS = 20000 };

struct trial {
    struct watched watched;
    atomic_int orders;        // that arrived
    atomic_int strays;        // meant for another slice, or outside any
    _Atomic uint64_t running; // the sequence of the running slice; 0: none
    atomic_int worst;         // the highest order
    atomic_bool is_over;
    pthread_t impatient;
};

static void on_order(void *owner, enum watchdog_order order)
{
    struct trial *trial = owner;
    uint64_t running = atomic_load(&trial->running);

    atomic_fetch_add(&trial->orders, 1);
    if (!running || running != atomic_load(&trial->watched.target))
        atomic_fetch_add(&trial->strays, 1);
    if ((int)order > atomic_load(&trial->worst))
        atomic_store(&trial->worst, (int)order);
    if (order == WATCHDOG_TELL && !atomic_load(&trial->watched.has_told)) {
        memcpy(trial->watched.told, "x.lua:3", 8);
        atomic_store(&trial->watched.has_told, true);
    }
}

static void open_trial(struct trial *trial, uint32_t cpu_ms)
{
    memset(trial, 0, sizeof(*trial));
    trial->watched.on_order = on_order;
    trial->watched.owner = trial;
    atomic_store(&trial->watched.cpu_ms, cpu_ms);
    watchdog_add(&trial->watched);
}

static struct watched *begin(struct trial *trial)
{
    atomic_store(&trial->running, atomic_load(&trial->watched.sequence) + 1);
    return watchdog_begin(&trial->watched);
}

static void end(struct trial *trial, struct watched *outer)
{
    watchdog_end(&trial->watched, outer);
    atomic_store(&trial->running, 0);
}

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(unsigned us)
{
    struct timespec pause = {.tv_nsec = (long)us * 1000};
    nanosleep(&pause, NULL);
}

static void test_a_slice_that_computes_too_long_gets_an_order(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 20);
    uint64_t start = now_ms(CLOCK_THREAD_CPUTIME_ID);
    struct watched *outer = begin(&trial);
    while (!atomic_load(&trial.orders) && now_ms(CLOCK_THREAD_CPUTIME_ID) < start + 30000)
        continue;
    uint64_t used = now_ms(CLOCK_THREAD_CPUTIME_ID) - start;
    end(&trial, outer);
    watchdog_remove(&trial.watched);
    assert_int_not_equal(atomic_load(&trial.orders), 0);
    assert_in_range(used, 19, 30000);
    assert_int_equal(atomic_load(&trial.strays), 0);
}

static void test_a_slice_that_goes_on_gets_the_stronger_order(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 5);
    uint64_t start = now_ms(CLOCK_THREAD_CPUTIME_ID);
    struct watched *outer = begin(&trial);
    while (atomic_load(&trial.worst) < WATCHDOG_STOP_ALL &&
           now_ms(CLOCK_THREAD_CPUTIME_ID) < start + 30000)
        continue;
    end(&trial, outer);
    watchdog_remove(&trial.watched);
    assert_int_equal(atomic_load(&trial.worst), WATCHDOG_STOP_ALL);
}

static void test_a_thread_that_does_not_run_gets_none(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 20);
    struct watched *outer = begin(&trial);
    for (int i = 0; i < 10; i++)
        rest(10000);
    end(&trial, outer);
    watchdog_remove(&trial.watched);
    assert_int_equal(atomic_load(&trial.orders), 0);
}

static void test_the_slices_of_two_states_on_one_thread_do_not_mix(void **state)
{
    (void)state;
    struct trial first, second;
    open_trial(&first, 1000);
    open_trial(&second, 1000);
    struct watched *outer = begin(&first);
    struct watched *middle = begin(&second);
    assert_null(outer);
    assert_ptr_equal(middle, &first.watched);
    assert_ptr_equal(watchdog_current(), &second.watched);
    end(&second, middle);
    assert_ptr_equal(watchdog_current(), &first.watched);
    end(&first, outer);
    assert_null(watchdog_current());
    watchdog_remove(&first.watched);
    watchdog_remove(&second.watched);
}

// A watchdog that blames every slice it sees, with signals that come when they come.
static void *blame(void *owner)
{
    struct trial *trial = owner;

    while (!atomic_load(&trial->is_over)) {
        uint64_t sequence = atomic_load(&trial->watched.sequence);
        if (!(sequence & 1))
            continue;
        atomic_store(&trial->watched.order, WATCHDOG_STOP);
        atomic_store(&trial->watched.target, sequence);
        pthread_kill(trial->watched.thread, SIGURG);
    }
    return NULL;
}

static void test_no_late_signal_reaches_another_slice(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 1000000);
    pthread_create(&trial.impatient, NULL, blame, &trial);
    uint64_t until = now_ms(CLOCK_MONOTONIC) + 10000;
    volatile unsigned work = 0;
    for (unsigned i = 0; atomic_load(&trial.orders) < SIGNALS; i++) {
        struct watched *outer = begin(&trial);
        for (unsigned j = 0; j < i % 3000; j++)
            work += j;
        end(&trial, outer);
        if (i % 64 == 0 && now_ms(CLOCK_MONOTONIC) > until)
            break;
        if (i % 64 == 0)
            rest(1); // ThreadSanitizer lets signals through here
    }
    (void)work;
    atomic_store(&trial.is_over, true);
    pthread_join(trial.impatient, NULL);
    watchdog_remove(&trial.watched);
    assert_int_equal(atomic_load(&trial.strays), 0);
    assert_int_not_equal(atomic_load(&trial.orders), 0);
}

static void test_a_signal_without_any_slice_is_harmless(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 1000);
    pthread_kill(pthread_self(), SIGURG);
    rest(1000);
    watchdog_remove(&trial.watched);
    pthread_kill(pthread_self(), SIGURG);
    rest(1000);
    assert_int_equal(atomic_load(&trial.orders), 0);
}

static void *slices_of_another_thread(void *owner)
{
    atomic_int *strays = owner;

    for (int i = 0; i < 20; i++) {
        struct trial trial;
        open_trial(&trial, 0);
        for (int j = 0; j < 2000; j++)
            end(&trial, begin(&trial));
        watchdog_remove(&trial.watched);
        atomic_fetch_add(strays, atomic_load(&trial.strays));
    }
    return NULL;
}

static void test_threads_come_and_go(void **state)
{
    (void)state;
    atomic_int strays = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, slices_of_another_thread, &strays);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(strays, 0);
}

static void test_it_sleeps_without_slices_and_wakes_for_one(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, 1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 30000 && !watchdog_is_asleep(); i++)
            rest(1000);
        assert_true(watchdog_is_asleep());
        atomic_store(&trial.orders, 0);
        uint64_t start = now_ms(CLOCK_MONOTONIC);
        struct watched *outer = begin(&trial);
        while (!atomic_load(&trial.orders) && now_ms(CLOCK_MONOTONIC) < start + 30000)
            continue;
        end(&trial, outer);
        assert_int_not_equal(atomic_load(&trial.orders), 0);
    }
    watchdog_remove(&trial.watched);
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_a_slice_that_does_not_come_back_is_logged_with_its_place(void **state)
{
    (void)state;
    char path[] = "/tmp/watchdog_XXXXXX", text[1000];
    struct error err;
    struct trial trial;
    close(mkstemp(path));
    struct log *log = log_new(path, LOG_ERROR, &err);
    open_trial(&trial, 1000000);
    trial.watched.log = log;
    uint64_t start = now_ms(CLOCK_MONOTONIC);
    struct watched *outer = begin(&trial);
    do {
        rest(20000);
        read_file(path, text, sizeof(text));
    } while (!*text && now_ms(CLOCK_MONOTONIC) < start + 30000);
    end(&trial, outer);
    uint64_t took = now_ms(CLOCK_MONOTONIC) - start;
    watchdog_remove(&trial.watched);
    log_free(log);
    unlink(path);
    assert_in_range(took, WATCHDOG_STUCK_MS - 10, 29999);
    assert_non_null(strstr(text, "has not come back for 5 s"));
    assert_non_null(strstr(text, "(x.lua:3)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slice_that_computes_too_long_gets_an_order),
        cmocka_unit_test(test_a_slice_that_goes_on_gets_the_stronger_order),
        cmocka_unit_test(test_it_sleeps_without_slices_and_wakes_for_one),
        cmocka_unit_test(test_a_thread_that_does_not_run_gets_none),
        cmocka_unit_test(test_the_slices_of_two_states_on_one_thread_do_not_mix),
        cmocka_unit_test(test_no_late_signal_reaches_another_slice),
        cmocka_unit_test(test_a_signal_without_any_slice_is_harmless),
        cmocka_unit_test(test_threads_come_and_go),
        cmocka_unit_test(test_a_slice_that_does_not_come_back_is_logged_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
