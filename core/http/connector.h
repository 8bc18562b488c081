// Makes connections: libcurl does DNS, happy eyeballs, proxies and TLS (CURLOPT_CONNECT_ONLY) and
// hands over a connected transport. A connection costs two epoll changes and an easy handle while
// it is made; a plain one keeps only its socket.
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "http/origin.h"
#include "http/transport.h"

struct connector;
struct connector_job; // one connection being made

// `ca_file` as in struct upstream_settings. Copied.
struct connector *connector_new(struct turn *turn, const char *ca_file);

// All jobs must have ended and all transports must be closed. Free it when the turn has closed.
// Both are harmless on NULL.
void connector_close(struct connector *connector);
void connector_free(struct connector *connector);

// Takes a connected transport (attach at once), or NULL with `err`: dns, connect, tls, timeout.
typedef void (*connector_done_cb)(void *owner, struct transport *transport,
                                  const struct error *err);

// `on_done` runs once, never from inside this call. `timeout_ms` is for all steps together.
struct connector_job *connector_start(struct connector *connector, const struct origin *origin,
                                      uint32_t timeout_ms, connector_done_cb on_done, void *owner);

// Ends the job without its callback. Does not wait for a resolver that sleeps.
void connector_cancel(struct connector_job *job);
