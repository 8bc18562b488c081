#include "tls_peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

struct session {
    struct tls_peer *peer;
    int fd;
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself when NULL.
static X509 *make_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                              long valid_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    char names[128];

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    snprintf(names, sizeof(names), "DNS:%s", name);
    add_extension(certificate, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (issuer)
        add_extension(certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256()) > 0);
    return certificate;
}

static void write_ca_file(struct tls_peer *peer, X509 *certificate)
{
    snprintf(peer->ca_file, sizeof(peer->ca_file), "/tmp/tls_peer_XXXXXX");
    FILE *file = fdopen(mkstemp(peer->ca_file), "w");
    assert_non_null(file);
    PEM_write_X509(file, certificate);
    fclose(file);
}

static void make_certificates(struct tls_peer *peer, enum tls_peer_flaw flaw)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = make_certificate(ca_key, "test authority", NULL, NULL, 86400);
    X509 *stranger = make_certificate(ca_key, "another authority", NULL, NULL, 86400);
    const char *name = flaw == TLS_PEER_WRONG_NAME ? "other.test" : "localhost";
    X509 *issuer = flaw == TLS_PEER_STRANGER ? stranger : ca;
    X509 *leaf =
        make_certificate(key, name, issuer, ca_key, flaw == TLS_PEER_EXPIRED ? -86400 : 86400);

    assert_int_equal(SSL_CTX_use_certificate(peer->ctx, leaf), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(peer->ctx, key), 1);
    write_ca_file(peer, ca);
    X509_free(leaf);
    X509_free(stranger);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                   const unsigned char *in, unsigned inlen, void *arg)
{
    struct tls_peer *peer = arg;
    (void)ssl;
    // Sessions shake hands in threads of their own; the first one's offer is kept.
    if (!atomic_exchange(&peer->has_alpn, true))
        memcpy(peer->alpn, in, inlen < sizeof(peer->alpn) ? inlen : sizeof(peer->alpn) - 1);
    *out = in + 1;
    *outlen = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static bool write_all(SSL *ssl, const char *bytes, size_t len)
{
    while (len) {
        size_t n = 0;
        if (SSL_write_ex(ssl, bytes, len, &n) != 1)
            return false;
        bytes += n;
        len -= n;
    }
    return true;
}

static bool write_text(SSL *ssl, const char *text)
{
    return write_all(ssl, text, strlen(text));
}

static bool write_large(SSL *ssl)
{
    char *body = mem_alloc(TLS_PEER_LARGE);
    char head[128];
    memset(body, 'x', TLS_PEER_LARGE);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", TLS_PEER_LARGE);
    bool is_ok = write_text(ssl, head) && write_all(ssl, body, TLS_PEER_LARGE);
    free(body);
    return is_ok;
}

static bool write_length(SSL *ssl, size_t len)
{
    char body[32], answer[128];
    snprintf(body, sizeof(body), "%zu", len);
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    return write_text(ssl, answer);
}

// Reads one request. Returns the length of its body, or -1 at the end.
static long read_request(SSL *ssl, char *head, size_t size)
{
    size_t len = 0, n = 0;
    char *end = NULL;

    while (!end) {
        if (SSL_read_ex(ssl, head + len, size - 1 - len, &n) != 1)
            return -1;
        len += n;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *field = strstr(head, "Content-Length: ");
    size_t wanted = field ? strtoul(field + 16, NULL, 10) : 0;
    size_t have = len - (size_t)(end + 4 - head);
    char *bytes = mem_alloc(65536);
    for (; have < wanted && SSL_read_ex(ssl, bytes, 65536, &n) == 1; have += n)
        continue;
    free(bytes);
    return (long)have;
}

// Returns false when the connection is over.
static bool answer(SSL *ssl)
{
    char head[16384];
    long body = read_request(ssl, head, sizeof(head));
    const char *path = strchr(head, '/');

    if (body < 0)
        return false;
    if (strncmp(path, "/large ", 7) == 0)
        return write_large(ssl);
    if (strncmp(path, "/length ", 8) == 0)
        return write_length(ssl, (size_t)body);
    if (strncmp(path, "/stall ", 7) == 0)
        return write_text(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    if (strncmp(path, "/hello ", 7) == 0)
        return write_text(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    write_text(ssl, "HTTP/1.1 200 OK\r\n\r\nbye");
    if (strncmp(path, "/bye ", 5) == 0)
        SSL_shutdown(ssl);
    return false;
}

// Plays the proxy in front of itself.
static bool answer_connect(struct tls_peer *peer, int fd)
{
    static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    size_t len = 0;
    memset(peer->connect, 0, sizeof(peer->connect));
    while (!strstr(peer->connect, "\r\n\r\n")) {
        ssize_t n = recv(fd, peer->connect + len, sizeof(peer->connect) - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return send(fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL) > 0;
}

static void *serve(void *arg)
{
    struct session *session = arg;
    struct tls_peer *peer = session->peer;
    SSL *ssl = SSL_new(peer->ctx);

    SSL_set_fd(ssl, session->fd);
    if ((!peer->is_proxy || answer_connect(peer, session->fd)) && SSL_accept(ssl) == 1) {
        atomic_fetch_add(&peer->handshakes, 1);
        atomic_fetch_add(&peer->resumed, SSL_session_reused(ssl));
        while (answer(ssl))
            continue;
    }
    shutdown(session->fd, SHUT_RDWR);
    SSL_free(ssl);
    free(session);
    atomic_fetch_add(&peer->ended, 1);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct tls_peer *peer = arg;
    int fd;
    while (peer->count < TLS_PEER_MAX && (fd = accept(peer->listener, NULL, NULL)) >= 0) {
        struct session *session = mem_alloc(sizeof(*session));
        *session = (struct session){peer, fd};
        peer->sockets[peer->count] = fd;
        pthread_create(&peer->threads[peer->count], NULL, serve, session);
        peer->count++;
    }
    return NULL;
}

void tls_peer_open(struct tls_peer *peer, enum tls_peer_flaw flaw, bool is_proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    memset(peer, 0, sizeof(*peer));
    peer->is_proxy = is_proxy;
    peer->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_alpn_select_cb(peer->ctx, on_alpn, peer);
    make_certificates(peer, flaw);
    peer->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(peer->listener, TLS_PEER_MAX), 0);
    getsockname(peer->listener, (struct sockaddr *)&address, &len);
    peer->port = ntohs(address.sin_port);
    pthread_create(&peer->acceptor, NULL, accept_all, peer);
}

void tls_peer_close(struct tls_peer *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->acceptor, NULL);
    close(peer->listener);
    for (int i = 0; i < peer->count; i++) {
        shutdown(peer->sockets[i], SHUT_RDWR);
        pthread_join(peer->threads[i], NULL);
        close(peer->sockets[i]);
    }
    SSL_CTX_free(peer->ctx);
    unlink(peer->ca_file);
}
