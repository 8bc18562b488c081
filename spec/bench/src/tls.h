/* The server side of TLS on a non-blocking socket, for mockup: TLS 1.2 and 1.3, session tickets. */
#ifndef TLS_H
#define TLS_H
#include <stddef.h>
#include <sys/types.h>

typedef struct ssl_st tls_t;

/* Makes a key and a certificate for localhost and 127.0.0.1 that signs itself, and writes the certificate there. */
void tls_init(const char *certificate);
tls_t *tls_open(int fd);
/* As recv() and send(): -1 with errno, EAGAIN included. The handshake happens in the first reads. */
ssize_t tls_recv(tls_t *, char *, size_t);
ssize_t tls_send(tls_t *, const char *, size_t);
int tls_has_more(const tls_t *); /* bytes were read off the socket that tls_recv() has not given out */
int tls_is_up(const tls_t *);    /* the handshake is over */
int tls_is_resumed(const tls_t *);
void tls_close(tls_t *, int orderly); /* orderly: the other side is told; the socket stays open */
#endif
