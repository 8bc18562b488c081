// Error values: a kind from a closed list, and one sentence for a person.
#pragma once

#include <stdarg.h>

// Scripts and metrics see the names; policies branch on the kind, never on the text.
#define ERROR_KINDS(X)                  \
    X(DNS, "dns")                       \
    X(CONNECT, "connect")               \
    X(TLS, "tls")                       \
    X(TIMEOUT, "timeout")               \
    X(PROTOCOL, "protocol")             \
    X(UPSTREAM_4XX, "upstream_4xx")     \
    X(UPSTREAM_5XX, "upstream_5xx")     \
    X(RATE_LIMITED, "rate_limited")     \
    X(OVERLOADED, "overloaded")         \
    X(QUOTA, "quota")                   \
    X(AUTH, "auth")                     \
    X(BAD_REQUEST, "bad_request")       \
    X(CONTEXT_LENGTH, "context_length") \
    X(CONTENT_FILTER, "content_filter") \
    X(CANCELED, "canceled")             \
    X(NO_TARGET, "no_target")           \
    X(BREAKER_OPEN, "breaker_open")     \
    X(BUDGET, "budget")                 \
    X(TOO_LARGE, "too_large")           \
    X(REJECTED, "rejected")             \
    X(SCRIPT, "script")

enum error_kind {
    ERROR_NONE,
#define X(name, text) ERROR_##name,
    ERROR_KINDS(X)
#undef X
};

struct error {
    enum error_kind kind;
    char message[480]; // NUL-terminated, cut at the limit
};

// Fills `err`, which may be NULL. Returns -1, so that a failing function can end with it.
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// "timeout", "connect" ...; "" for ERROR_NONE. Static storage.
const char *error_kind_name(enum error_kind kind);
