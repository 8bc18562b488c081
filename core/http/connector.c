#include "http/connector.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "http/certs.h"
#include "http/multis.h"
#include "http/public_address.h"

struct connector {
    struct turn *turn;
    struct multis multis;
    char *ca_file; // owned; NULL: the system's
};

struct connector_job {
    struct connector *connector;
    const struct origin *origin;
    CURL *easy;
    struct multi *multi;
    X509_STORE *store; // a reference; NULL without TLS
    int *kept_fd;      // owned; the socket that libcurl must not close; -1: none yet
    uint32_t timeout_ms;
    connector_done_cb on_done;
    void *owner;
    bool is_refused;          // an address was not public
    struct turn_item failing; // a failure found before libcurl began
    struct error early;
    char details[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void init_global(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
}

// The last moment before a connection: the address is what the name has resolved to, whatever it
// resolves to elsewhere or a second later.
static curl_socket_t on_open_socket(void *clientp, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct connector_job *job = clientp;
    (void)purpose;
    if (job->origin->is_public && !job->origin->proxy.url && !public_address_is(&address->addr)) {
        job->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

static int on_close_socket(void *clientp, curl_socket_t fd)
{
    const int *kept_fd = clientp;
    return fd == *kept_fd ? 0 : close(fd);
}

// Partial writes and moving buffers: the rest of a request may be offered again from another
// address. Reading ahead halves the reads, which otherwise fetch a record's header first.
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *clientp)
{
    SSL_CTX *ctx = ssl_ctx;
    (void)easy;
    SSL_CTX_set1_cert_store(ctx, clientp);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    return CURLE_OK;
}

static void set_tls_options(CURL *easy, X509_STORE *store)
{
    // Names and chains are checked; the certificates to check against come from `store` alone.
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, store);
}

static CURL *make_easy(struct connector_job *job)
{
    const struct origin *origin = job->origin;
    CURL *easy = curl_easy_init();
    if (!easy)
        abort();
    curl_easy_setopt(easy, CURLOPT_URL, origin->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Else cancelling and timeouts wait for a sleeping resolver.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)job->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    // "" keeps libcurl from looking into the environment by itself.
    curl_easy_setopt(easy, CURLOPT_PROXY, origin->proxy.url ? origin->proxy.url : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    // A stream may be older than libcurl's 118 seconds when its neighbour connects.
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, LONG_MAX);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, job->kept_fd);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->details);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    if (origin->is_tls)
        set_tls_options(easy, job->store);
    return easy;
}

static void set_connect_error(const struct connector_job *job, CURLcode result, struct error *err)
{
    const struct proxy *proxy = &job->origin->proxy;
    const char *to = job->origin->endpoint;
    const char *through = proxy->endpoint ? " through the proxy " : "";
    const char *proxy_name = proxy->endpoint ? proxy->endpoint : "";
    const char *why = job->details[0] ? job->details : curl_easy_strerror(result);
    long os_error = 0;

    curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &os_error);
    if (os_error > 0 && (result == CURLE_COULDNT_CONNECT || !job->details[0]))
        why = uv_strerror(-(int)os_error);
    error_set(err, ERROR_CONNECT, "cannot connect to %s%s%s: %s", to, through, proxy_name, why);
}

static void set_error(const struct connector_job *job, CURLcode result, struct error *err)
{
    const struct origin *origin = job->origin;
    const char *details = job->details[0] ? job->details : curl_easy_strerror(result);

    if (job->is_refused && result == CURLE_COULDNT_CONNECT) {
        error_set(err, ERROR_BAD_REQUEST, "%s is not a public address", origin->endpoint);
        return;
    }
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        error_set(err, ERROR_DNS, "cannot resolve the host name of %s", origin->endpoint);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        error_set(err, ERROR_DNS, "cannot resolve the proxy's name %s", origin->proxy.endpoint);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        error_set(err, ERROR_TIMEOUT, "no connection to %s within %u ms", origin->endpoint,
                  job->timeout_ms);
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        error_set(err, ERROR_TLS, "no TLS with %s: %s", origin->endpoint, details);
        break;
    default:
        set_connect_error(job, result, err);
    }
}

static void job_free(struct connector_job *job)
{
    turn_remove(&job->failing);
    if (job->multi)
        multi_remove(job->multi, job->easy);
    curl_easy_cleanup(job->easy);
    X509_STORE_free(job->store);
    free(job->kept_fd);
    free(job);
}

// The easy handle is done with after a plain connection; TLS needs it as long as the connection.
static struct transport *take_transport(struct connector_job *job)
{
    struct turn *turn = job->connector->turn;
    int *kept_fd = job->kept_fd;
    CURL *easy = job->easy;
    struct multi *multi = job->multi;
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD)
        return NULL;
    *kept_fd = fd;
    job->multi = NULL;
    if (!job->origin->is_tls) {
        multi_remove(multi, easy);
        return transport_plain_new(turn, fd);
    }
    job->easy = NULL;
    job->kept_fd = NULL;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    return transport_tls_new(turn, easy, multi, kept_fd);
}

static void on_ended(CURL *easy, CURLcode result)
{
    struct connector_job *job = NULL;
    struct transport *transport = NULL;
    struct error err;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&job);
    if (result == CURLE_OK && !(transport = take_transport(job)))
        result = CURLE_COULDNT_CONNECT;
    if (!transport)
        set_error(job, result, &err);
    connector_done_cb on_done = job->on_done;
    void *owner = job->owner;
    job_free(job);
    on_done(owner, transport, transport ? NULL : &err);
}

static void on_failing(struct turn_item *item)
{
    struct connector_job *job = LIST_ITEM(item, struct connector_job, failing);
    connector_done_cb on_done = job->on_done;
    void *owner = job->owner;
    struct error err = job->early;
    job_free(job);
    on_done(owner, NULL, &err);
}

struct connector *connector_new(struct turn *turn, const char *ca_file)
{
    pthread_once(&global_once, init_global);
    struct connector *connector = mem_alloc(sizeof(*connector));
    connector->turn = turn;
    connector->ca_file = ca_file ? mem_dup(ca_file, strlen(ca_file)) : NULL;
    multis_init(&connector->multis, turn, on_ended);
    return connector;
}

void connector_close(struct connector *connector)
{
    if (connector)
        multis_close(&connector->multis);
}

void connector_free(struct connector *connector)
{
    if (!connector)
        return;
    free(connector->ca_file);
    free(connector);
}

struct connector_job *connector_start(struct connector *connector, const struct origin *origin,
                                      uint32_t timeout_ms, connector_done_cb on_done, void *owner)
{
    struct connector_job *job = mem_alloc(sizeof(*job));

    job->connector = connector;
    job->origin = origin;
    job->timeout_ms = timeout_ms;
    job->on_done = on_done;
    job->owner = owner;
    turn_item_init(&job->failing, on_failing);
    if (origin->is_tls)
        job->store = certs_ref(origin->ca_file ? origin->ca_file : connector->ca_file, &job->early);
    if (origin->is_tls && !job->store) {
        turn_add(connector->turn, &job->failing);
        return job;
    }
    job->kept_fd = mem_alloc(sizeof(*job->kept_fd));
    *job->kept_fd = -1;
    job->easy = make_easy(job);
    job->multi = multis_add(&connector->multis, job->easy, job->store);
    if (!job->multi) {
        error_set(&job->early, ERROR_CONNECT, "cannot connect to %s: libcurl refuses it",
                  origin->endpoint);
        turn_add(connector->turn, &job->failing);
    }
    return job;
}

void connector_cancel(struct connector_job *job)
{
    job_free(job);
}
