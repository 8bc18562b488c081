// The gateway's own metrics, declared once, by the names that DESIGN gives them.
#pragma once

#include "metrics/metrics.h"

struct metric_names {
    struct metrics *metrics; // owned
    struct metric *reloads;
    struct metric_series *generation;
    struct metric *requests, *attempts, *tokens, *usage_unknown, *shadows;
    struct metric_series *requests_in_flight, *upstreams_in_flight;
    struct metric_series *request_duration, *time_to_first_token, *overhead;
    struct metric_series *loop_turn, *loop_turn_max;
};

// Shared by all workers; owned by the caller.
struct metric_names *metric_names_new(void);
void metric_names_free(struct metric_names *names);
