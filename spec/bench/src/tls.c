#define _GNU_SOURCE
#include "tls.h"
#include "util.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static SSL_CTX *ctx;

static void need(int ok, const char *what)
{
	if (!ok)
		die("%s: %s", what, ERR_error_string(ERR_get_error(), NULL));
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX v;
	X509V3_set_ctx_nodb(&v);
	X509V3_set_ctx(&v, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v, nid, value);
	need(e && X509_add_ext(x, e, -1), value);
	X509_EXTENSION_free(e);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	need(x != NULL, "certificate");
	X509_NAME *name = X509_get_subject_name(x);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)(now_ns() & LONG_MAX));
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	add_extension(x, NID_basic_constraints, "critical,CA:TRUE"); /* it is its own authority */
	add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	need(X509_sign(x, key, EVP_sha256()) > 0, "signing the certificate");
	return x;
}

void tls_init(const char *certificate)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	need(key != NULL, "key");
	X509 *x = make_certificate(key);
	FILE *f = fopen(certificate, "w");
	if (!f || !PEM_write_X509(f, x) || fclose(f))
		die("%s: cannot write the certificate", certificate);
	ctx = SSL_CTX_new(TLS_server_method());
	need(ctx && SSL_CTX_use_certificate(ctx, x) && SSL_CTX_use_PrivateKey(ctx, key), "TLS");
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"mock", 4);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

tls_t *tls_open(int fd)
{
	SSL *s = SSL_new(ctx);
	need(s && SSL_set_fd(s, fd), "TLS");
	SSL_set_accept_state(s);
	return s;
}

static ssize_t result(SSL *s, int r)
{
	if (r > 0)
		return r;
	switch (SSL_get_error(s, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: /* a handshake fits in an empty socket: only tls_send() meets this */
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		errno = ECONNRESET;
		return -1;
	}
}

ssize_t tls_recv(tls_t *s, char *p, size_t n)
{
	return result(s, SSL_read(s, p, n > INT_MAX ? INT_MAX : (int)n));
}

ssize_t tls_send(tls_t *s, const char *p, size_t n)
{
	return result(s, SSL_write(s, p, n > INT_MAX ? INT_MAX : (int)n));
}

int tls_has_more(const tls_t *s) { return SSL_has_pending(s); }
int tls_is_up(const tls_t *s) { return SSL_is_init_finished(s); }
int tls_is_resumed(const tls_t *s) { return SSL_session_reused(s); }

void tls_close(tls_t *s, int orderly)
{
	if (orderly && tls_is_up(s))
		SSL_shutdown(s);
	ERR_clear_error();
	SSL_free(s);
}
