// One connected byte stream: plain TCP on a libuv handle (transport_plain.c), or TLS through the
// libcurl handle that made it (transport_tls.c). Closed by whoever holds it; reading is always on,
// so that a connection that dies while idle is noticed at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/slice.h"
#include "http/turn.h"

struct multi;

enum {
    TRANSPORT_BURST_READS = 16, // of one connection per turn of the loop, then the others' turn
    TRANSPORT_BURST_BYTES = 256 * 1024,
};

// Any of them may close the transport, or hand it to another owner.
struct transport_events {
    // Borrowed for the call.
    void (*on_read)(void *owner, const char *bytes, size_t len);
    // The bytes of one wake-up are through.
    void (*on_pause)(void *owner);
    // Nothing more comes; `reason` is static text, NULL for an orderly end.
    void (*on_end)(void *owner, const char *reason);
    // What transport_write() had to queue is written.
    void (*on_written)(void *owner);
};

enum transport_result { TRANSPORT_WRITTEN, TRANSPORT_QUEUED, TRANSPORT_BROKEN };

struct transport;

struct transport_type {
    enum transport_result (*write)(struct transport *transport, const struct slice *segments,
                                   size_t count);
    void (*read_start)(struct transport *transport);
    void (*read_stop)(struct transport *transport);
    void (*close)(struct transport *transport);
};

// The part that both types have in common; the rest is in their files.
struct transport {
    const struct transport_type *type;
    const struct transport_events *events;
    void *owner;
    struct turn *turn;      // held until the last handle is closed
    void *place;            // owned; the pool's, kept from one idle time to the next
    struct turn_item again; // reading goes on in the next turn
    struct outbox_item out; // a small write, until the end of this turn
    bool is_paused;
    bool is_ended; // on_end was called
    bool is_closed;
};

// Takes a connected socket. NULL when libuv refuses it (the socket is then closed).
struct transport *transport_plain_new(struct turn *turn, int fd);

// Takes `easy`, which has a place in `multi`, and `fd` (malloc'ed) with the socket in it, which
// libcurl must no longer close. NULL when libuv refuses the socket; all is released then.
struct transport *transport_tls_new(struct turn *turn, CURL *easy, struct multi *multi, int *fd);

// Directs what happens from now on. `events` must outlive the transport's use by this owner.
void transport_attach(struct transport *transport, const struct transport_events *events,
                      void *owner);

// Writes the segments (at least one), at most one call at a time. A small write goes at the end of
// the loop's turn and counts as queued until then. Of what is queued the first segment is copied,
// the others are borrowed until on_written or transport_close().
// BROKEN: the connection is dead for writing; an answer may still be read, and on_end follows.
enum transport_result transport_write(struct transport *transport, const struct slice *segments,
                                      size_t count);

void transport_pause(struct transport *transport);
void transport_resume(struct transport *transport);

// Closes the socket at once; memory goes as the loop turns. No event comes after it. Harmless
// twice.
void transport_close(struct transport *transport);

// For the types' files: sets up the common part; tells the end, once.
void transport_init(struct transport *transport, const struct transport_type *type,
                    struct turn *turn, void (*again)(struct turn_item *item));
void transport_end(struct transport *transport, const char *reason);
