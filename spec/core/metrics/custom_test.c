#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "metrics/metrics.h"

static struct metrics *metrics;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    metrics = metrics_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_free(metrics);
    return 0;
}

static struct metric *declare(enum metric_type type, const char *name, const char *label)
{
    struct metric_custom custom = {.type = type, .name = slice_of(name), .help = SLICE("Help.")};
    if (label)
        custom.labels[custom.label_count++] = slice_of(label);
    return metrics_declare_custom(metrics, &custom, &err);
}

static struct metric_series *series(struct metric *metric, const char *value)
{
    struct slice values[] = {slice_of(value)};
    return metrics_series(metrics, metric, values);
}

static void test_a_name_is_copied_and_gets_its_prefix(void **state)
{
    (void)state;
    char name[] = "hits", label[] = "kind";
    struct buf out;

    metric_add(series(declare(METRIC_COUNTER, name, label), "a"), 2);
    name[0] = label[0] = 'x';
    buf_init(&out, 1 << 16);
    metrics_print(metrics, &out);
    assert_string_equal(out.data, "# HELP tidegate_script_hits Help.\n"
                                  "# TYPE tidegate_script_hits counter\n"
                                  "tidegate_script_hits{kind=\"a\"} 2\n");
    buf_deinit(&out);
}

static void test_declaring_again_gives_the_same_metric(void **state)
{
    (void)state;
    struct metric *metric = declare(METRIC_GAUGE, "g", "kind");
    assert_non_null(metric);
    assert_ptr_equal(declare(METRIC_GAUGE, "g", "kind"), metric);
}

static void test_a_metric_keeps_its_type_and_labels(void **state)
{
    (void)state;
    assert_non_null(declare(METRIC_GAUGE, "g", "kind"));
    assert_null(declare(METRIC_COUNTER, "g", "kind"));
    assert_int_equal(err.kind, ERROR_BAD_REQUEST);
    assert_null(declare(METRIC_GAUGE, "g", "other"));
    assert_null(declare(METRIC_GAUGE, "g", NULL));
}

static void test_names_that_prometheus_would_refuse_are_refused(void **state)
{
    (void)state;
    char endless[200];
    memset(endless, 'x', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    static const char *const names[] = {"", "Hits", "1st", "a-b", "a b", "a\"", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_null(declare(METRIC_COUNTER, names[i], NULL));
        assert_null(declare(METRIC_COUNTER, "fine", names[i]));
    }
    assert_null(declare(METRIC_COUNTER, endless, NULL));
    assert_null(declare(METRIC_HISTOGRAM, "fine", "le"));
    assert_non_null(declare(METRIC_HISTOGRAM, "fine_1", "_label_2"));
}

static void test_scripts_have_so_many_metrics_and_no_more(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i <= LIMIT_SCRIPT_METRICS; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        assert_int_equal(declare(METRIC_COUNTER, name, NULL) != NULL, i < LIMIT_SCRIPT_METRICS);
    }
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    assert_non_null(declare(METRIC_COUNTER, "m0", NULL));
}

static void test_scripts_cannot_take_the_gateways_own_series(void **state)
{
    (void)state;
    static const char *const labels[] = {"model", NULL};
    struct metric *own = metrics_declare(metrics, METRIC_COUNTER, "own", "Help.", labels);
    struct metric *first = declare(METRIC_COUNTER, "first", "kind");
    struct metric *second = declare(METRIC_COUNTER, "second", "kind");
    char value[16];

    for (int i = 0; i < LIMIT_SCRIPT_SERIES; i++) {
        snprintf(value, sizeof(value), "v%d", i);
        assert_ptr_equal(series(first, value), series(first, value));
    }
    assert_ptr_equal(series(first, "one more"), series(first, "and another"));
    assert_ptr_equal(series(second, "one"), series(second, "two"));
    assert_ptr_not_equal(series(second, "one"), series(first, "one more"));
    assert_ptr_not_equal(series(own, "one"), series(own, "two"));
    assert_ptr_not_equal(series(first, "v0"), series(first, "v1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_name_is_copied_and_gets_its_prefix),
        TEST(test_declaring_again_gives_the_same_metric),
        TEST(test_a_metric_keeps_its_type_and_labels),
        TEST(test_names_that_prometheus_would_refuse_are_refused),
        TEST(test_scripts_have_so_many_metrics_and_no_more),
        TEST(test_scripts_cannot_take_the_gateways_own_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
