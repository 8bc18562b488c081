// libcurl's multi handles on a libuv loop. Each takes at most LIMIT_CURL_HANDLES easy handles,
// because curl_easy_send() and curl_easy_recv() walk all connections of their multi handle.
#pragma once

#include <stdbool.h>

#include <curl/curl.h>

#include "base/list.h"
#include "http/turn.h"

struct multi; // one CURLM

// Embedded in its owner.
struct multis {
    struct turn *turn;  // held until the last handle is closed
    struct list shares; // names and TLS sessions, for all multi handles
    struct list with_room, full;
    uint64_t slice_turn, slice_used_ns; // what connecting has cost in this turn of the loop
    bool is_closed;
    // A transfer has ended, and still has its place. Called outside of libcurl, so it may add,
    // remove and close.
    void (*on_ended)(CURL *easy, CURLcode result);
};

void multis_init(struct multis *multis, struct turn *turn,
                 void (*on_ended)(CURL *easy, CURLcode result));

// Every easy handle must have been removed. Memory goes as the loop turns.
void multis_close(struct multis *multis);

// Gives `easy` (borrowed) a place and starts it in the loop's next turn. NULL when libcurl refuses.
// `trust` is what its peer's certificate is checked against. TLS sessions are resumed among handles
// with the same one only: a resumed session is not checked again.
struct multi *multis_add(struct multis *multis, CURL *easy, const void *trust);

// Takes `easy` out; its connection is closed. Never inside a libcurl callback.
void multi_remove(struct multi *multi, CURL *easy);
