// The text exposition format 0.0.4.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "metrics/series.h"

static void add_number(struct buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        buf_add_text(out, "NaN");
    } else if (isinf(value)) {
        buf_add_text(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        // The shortest of these that reads back the same.
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof(text), "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
        buf_add_text(out, text);
    }
}

static void add_help(struct buf *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\\')
            buf_add_text(out, "\\\\");
        else if (*help == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add(out, help, 1);
    }
}

// A label value is UTF-8: a scraper refuses the whole page for one bad byte.
static void add_label_value(struct buf *out, struct slice value)
{
    for (size_t at = 0; at < value.len;) {
        const char *text = value.data + at;
        size_t len = utf8_length(text, value.len - at);
        if (len == 0)
            buf_add_text(out, "\xEF\xBF\xBD");
        else if (*text == '\\' || *text == '"')
            buf_addf(out, "\\%c", *text);
        else if (*text == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add(out, text, len);
        at += len ? len : 1;
    }
}

// {model="gpt-4o",le="0.1"}; nothing when there are no labels. `bound` may be NULL.
static void add_labels(struct buf *out, const struct metric_series *series, const char *bound)
{
    const struct metric *metric = series->metric;

    if (!metric->label_count && !bound)
        return;
    for (size_t i = 0; i < metric->label_count; i++) {
        buf_addf(out, "%c%s=\"", i ? ',' : '{', metric->labels[i]);
        add_label_value(out, series->values[i]);
        buf_add_text(out, "\"");
    }
    if (bound)
        buf_addf(out, "%cle=\"%s\"", metric->label_count ? ',' : '{', bound);
    buf_add_text(out, "}");
}

static void add_sample(struct buf *out, const struct metric_series *series, const char *suffix,
                       double value)
{
    buf_addf(out, "%s%s", series->metric->name, suffix);
    add_labels(out, series, NULL);
    buf_add_text(out, " ");
    add_number(out, value);
    buf_add_text(out, "\n");
}

static void print_histogram(struct buf *out, const struct metric_series *series)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        char bound[40] = "+Inf";
        if (i < METRIC_BUCKETS)
            snprintf(bound, sizeof(bound), "%g", series->metric->bounds[i]);
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        buf_addf(out, "%s_bucket", series->metric->name);
        add_labels(out, series, bound);
        buf_addf(out, " %llu\n", (unsigned long long)count);
    }
    uint64_t sum = atomic_load_explicit(&series->value, memory_order_relaxed);
    add_sample(out, series, "_sum", metric_double(sum));
    add_sample(out, series, "_count", (double)count);
}

static int compare_series(const void *a, const void *b)
{
    const struct metric_series *left = *(const struct metric_series *const *)a;
    const struct metric_series *right = *(const struct metric_series *const *)b;

    for (size_t i = 0; i < left->metric->label_count; i++) {
        struct slice x = left->values[i], y = right->values[i];
        int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
        if (order == 0)
            order = (x.len > y.len) - (x.len < y.len);
        if (order)
            return order;
    }
    return 0;
}

// The series there are now, sorted; owned by the caller. Series are never removed or changed, so
// they are printed without the lock.
static const struct metric_series **snapshot(struct metrics *metrics, const struct metric *metric,
                                             size_t *count)
{
    pthread_mutex_lock(&metrics->lock);
    const struct metric_series **all =
        mem_alloc((metric->series_count + 1) * sizeof(struct metric_series *));
    *count = 0;
    for (const struct metric_series *series = metric->series; series; series = series->next)
        all[(*count)++] = series;
    pthread_mutex_unlock(&metrics->lock);
    qsort(all, *count, sizeof(struct metric_series *), compare_series);
    return all;
}

static void print_metric(struct metrics *metrics, const struct metric *metric, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
    size_t count = 0;
    const struct metric_series **all = snapshot(metrics, metric, &count);

    buf_addf(out, "# HELP %s ", metric->name);
    add_help(out, metric->help);
    buf_addf(out, "\n# TYPE %s %s\n", metric->name, types[metric->type]);
    for (size_t i = 0; i < count; i++) {
        if (metric->bounds)
            print_histogram(out, all[i]);
        else
            add_sample(out, all[i], "", metric_value(all[i]));
    }
    free(all);
}

void metrics_print(struct metrics *metrics, struct buf *out)
{
    pthread_mutex_lock(&metrics->lock);
    const struct metric *metric = metrics->first;
    pthread_mutex_unlock(&metrics->lock);
    while (metric) {
        print_metric(metrics, metric, out);
        pthread_mutex_lock(&metrics->lock);
        metric = metric->next;
        pthread_mutex_unlock(&metrics->lock);
    }
}
