// An HTTPS server in threads of its own, with certificates made for the test.
//
// Answers by path: /hello (5 bytes), /large (TLS_PEER_LARGE bytes), /length (how long the request's
// body was), /bye (no length, an orderly end), /cut (no length, the connection is dropped without
// TLS's goodbye), /stall (a head, then nothing).
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/ssl.h>

enum tls_peer_flaw { TLS_PEER_GOOD, TLS_PEER_WRONG_NAME, TLS_PEER_EXPIRED, TLS_PEER_STRANGER };

enum { TLS_PEER_LARGE = 8 * 1000 * 1000, TLS_PEER_MAX = 64 };

struct tls_peer {
    SSL_CTX *ctx;
    int listener, port;
    bool is_proxy;     // expects CONNECT first, and answers it
    char ca_file[64];  // certificate of the issuer; deleted by tls_peer_close()
    char connect[512]; // the last CONNECT request
    char alpn[64];     // what the first client offered, in wire format
    atomic_bool has_alpn;
    atomic_int handshakes, resumed, ended;
    pthread_t acceptor, threads[TLS_PEER_MAX];
    int sockets[TLS_PEER_MAX];
    int count;
};

// Serves "localhost", unless the flaw says otherwise.
void tls_peer_open(struct tls_peer *peer, enum tls_peer_flaw flaw, bool is_proxy);

// Ends all connections and joins the threads.
void tls_peer_close(struct tls_peer *peer);
