#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

static const char *const one_label[] = {"model", NULL};
static const char *const two_labels[] = {"model", "outcome", NULL};

static int make_metrics(void **state)
{
    *state = metrics_new();
    return 0;
}

static int free_metrics(void **state)
{
    metrics_free(*state);
    return 0;
}

// The page, freed by the caller.
static char *print(struct metrics *metrics)
{
    struct buf out;
    buf_init(&out, 64 << 20);
    metrics_print(metrics, &out);
    buf_add_text(&out, "");
    return buf_take(&out, NULL);
}

static void check_page(struct metrics *metrics, const char *expected)
{
    char *page = print(metrics);
    assert_string_equal(page, expected);
    free(page);
}

static void test_prints_counters_and_gauges(void **state)
{
    struct metric *requests =
        metrics_declare(*state, METRIC_COUNTER, "requests_total", "Requests served.", two_labels);
    struct metric *open = metrics_declare(*state, METRIC_GAUGE, "open", "Now open.", NULL);

    metric_add(metrics_series(*state, requests, (struct slice[]){SLICE("b"), SLICE("ok")}), 1);
    metric_add(metrics_series(*state, requests, (struct slice[]){SLICE("a"), SLICE("ok")}), 2);
    metric_add(metrics_series(*state, requests, (struct slice[]){SLICE("a"), SLICE("limited")}), 3);
    metric_set(metrics_series(*state, open, NULL), 7);
    metric_add(metrics_series(*state, open, NULL), -2.5);
    check_page(*state, "# HELP requests_total Requests served.\n"
                       "# TYPE requests_total counter\n"
                       "requests_total{model=\"a\",outcome=\"limited\"} 3\n"
                       "requests_total{model=\"a\",outcome=\"ok\"} 2\n"
                       "requests_total{model=\"b\",outcome=\"ok\"} 1\n"
                       "# HELP open Now open.\n"
                       "# TYPE open gauge\n"
                       "open 4.5\n");
}

static void test_prints_histograms_cumulatively(void **state)
{
    struct metric *metric =
        metrics_declare(*state, METRIC_HISTOGRAM, "seconds", "Time.", one_label);
    struct metric_series *series = metrics_series(*state, metric, &SLICE("m"));

    metric_observe(series, 0.001); // on a bound: below it
    metric_observe(series, 0.3);
    metric_observe(series, 0.5);
    metric_observe(series, 1000);
    assert_true(metric_value(series) == 4);
    check_page(*state, "# HELP seconds Time.\n"
                       "# TYPE seconds histogram\n"
                       "seconds_bucket{model=\"m\",le=\"0.001\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.0025\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.005\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.01\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.025\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.05\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.1\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.25\"} 1\n"
                       "seconds_bucket{model=\"m\",le=\"0.5\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"1\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"2.5\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"5\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"10\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"30\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"60\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"120\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"300\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"600\"} 3\n"
                       "seconds_bucket{model=\"m\",le=\"+Inf\"} 4\n"
                       "seconds_sum{model=\"m\"} 1000.801\n"
                       "seconds_count{model=\"m\"} 4\n");
}

static void test_a_histogram_without_labels_has_only_its_bounds(void **state)
{
    struct metric *metric = metrics_declare(*state, METRIC_HISTOGRAM, "s", "S.", NULL);
    metric_observe(metrics_series(*state, metric, NULL), 2);
    char *page = print(*state);
    assert_non_null(strstr(page, "\ns_bucket{le=\"2.5\"} 1\n"));
    assert_non_null(strstr(page, "\ns_sum 2\ns_count 1\n"));
    free(page);
}

static void test_a_short_histogram_ends_at_a_second_and_is_fine_around_milliseconds(void **state)
{
    struct metric *metric = metrics_declare(*state, METRIC_HISTOGRAM_SHORT, "s", "S.", NULL);
    struct metric_series *series = metrics_series(*state, metric, NULL);
    metric_observe(series, 0.0035);
    metric_observe(series, 0.5);
    metric_observe(series, 2);
    assert_true(metric_value(series) == 3);
    char *page = print(*state);
    assert_non_null(strstr(page, "\n# TYPE s histogram\ns_bucket{le=\"5e-05\"} 0\n"));
    assert_non_null(strstr(page, "\ns_bucket{le=\"0.003\"} 0\ns_bucket{le=\"0.004\"} 1\n"));
    assert_non_null(strstr(page, "\ns_bucket{le=\"1\"} 2\ns_bucket{le=\"+Inf\"} 3\n"));
    free(page);
}

static void test_raising_a_gauge_never_lowers_it(void **state)
{
    struct metric_series *most =
        metrics_series(*state, metrics_declare(*state, METRIC_GAUGE, "most", "M.", NULL), NULL);
    metric_raise(most, 0.25);
    metric_raise(most, 0.125);
    assert_true(metric_value(most) == 0.25);
    metric_raise(most, 3);
    assert_true(metric_value(most) == 3);
}

static void test_escapes_labels_and_help(void **state)
{
    struct metric *metric =
        metrics_declare(*state, METRIC_COUNTER, "x", "a\\b\nc \"d\"", one_label);
    metric_add(metrics_series(*state, metric, &SLICE("a\"b\\c\nd\xFF\xC3\xA9")), 1);
    check_page(*state, "# HELP x a\\\\b\\nc \"d\"\n"
                       "# TYPE x counter\n"
                       "x{model=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\xC3\xA9\"} 1\n");
}

