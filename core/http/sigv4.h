// AWS Signature Version 4: the canonical form of a request, its signature, and the header that
// carries it. Pure; everything given is borrowed for the call.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/headers.h"

enum {
    SIGV4_TIME = 16, // characters of "20150830T123600Z"
    SIGV4_DAY = 8,   // those of its date
    SIGV4_HEX = 64,  // of a SHA-256 in hex: a hash of a body, a signature
    SIGV4_KEY = 32,  // bytes of a signing key
};

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

// What a signature is good for.
struct sigv4_scope {
    struct slice region, service;
    char time[SIGV4_TIME + 1];
};

struct sigv4_request {
    struct slice method;
    struct slice path;            // as it is on the wire, percent-encoded; without the query
    struct slice query;           // likewise; NULL data: none
    const struct header *headers; // that are signed: names in any case, any order; of a name that
    size_t header_count;          // is there several times all values, as they follow each other
    struct slice payload;         // the body's hash in hex
};

// Writes seconds since 1970 as "20150830T123600Z".
void sigv4_print_time(int64_t seconds, char time[SIGV4_TIME + 1]);

// Reads that form. Returns 0, or -1 for anything else, dates that do not exist included.
int sigv4_read_time(struct slice text, int64_t *seconds);

// SHA-256 of the segments, one behind the other, in hex.
void sigv4_hash(const struct slice *segments, size_t count, char hex[SIGV4_HEX + 1]);

// Appends the canonical request: the path normalized (dot segments, repeated slashes) and encoded
// once more than it is, the query sorted, the headers folded and sorted. `out` must have room for
// all of it; a limit that is passed leaves it cut.
void sigv4_canonical(const struct sigv4_request *request, struct buf *out);

// Appends the names of the headers as they stand in SignedHeaders: "host;x-amz-date".
void sigv4_signed_headers(const struct sigv4_request *request, struct buf *out);

// The key for the scope's day, region and service. It may be kept while these are the same.
void sigv4_signing_key(struct slice secret, const struct sigv4_scope *scope,
                       unsigned char key[SIGV4_KEY]);

// Writes the signature in hex.
void sigv4_sign(const struct sigv4_request *request, const struct sigv4_scope *scope,
                const unsigned char key[SIGV4_KEY], char signature[SIGV4_HEX + 1]);

// Appends the value of the header Authorization.
void sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         struct slice key_id, const unsigned char key[SIGV4_KEY], struct buf *out);

// What an Authorization header says. All borrowed from it.
struct sigv4_claim {
    struct slice key_id; // whatever stands before the scope; it may have slashes
    struct slice day, region, service;
    struct slice signed_headers; // "host;x-amz-date"
    struct slice signature;      // SIGV4_HEX characters
};

// Returns 0, or -1 when the value is not one of this algorithm with all its parts.
int sigv4_read_authorization(struct slice value, struct sigv4_claim *claim);
