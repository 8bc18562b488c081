#include "http/origin.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "http/public_address.h"
#include "http/url.h"

// Several times what url_parse() and proxy_init() let through.
enum { TEXT_LIMIT = 64 * 1024 };

void origins_init(struct origins *origins, const char *proxy)
{
    for (size_t i = 0; i < ORIGIN_BUCKETS; i++)
        list_init(&origins->buckets[i]);
    list_init(&origins->unused);
    origins->unused_count = 0;
    proxy_rules_read(&origins->rules);
    origins->proxy = proxy ? mem_dup(proxy, strlen(proxy)) : NULL;
}

void origin_free(struct origin *origin)
{
    proxy_deinit(&origin->proxy);
    free(origin->key);
    free(origin->host);
    free(origin->endpoint);
    free(origin->url);
    free(origin->ca_file);
    free((char *)origin->target_prefix.data);
    free((char *)origin->after_target.data);
    free(origin);
}

void origins_deinit(struct origins *origins)
{
    for (size_t i = 0; i < ORIGIN_BUCKETS; i++) {
        struct list *bucket = &origins->buckets[i];
        for (struct list *node = bucket->next, *next; node != bucket; node = next) {
            next = node->next;
            origin_free(LIST_ITEM(node, struct origin, node));
        }
    }
    free(origins->proxy);
}

static struct list *bucket_of(struct origins *origins, const char *key)
{
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &origins->buckets[hash % ORIGIN_BUCKETS];
}

static struct origin *find(struct list *bucket, const char *key)
{
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct origin *origin = LIST_ITEM(node, struct origin, node);
        if (strcmp(origin->key, key) == 0)
            return origin;
    }
    return NULL;
}

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *print(const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, TEXT_LIMIT);
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    return buf_take(&text, NULL);
}

static char *lower_host(struct slice host)
{
    bool is_ipv6 = memchr(host.data, ':', host.len) != NULL;
    char *text = print(is_ipv6 ? "[%.*s]" : "%.*s", (int)host.len, host.data);
    for (char *p = text; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return text;
}

// Plain http through an HTTP proxy: libcurl connects to the proxy and leaves the rest to us
// (RFC 9112 section 3.2.2). https gets a tunnel from libcurl.
static void make_request_texts(struct origin *origin)
{
    const struct proxy *proxy = &origin->proxy;
    bool is_absolute = proxy->url && proxy->is_http && !origin->is_https;
    bool has_authorization = is_absolute && proxy->authorization;
    origin->target_prefix =
        slice_of(is_absolute ? print("http://%s", origin->host) : mem_dup("", 0));
    origin->after_target = slice_of(print(" HTTP/1.1\r\nHost: %s\r\n%s%s%s", origin->host,
                                          has_authorization ? "Proxy-Authorization: " : "",
                                          has_authorization ? proxy->authorization : "",
                                          has_authorization ? "\r\n" : ""));
}

static int port_of(const struct url *url)
{
    return url->port ? url->port : url->scheme.len == 5 ? 443 : 80;
}

// Takes `key`, and `proxy`, which may be zeroed.
static struct origin *origin_new(const struct url *url, char *key, const struct proxy *proxy)
{
    struct origin *origin = mem_alloc(sizeof(*origin));
    char *host = lower_host(url->host);
    int port = port_of(url);

    origin->is_https = url->scheme.len == 5;
    origin->key = key;
    origin->proxy = *proxy;
    origin->is_tls = origin->is_https || (proxy->url && proxy->is_tls);
    origin->endpoint = print("%s:%d", host, port);
    origin->url = print("%s://%s/", origin->is_https ? "https" : "http", origin->endpoint);
    origin->host = print("%s", port == (origin->is_https ? 443 : 80) ? host : origin->endpoint);
    free(host);
    list_init(&origin->idle);
    list_init(&origin->unused);
    make_request_texts(origin);
    return origin;
}

static const char *choose_proxy(const struct origins *origins, const struct origin_way *way,
                                const struct url *url, bool is_https)
{
    const char *set = way->proxy ? way->proxy : origins->proxy;
    if (set)
        return *set ? set : NULL;
    return proxy_rules_find(&origins->rules, is_https, url->host, port_of(url));
}

static int check_url(const struct url *url, struct error *err)
{
    if (!slice_equal_nocase(url->scheme, SLICE("https")) &&
        !slice_equal_nocase(url->scheme, SLICE("http")))
        return error_set(err, ERROR_BAD_REQUEST, "the URL must begin with http:// or https://");
    if (url->userinfo.data)
        return error_set(err, ERROR_BAD_REQUEST, "the URL must not hold a user or password");
    return 0;
}

// A proxy resolves names itself: what can be known here is looked at.
static int check_public(const char *host, struct error *err)
{
    size_t len = strlen(host);
    const char *suffix = ".localhost";
    char bare[64];
    bool is_local = strcmp(host, suffix + 1) == 0 ||
                    (len > strlen(suffix) && strcmp(host + len - strlen(suffix), suffix) == 0);

    if (host[0] == '[' && len < sizeof(bare)) {
        memcpy(bare, host + 1, len - 2);
        bare[len - 2] = '\0';
        host = bare;
    }
    if (is_local || !public_address_is_host(host))
        return error_set(err, ERROR_BAD_REQUEST, "%s is not a public address", host);
    return 0;
}

struct origin *origins_intern(struct origins *origins, const char *url,
                              const struct origin_way *way, struct slice *path, struct error *err)
{
    struct url parts;
    struct proxy proxy = {.url = NULL};
    if (url_parse(&parts, url, err) != 0 || check_url(&parts, err) != 0)
        return NULL;
    bool is_https = parts.scheme.len == 5;
    const char *proxy_url = choose_proxy(origins, way, &parts, is_https);
    if (proxy_url && proxy_init(&proxy, proxy_url, err) != 0)
        return NULL;
    char *host = lower_host(parts.host);
    if (way->is_public && proxy_url && check_public(host, err) != 0) {
        proxy_deinit(&proxy);
        free(host);
        return NULL;
    }
    char *key = print("%s %s %d %s %s %d", is_https ? "https" : "http", host, port_of(&parts),
                      proxy_url ? proxy_url : "", way->ca_file ? way->ca_file : "", way->is_public);
    struct list *bucket = bucket_of(origins, key);
    struct origin *origin = find(bucket, key);

    free(host);
    if (origin) {
        proxy_deinit(&proxy);
        free(key);
    } else {
        origin = origin_new(&parts, key, &proxy);
        origin->ca_file = way->ca_file ? mem_dup(way->ca_file, strlen(way->ca_file)) : NULL;
        origin->is_public = way->is_public;
        list_add_front(bucket, &origin->node);
    }
    *path = parts.path;
    if (origin->refs++ == 0 && !list_is_empty(&origin->unused)) {
        list_remove(&origin->unused);
        origins->unused_count--;
    }
    return origin;
}

struct origin *origins_unref(struct origins *origins, struct origin *origin)
{
    if (--origin->refs > 0)
        return NULL;
    list_add_back(&origins->unused, &origin->unused);
    if (++origins->unused_count <= LIMIT_ORIGINS_UNUSED)
        return NULL;
    struct origin *oldest = LIST_ITEM(origins->unused.next, struct origin, unused);
    list_remove(&oldest->unused);
    list_remove(&oldest->node);
    origins->unused_count--;
    return oldest;
}
