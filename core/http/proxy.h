// Which proxy an origin is reached through, and what has to be known about it.
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

// What the environment says; borrowed from it. NULL: unset or empty.
struct proxy_rules {
    const char *http, *https, *all; // proxies by the scheme of the origin
    const char *no_proxy;           // who goes without: "*" or names, separated by commas or spaces
};

// Reads http_proxy, https_proxy, all_proxy and no_proxy. The upper-case name counts too, but for
// http_proxy: a CGI server would let a client set HTTP_PROXY.
void proxy_rules_read(struct proxy_rules *rules);

// The proxy's URL, borrowed from the rules, or NULL to connect directly.
const char *proxy_rules_find(const struct proxy_rules *rules, bool is_https, struct slice host,
                             int port);

// Embedded in its owner. Zeroed means: no proxy.
struct proxy {
    char *url;           // owned; as libcurl takes it, password included: never for a message
    char *endpoint;      // owned; "host:port", for people
    char *authorization; // owned; "Basic ..."; NULL without a user
    bool is_http;        // speaks HTTP, as opposed to SOCKS
    bool is_tls;         // https://
};

// "http://user:password@host:port"; the scheme may be left out, the port is then 1080 as in curl.
// Returns 0, or -1 with `err`.
int proxy_init(struct proxy *proxy, const char *url, struct error *err);
void proxy_deinit(struct proxy *proxy);
