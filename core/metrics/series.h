// What metrics.c keeps and prometheus.c prints; for these two files.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "metrics/metrics.h"

enum { METRIC_BUCKETS = 18, METRIC_HEADS = 4096 };

struct metric_series {
    struct metric *metric;                        // borrowed
    struct metric_series *next;                   // of the metric
    struct metric_series *next_of_hash;           // in metrics->heads
    struct slice values[METRIC_LABELS];           // borrowed from `text`
    char *text;                                   // owned
    _Atomic uint64_t value;                       // bits of a double; of a histogram: the sum
    _Atomic uint64_t buckets[METRIC_BUCKETS + 1]; // not cumulative
};

struct metric {
    struct metric *next; // in order of declaration
    enum metric_type type;
    const char *name, *help;
    const double *bounds; // METRIC_BUCKETS upper bounds, in seconds; behind them stands +Inf. NULL:
                          // no histogram
    const char *labels[METRIC_LABELS];
    size_t label_count;
    size_t series_count;
    struct metric_series *series; // owned; new ones in front
    char *text;                   // owned; what name, help and labels of a custom metric point into
};

struct metrics {
    pthread_mutex_t lock; // guards the lists; the numbers are atomic
    struct metric *first; // owned
    size_t series_count;
    size_t custom_count, custom_series_count; // those of metrics_declare_custom()
    // Read without the lock, for series are never removed; a new one is whole before it is seen.
    _Atomic(struct metric_series *) heads[METRIC_HEADS];
};

double metric_double(uint64_t bits);

// With the lock held: the metric of that name, or the link to its place at the end.
struct metric **metrics_find(struct metrics *metrics, const char *name);
void metric_set_type(struct metric *metric, enum metric_type type);
