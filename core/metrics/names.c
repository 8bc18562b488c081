#include "metrics/names.h"

#include <stdlib.h>

#include "base/mem.h"

static struct metric_series *only(struct metrics *metrics, enum metric_type type, const char *name,
                                  const char *help)
{
    static const char *const none[] = {NULL};
    return metrics_series(metrics, metrics_declare(metrics, type, name, help, none), NULL);
}

struct metric_names *metric_names_new(void)
{
    static const char *const by_model_outcome[] = {"model", "outcome", NULL};
    static const char *const by_target_outcome[] = {"target", "outcome", NULL};
    static const char *const by_model_kind[] = {"model", "kind", NULL};
    static const char *const by_model[] = {"model", NULL};
    static const char *const by_result[] = {"result", NULL};
    static const char *const by_outcome[] = {"outcome", NULL};
    struct metric_names *names = mem_alloc(sizeof(*names));
    struct metrics *m = names->metrics = metrics_new();

    names->requests = metrics_declare(m, METRIC_COUNTER, "tidegate_requests_total",
                                      "Requests answered, by how they ended.", by_model_outcome);
    names->attempts =
        metrics_declare(m, METRIC_COUNTER, "tidegate_attempts_total",
                        "Tries of a target, by status or error kind.", by_target_outcome);
    names->tokens = metrics_declare(m, METRIC_COUNTER, "tidegate_tokens_total",
                                    "Tokens as the providers counted them.", by_model_kind);
    names->usage_unknown =
        metrics_declare(m, METRIC_COUNTER, "tidegate_usage_unknown_total",
                        "Answers whose provider gave no token counts.", by_model);
    names->shadows = metrics_declare(m, METRIC_COUNTER, "tidegate_shadows_total",
                                     "Copies of requests sent to a shadow, by how they ended; "
                                     "dropped: too many were running.",
                                     by_outcome);
    names->requests_in_flight =
        only(m, METRIC_GAUGE, "tidegate_requests_in_flight", "Requests being served now.");
    names->upstreams_in_flight =
        only(m, METRIC_GAUGE, "tidegate_upstreams_in_flight", "Attempts running now.");
    names->request_duration = only(m, METRIC_HISTOGRAM, "tidegate_request_duration_seconds",
                                   "From a complete request to the end of its answer.");
    names->time_to_first_token = only(m, METRIC_HISTOGRAM, "tidegate_time_to_first_token_seconds",
                                      "From a complete request to its first content.");
    names->overhead = only(m, METRIC_HISTOGRAM, "tidegate_overhead_seconds",
                           "Part of a request's duration outside its attempts.");
    names->loop_turn = only(m, METRIC_HISTOGRAM_SHORT, "tidegate_loop_turn_seconds",
                            "One turn of a worker's loop, without its wait for events.");
    names->loop_turn_max = only(m, METRIC_GAUGE, "tidegate_loop_turn_max_seconds",
                                "The longest turn of any worker's loop since the start.");
    names->reloads = metrics_declare(m, METRIC_COUNTER, "tidegate_reloads_total",
                                     "Changes of files: ok, failed or rolled_back.", by_result);
    names->generation =
        only(m, METRIC_GAUGE, "tidegate_generation", "Number of the generation in force.");
    return names;
}

void metric_names_free(struct metric_names *names)
{
    metrics_free(names->metrics);
    free(names);
}
