// Origins: what connections are pooled by (scheme, host, port, proxy and its user), with the texts
// that every request to one needs, made once.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "http/proxy.h"
#include "http/upstream.h"

// Read-only once interned, except `idle` and `idle_count`, which belong to the pool, and who uses
// it.
struct origin {
    struct list node;   // in its set
    struct list unused; // in the set's list of those without a reference
    size_t refs;
    char *key;      // owned; equal keys share connections
    char *host;     // owned; value of Host: without the port where it is the scheme's own
    char *endpoint; // owned; "host:port", for people
    char *url;      // owned; what libcurl connects to
    char *ca_file;  // owned; NULL: as the connector
    struct proxy proxy;
    bool is_https;
    bool is_public;             // connects to public addresses only
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
    struct list unused; // without a reference, the longest unused first
    size_t unused_count;
    struct proxy_rules rules; // when no proxy is set
    char *proxy;              // owned; NULL: by the rules; "": none
};

// `proxy` as in struct upstream_settings. Copied.
void origins_init(struct origins *origins, const char *proxy);
void origins_deinit(struct origins *origins);

// As upstream_origin_by(): a reference, owned by the set.
struct origin *origins_intern(struct origins *origins, const char *url,
                              const struct origin_way *way, struct slice *path, struct error *err);

// One more user of an origin that has one.
static inline void origin_ref(struct origin *origin)
{
    origin->refs++;
}

// Gives a reference back. An origin without any is kept for the next who asks for it, up to
// LIMIT_ORIGINS_UNUSED: returns the one that has to go for it, no longer in the set, or NULL. The
// caller closes its idle connections, then origin_free().
struct origin *origins_unref(struct origins *origins, struct origin *origin);
void origin_free(struct origin *origin);