static void check_number(struct metrics *metrics, double number, const char *expected)
{
    char text[64];
    struct metric *metric = metrics_declare(metrics, METRIC_GAUGE, "g", "G.", NULL);
    metric_set(metrics_series(metrics, metric, NULL), number);
    snprintf(text, sizeof(text), "# HELP g G.\n# TYPE g gauge\ng %s\n", expected);
    check_page(metrics, text);
}

static void test_prints_numbers_that_read_back_the_same(void **state)
{
    check_number(*state, 0, "0");
    check_number(*state, 123456789012.0, "123456789012");
    check_number(*state, 0.1, "0.1");
    check_number(*state, 1.0 / 3, "0.3333333333333333");
    check_number(*state, 1e300, "1e+300");
    check_number(*state, NAN, "NaN");
    check_number(*state, -INFINITY, "-Inf");
}

static void test_declaring_again_gives_the_first(void **state)
{
    struct metric *first = metrics_declare(*state, METRIC_COUNTER, "x", "First.", one_label);
    assert_ptr_equal(metrics_declare(*state, METRIC_GAUGE, "x", "Second.", NULL), first);
    assert_ptr_not_equal(metrics_declare(*state, METRIC_GAUGE, "y", "Y.", NULL), first);
}

static void test_the_same_labels_are_the_same_series(void **state)
{
    struct metric *metric = metrics_declare(*state, METRIC_COUNTER, "x", "X.", two_labels);
    struct metric *other = metrics_declare(*state, METRIC_COUNTER, "y", "Y.", two_labels);
    char text[] = "abc"; // copied
    const struct slice values[] = {{text, 3}, {NULL, 0}};
    const struct slice shifted[] = {SLICE("ab"), SLICE("c")};
    struct metric_series *series = metrics_series(*state, metric, values);

    text[0] = 'x';
    assert_ptr_equal(metrics_series(*state, metric, (struct slice[]){SLICE("abc"), SLICE("")}),
                     series);
    assert_ptr_not_equal(metrics_series(*state, metric, values), series);
    assert_ptr_not_equal(metrics_series(*state, metric, shifted), series);
    assert_ptr_not_equal(metrics_series(*state, other, (struct slice[]){SLICE("abc"), SLICE("")}),
                         series);
}

static void test_past_the_limit_all_is_other(void **state)
{
    struct metric *metric = metrics_declare(*state, METRIC_COUNTER, "x", "X.", one_label);
    struct metric *late = metrics_declare(*state, METRIC_COUNTER, "y", "Y.", one_label);
    char name[16];

    for (int i = 0; i < LIMIT_METRIC_SERIES + 10; i++) {
        int len = snprintf(name, sizeof(name), "m%d", i);
        metric_add(metrics_series(*state, metric, &(struct slice){name, (size_t)len}), 1);
    }
    metric_add(metrics_series(*state, late, &SLICE("z")), 5);
    struct metric_series *other = metrics_series(*state, metric, &SLICE("other"));
    assert_true(metric_value(other) == 10);
    assert_ptr_equal(metrics_series(*state, metric, &SLICE("unseen")), other);
    assert_true(metric_value(metrics_series(*state, metric, &SLICE("m7"))) == 1);
    char *page = print(*state);
    assert_non_null(strstr(page, "\ny{model=\"other\"} 5\n"));
    assert_non_null(strstr(page, "\nx{model=\"other\"} 10\n"));
    free(page);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *work(void *argument)
{
    struct metrics *metrics = argument;
    struct buf page;

    buf_init(&page, 1 << 20);
    for (int i = 0; i < ROUNDS; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "m%d", i % 10);
        const struct slice label = {name, (size_t)len};
        struct metric *counter = metrics_declare(metrics, METRIC_COUNTER, "count", "C.", one_label);
        struct metric *histogram =
            metrics_declare(metrics, METRIC_HISTOGRAM, "time", "T.", one_label);
        metric_add(metrics_series(metrics, counter, &label), 0.5);
        metric_observe(metrics_series(metrics, histogram, &label), 0.25);
        if (i % 500 == 0) {
            buf_clear(&page);
            metrics_print(metrics, &page);
        }
    }
    buf_deinit(&page);
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    pthread_t threads[THREADS];
    double total = 0, observed = 0;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, *state), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 10; i++) {
        char name[] = {'m', (char)('0' + i)};
        const struct slice label = {name, 2};
        total += metric_value(metrics_series(
            *state, metrics_declare(*state, METRIC_COUNTER, "count", "C.", one_label), &label));
        observed += metric_value(metrics_series(
            *state, metrics_declare(*state, METRIC_HISTOGRAM, "time", "T.", one_label), &label));
    }
    assert_true(total == THREADS * ROUNDS * 0.5);
    assert_true(observed == THREADS * ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_metrics, free_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prints_counters_and_gauges),
        TEST(prints_histograms_cumulatively),
        TEST(a_histogram_without_labels_has_only_its_bounds),
        TEST(a_short_histogram_ends_at_a_second_and_is_fine_around_milliseconds),
        TEST(raising_a_gauge_never_lowers_it),
        TEST(escapes_labels_and_help),
        TEST(prints_numbers_that_read_back_the_same),
        TEST(declaring_again_gives_the_first),
        TEST(the_same_labels_are_the_same_series),
        TEST(past_the_limit_all_is_other),
        TEST(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
