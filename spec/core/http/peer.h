// A server on the test's own loop that does what a script says, byte for byte.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "loop/loop.h"

enum peer_action {
    PEER_END,        // of the script: nothing more, but go on reading
    PEER_AWAIT,      // a whole request: head and Content-Length bytes
    PEER_AWAIT_HEAD, // an empty line
    PEER_STOP,       // read no more
    PEER_SEND,       // text
    PEER_SEND_BYTES, // text, `len` bytes of it
    PEER_FILL,       // `len` bytes of 'x'
    PEER_CLOSE,      // orderly
    PEER_RESET,      // with RST
    PEER_AGAIN,      // from the first step
    PEER_PAUSE,      // until peer_continue()
};

struct peer_step {
    enum peer_action action;
    const char *text;
    size_t len;
};

// A step of that action; one that sends a text.
#define PEER_DO(what)        \
    {                        \
        PEER_##what, NULL, 0 \
    }
#define PEER_SAY(text)     \
    {                      \
        PEER_SEND, text, 0 \
    }

enum { PEER_MAX_CONNECTIONS = 64 };

struct peer {
    struct loop *loop;
    uv_tcp_t listener;
    int port;
    const struct peer_step
        *scripts[PEER_MAX_CONNECTIONS]; // by order of arrival; NULL: the last one
    size_t accepted;
    size_t open;     // connections not yet closed by either side
    size_t requests; // awaited ones that came
    struct buf received;
    struct peer_connection *connections[PEER_MAX_CONNECTIONS];
};

// Listens on a free loopback port; every connection follows `script`.
void peer_open(struct peer *peer, struct loop *loop, const struct peer_step *script);

// Lets the connection go on behind its PEER_PAUSE.
void peer_continue(struct peer *peer, size_t index);

// Closes everything; the loop must turn afterwards.
void peer_close(struct peer *peer);
