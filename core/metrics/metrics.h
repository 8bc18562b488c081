// Counters, gauges and histograms, shared by all workers, printed for Prometheus.
//
// A metric is declared once with its label names; a series (one set of label values) is made under
// a lock, found without one and updated with atomics. Callers on a hot path keep the series
// pointer.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct metrics;
struct metric;
struct metric_series;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_HISTOGRAM_SHORT };

// Declares a metric. Strings are static. `labels` has at most 4 names, ended by NULL. Histograms of
// seconds use fixed buckets 0.001 .. 600, short ones 0.00005 .. 1. Declaring a name again returns
// the first.
struct metric *metrics_declare(struct metrics *metrics, enum metric_type type, const char *name,
                               const char *help, const char *const *labels);

enum { METRIC_LABELS = 4 };

// What a script declares; everything is copied. `name` gets "tidegate_script_" in front. Labels and
// name are lower-case letters, digits and '_'. NULL with `err` when a name is none, when it is
// declared already with another type or other labels, and past LIMIT_SCRIPT_METRICS.
struct metric_custom {
    enum metric_type type;
    struct slice name, help;
    struct slice labels[METRIC_LABELS];
    size_t label_count;
};
struct metric *metrics_declare_custom(struct metrics *metrics, const struct metric_custom *custom,
                                      struct error *err);

// The series with these label values (as many as declared; copied). Any thread. Past
// LIMIT_METRIC_SERIES (for those of scripts: LIMIT_SCRIPT_SERIES) the metric's series "other" is
// returned. Never NULL; lives as long as `metrics`.
struct metric_series *metrics_series(struct metrics *metrics, struct metric *metric,
                                     const struct slice *values);

void metric_add(struct metric_series *series, double value);     // counter, gauge (may be negative)
void metric_set(struct metric_series *series, double value);     // gauge
void metric_raise(struct metric_series *series, double value);   // gauge, to at least `value`
void metric_observe(struct metric_series *series, double value); // histogram
double metric_value(const struct metric_series *series); // counter, gauge; count of a histogram

// Appends the text exposition format 0.0.4, metrics in order of declaration, series sorted.
void metrics_print(struct metrics *metrics, struct buf *out);
