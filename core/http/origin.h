// Origins: what connections are pooled by (scheme, host, port, proxy and its user), with the texts
// that every request to one needs, made once.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "http/proxy.h"
#include "http/upstream.h"

// Read-only once interned, except `idle` and `idle_count`, which belong to the pool.
struct origin {
    struct list node; // in its set
    char *key;        // owned; equal keys share connections
    char *host;       // owned; value of Host: without the port where it is the scheme's own
    char *endpoint;   // owned; "host:port", for people
    char *url;        // owned; what libcurl connects to
    char *ca_file;    // owned; NULL: as the connector
    struct proxy proxy;
    bool is_https;
    bool is_tls;                // bytes go through TLS, the origin's or the proxy's
    struct slice target_prefix; // owned; in front of the path: "http://host" for a proxy, else ""
    struct slice after_target;  // owned; the rest of the request line and the fields we add
    struct list idle;           // of pooled connections, most recently used first
    size_t idle_count;
};

enum { ORIGIN_BUCKETS = 64 };

// All origins of one pool. Embedded in its owner.
struct origins {
    struct list buckets[ORIGIN_BUCKETS];
    struct proxy_rules rules; // when no proxy is set
    char *proxy;              // owned; NULL: by the rules; "": none
};

// `proxy` as in struct upstream_settings. Copied.
void origins_init(struct origins *origins, const char *proxy);
void origins_deinit(struct origins *origins);

// As upstream_origin_by(): owned by the set.
struct origin *origins_intern(struct origins *origins, const char *url,
                              const struct origin_way *way, struct slice *path, struct error *err);
