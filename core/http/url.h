// The parts of a URL, checked strictly enough that each may stand in a request line or a Host
// field.
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

// All borrowed from the text.
struct url {
    struct slice scheme;   // "https"; NULL data when the text has none
    struct slice userinfo; // "user:password", still percent-encoded; NULL data when absent
    struct slice host;     // without the brackets of an IPv6 address
    int port;              // 0: not given
    struct slice path;     // with the query; "" or begins with '/'
};

// Returns 0, or -1 with `err` (bad_request). The message never quotes the text, which may hold a
// password.
int url_parse(struct url *url, const char *text, struct error *err);

// Whether the text may be a Host field: uri-host [":" port] of RFC 9112 section 3.2, empty ones
// included; not the comma, which could make it a list.
bool url_is_host(struct slice host);

// Appends the text percent-encoded, so that it can be a name or a value of a query. Returns 0, or
// -1 when it does not fit.
int url_encode(struct slice text, struct buf *out);
