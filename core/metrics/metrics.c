#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "metrics/series.h"

static const double bounds[METRIC_BUCKETS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
static const double short_bounds[METRIC_BUCKETS] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0015,
                                                    0.002,   0.0025, 0.003,   0.004,  0.005, 0.0075,
                                                    0.01,    0.025,  0.05,    0.1,    0.25,  1};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = mem_alloc(sizeof(*metrics));
    pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    while (metrics->first) {
        struct metric *metric = metrics->first;
        metrics->first = metric->next;
        while (metric->series) {
            struct metric_series *series = metric->series;
            metric->series = series->next;
            free(series->text);
            free(series);
        }
        free(metric->text);
        free(metric);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

struct metric **metrics_find(struct metrics *metrics, const char *name)
{
    struct metric **link = &metrics->first;
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

void metric_set_type(struct metric *metric, enum metric_type type)
{
    metric->type = type;
    metric->bounds = type == METRIC_HISTOGRAM         ? bounds
                     : type == METRIC_HISTOGRAM_SHORT ? short_bounds
                                                      : NULL;
}

struct metric *metrics_declare(struct metrics *metrics, enum metric_type type, const char *name,
                               const char *help, const char *const *labels)
{
    pthread_mutex_lock(&metrics->lock);
    struct metric **link = metrics_find(metrics, name);
    if (!*link) {
        struct metric *metric = mem_alloc(sizeof(*metric));
        metric_set_type(metric, type);
        metric->name = name;
        metric->help = help;
        while (labels && metric->label_count < METRIC_LABELS && labels[metric->label_count]) {
            metric->labels[metric->label_count] = labels[metric->label_count];
            metric->label_count++;
        }
        *link = metric;
    }
    struct metric *declared = *link;
    pthread_mutex_unlock(&metrics->lock);
    return declared;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

// Over the metric and its values, their lengths included, eight bytes at a time.
static size_t hash_series(const struct metric *metric, const struct slice *values)
{
    uint64_t hash = (uintptr_t)metric;
    for (size_t i = 0; i < metric->label_count; i++) {
        const char *bytes = values[i].data;
        size_t left = values[i].len;
        hash = mix(hash, left);
        for (; left > sizeof(uint64_t); left -= sizeof(uint64_t), bytes += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, bytes, sizeof(word));
            hash = mix(hash, word);
        }
        uint64_t rest = 0;
        for (size_t at = 0; at < left; at++)
            rest = rest << 8 | (unsigned char)bytes[at];
        hash = mix(hash, rest);
    }
    return hash % METRIC_HEADS;
}

static struct metric_series *find_series(struct metrics *metrics, size_t head,
                                         const struct metric *metric, const struct slice *values)
{
    struct metric_series *series =
        atomic_load_explicit(&metrics->heads[head], memory_order_acquire);
    for (; series; series = series->next_of_hash) {
        size_t same = 0;
        if (series->metric != metric)
            continue;
        while (same < metric->label_count && slice_equal(series->values[same], values[same]))
            same++;
        if (same == metric->label_count)
            return series;
    }
    return NULL;
}

static struct metric_series *new_series(struct metric *metric, const struct slice *values)
{
    struct metric_series *series = mem_alloc(sizeof(*series));
    size_t len = 0, at = 0;

    series->metric = metric;
    for (size_t i = 0; i < metric->label_count; i++)
        len += values[i].len;
    series->text = mem_alloc(len + 1);
    for (size_t i = 0; i < metric->label_count; i++) {
        if (values[i].len)
            memcpy(series->text + at, values[i].data, values[i].len);
        series->values[i] = (struct slice){series->text + at, values[i].len};
        at += values[i].len;
    }
    return series;
}

static struct metric_series *add_series(struct metrics *metrics, struct metric *metric,
                                        const struct slice *values, size_t head)
{
    struct metric_series *series = new_series(metric, values);
    series->next = metric->series;
    metric->series = series;
    series->next_of_hash = atomic_load_explicit(&metrics->heads[head], memory_order_relaxed);
    atomic_store_explicit(&metrics->heads[head], series, memory_order_release);
    metric->series_count++;
    metrics->series_count++;
    if (metric->text)
        metrics->custom_series_count++;
    return series;
}

// Scripts have a share of their own, so that they cannot take the gateway's.
static bool is_full(const struct metrics *metrics, const struct metric *metric)
{
    return metrics->series_count >= LIMIT_METRIC_SERIES ||
           (metric->text && metrics->custom_series_count >= LIMIT_SCRIPT_SERIES);
}

struct metric_series *metrics_series(struct metrics *metrics, struct metric *metric,
                                     const struct slice *values)
{
    static const struct slice others[METRIC_LABELS] = {
        {"other", 5}, {"other", 5}, {"other", 5}, {"other", 5}};
    size_t head = hash_series(metric, values);
    struct metric_series *series = find_series(metrics, head, metric, values);
    if (series)
        return series;

    pthread_mutex_lock(&metrics->lock);
    series = find_series(metrics, head, metric, values); // another thread may have added it
    if (!series && is_full(metrics, metric)) {
        values = others;
        head = hash_series(metric, values);
        series = find_series(metrics, head, metric, values);
    }
    if (!series)
        series = add_series(metrics, metric, values, head);
    pthread_mutex_unlock(&metrics->lock);
    return series;
}

double metric_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

void metric_add(struct metric_series *series, double value)
{
    uint64_t seen = atomic_load_explicit(&series->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&series->value, &seen,
                                                  bits_of(metric_double(seen) + value),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void metric_set(struct metric_series *series, double value)
{
    atomic_store_explicit(&series->value, bits_of(value), memory_order_relaxed);
}

void metric_raise(struct metric_series *series, double value)
{
    uint64_t seen = atomic_load_explicit(&series->value, memory_order_relaxed);
    while (metric_double(seen) < value &&
           !atomic_compare_exchange_weak_explicit(&series->value, &seen, bits_of(value),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void metric_observe(struct metric_series *series, double value)
{
    const double *upper = series->metric->bounds;
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && !(value <= upper[bucket]))
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    metric_add(series, value);
}

double metric_value(const struct metric_series *series)
{
    if (!series->metric->bounds)
        return metric_double(atomic_load_explicit(&series->value, memory_order_relaxed));
    uint64_t count = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    return (double)count;
}
