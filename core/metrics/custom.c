// Metrics that scripts declare.
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "metrics/series.h"

#define PREFIX "tidegate_script_"

enum { NAME_MAX_LEN = 100, HELP_MAX_LEN = 500 };

static bool is_name(struct slice name)
{
    if (!name.len || name.len > NAME_MAX_LEN || (*name.data >= '0' && *name.data <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

static int check(const struct metric_custom *custom, struct error *err)
{
    if (!is_name(custom->name))
        return error_set(err, ERROR_BAD_REQUEST,
                         "a metric's name is 1 to %d lower-case letters, digits and '_'",
                         NAME_MAX_LEN);
    if (custom->help.len > HELP_MAX_LEN)
        return error_set(err, ERROR_BAD_REQUEST, "a metric's help has at most %d bytes",
                         HELP_MAX_LEN);
    for (size_t i = 0; i < custom->label_count; i++) {
        if (!is_name(custom->labels[i]) || slice_equal(custom->labels[i], SLICE("le")))
            return error_set(err, ERROR_BAD_REQUEST,
                             "a metric's label is lower-case letters, digits and '_', not 'le'");
    }
    return 0;
}

static const char *put(char **at, const char *prefix, struct slice text)
{
    char *start = *at;
    size_t prefix_len = strlen(prefix);

    memcpy(start, prefix, prefix_len);
    if (text.len)
        memcpy(start + prefix_len, text.data, text.len);
    start[prefix_len + text.len] = '\0';
    *at += prefix_len + text.len + 1;
    return start;
}

// All its texts are one allocation.
static struct metric *new_metric(const struct metric_custom *custom)
{
    struct metric *metric = mem_alloc(sizeof(*metric));
    size_t size = sizeof(PREFIX) + custom->name.len + custom->help.len + 1;

    for (size_t i = 0; i < custom->label_count; i++)
        size += custom->labels[i].len + 1;
    metric_set_type(metric, custom->type);
    char *at = metric->text = mem_alloc(size);
    metric->name = put(&at, PREFIX, custom->name);
    metric->help = put(&at, "", custom->help);
    for (size_t i = 0; i < custom->label_count; i++)
        metric->labels[i] = put(&at, "", custom->labels[i]);
    metric->label_count = custom->label_count;
    return metric;
}

static bool is_same(const struct metric *metric, const struct metric_custom *custom)
{
    bool is_same = metric->type == custom->type && metric->label_count == custom->label_count;
    for (size_t i = 0; is_same && i < custom->label_count; i++)
        is_same = slice_equal(slice_of(metric->labels[i]), custom->labels[i]);
    return is_same;
}

static void free_metric(struct metric *metric)
{
    free(metric->text);
    free(metric);
}

struct metric *metrics_declare_custom(struct metrics *metrics, const struct metric_custom *custom,
                                      struct error *err)
{
    if (check(custom, err) != 0)
        return NULL;
    struct metric *metric = new_metric(custom), *declared = NULL;
    pthread_mutex_lock(&metrics->lock);
    struct metric **link = metrics_find(metrics, metric->name);
    if (*link && is_same(*link, custom)) {
        declared = *link;
    } else if (*link) {
        error_set(err, ERROR_BAD_REQUEST,
                  "the metric %s is declared already with another type or other labels; a change "
                  "needs another name, or a restart",
                  metric->name);
    } else if (metrics->custom_count == LIMIT_SCRIPT_METRICS) {
        error_set(err, ERROR_TOO_LARGE, "scripts declare at most %d metrics", LIMIT_SCRIPT_METRICS);
    } else {
        declared = *link = metric;
        metrics->custom_count++;
    }
    pthread_mutex_unlock(&metrics->lock);
    if (declared != metric)
        free_metric(metric);
    return declared;
}
