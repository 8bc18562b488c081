// What the tests of upstream exchanges share: a loop with a pool and a peer, and a record of what
// one exchange was told.
#pragma once

#include "http/upstream.h"
#include "peer.h"

struct trial {
    struct loop *loop;
    struct upstream_pool *pool;
    struct peer peer;
    struct origin *origin; // of the peer
    bool is_closed;
};

// Zeroed before it is started.
struct record {
    struct trial *trial;
    struct slice segment;      // the request's body
    struct upstream *upstream; // NULL once done
    struct buf body;
    struct buf server; // value of the header Server
    // Run inside the callbacks, when set.
    void (*in_head)(struct record *record);
    void (*in_body)(struct record *record);
    void (*in_pause)(struct record *record);
    void (*in_done)(struct record *record);
    struct error err; // kind ERROR_NONE: the answer was complete
    int status, heads, pauses, dones;
    bool has_body_end;
    bool is_reused, is_heard; // as on_done saw them
};

// An idle time of a minute and four connections, no proxy, unless `settings` says otherwise.
void trial_open(struct trial *trial, const struct peer_step *script,
                const struct upstream_settings *settings);

// Closes pool and peer; fails the test when a handle stays open.
void trial_close(struct trial *trial);

// Starts "METHOD /path" with that body (NULL: none).
void record_start(struct record *record, struct trial *trial, const char *method, const char *body);
void record_start_request(struct record *record, struct trial *trial,
                          const struct upstream_request *request);
// Turns the loop until on_done.
void record_await(struct record *record);
void record_deinit(struct record *record);

// GET, awaited.
void record_get(struct record *record, struct trial *trial);

// Turns the loop until *value reaches `wanted`.
void trial_await(struct trial *trial, const size_t *value, size_t wanted);

// Turns the loop while something is ready.
void trial_settle(struct trial *trial);
