#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "http/connector.h"
#include "trial.h"

static atomic_int sleeping, woken;
static sem_t alarm_clock;

// Stands in for the C library's: "sleepy.test" takes until the test is over, or a few seconds, so
// that a loop that waits for it fails the test rather than hang.
int getaddrinfo(const char *name, const char *service, const struct addrinfo *req,
                struct addrinfo **pai)
{
    if (!name || strcmp(name, "sleepy.test") != 0) {
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(name, service, req, pai);
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    atomic_fetch_add(&sleeping, 1);
    sem_timedwait(&alarm_clock, &until);
    atomic_fetch_sub(&sleeping, 1);
    atomic_fetch_add(&woken, 1);
    return EAI_NONAME;
}

static const struct peer_step silent[] = {PEER_DO(END)};

// Starts an exchange and returns when its resolver sleeps.
static void start_sleepy(struct record *record, struct trial *trial, uint32_t connect_ms)
{
    struct slice path;
    atomic_store(&woken, 0);
    sem_init(&alarm_clock, 0, 0);
    trial_open(trial, silent, NULL);
    const struct upstream_request request = {
        .origin = upstream_origin(trial->pool, "http://sleepy.test", &path, NULL),
        .method = SLICE("GET"),
        .path = SLICE("/"),
        .connect_ms = connect_ms,
    };
    record_start_request(record, trial, &request);
    while (!atomic_load(&sleeping))
        uv_run(&trial->loop->uv, UV_RUN_NOWAIT);
}

static void end_sleepy(struct record *record, struct trial *trial)
{
    assert_int_equal(atomic_load(&sleeping), 1); // nobody has waited for it
    trial_close(trial);
    assert_int_equal(atomic_load(&sleeping), 1);
    sem_post(&alarm_clock);
    while (!atomic_load(&woken))
        continue;
    sem_destroy(&alarm_clock);
    record_deinit(record);
}

static void test_cancel_does_not_wait_for_a_sleeping_resolver(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    start_sleepy(&record, &trial, 600000);
    upstream_cancel(record.upstream);
    uv_run(&trial.loop->uv, UV_RUN_NOWAIT);
    uv_run(&trial.loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(record.dones, 1);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    end_sleepy(&record, &trial);
}

static void test_name_lookup_counts_into_the_connect_time(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    start_sleepy(&record, &trial, 50);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_TIMEOUT);
    end_sleepy(&record, &trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_does_not_wait_for_a_sleeping_resolver),
        cmocka_unit_test(test_name_lookup_counts_into_the_connect_time),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
