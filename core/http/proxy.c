#include "http/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/url.h"

enum { USERINFO_LIMIT = 2048 };

static const char *from_environment(const char *name, const char *other_name)
{
    const char *value = getenv(name);
    if ((!value || !*value) && other_name)
        value = getenv(other_name);
    return value && *value ? value : NULL;
}

void proxy_rules_read(struct proxy_rules *rules)
{
    rules->http = from_environment("http_proxy", NULL);
    rules->https = from_environment("https_proxy", "HTTPS_PROXY");
    rules->all = from_environment("all_proxy", "ALL_PROXY");
    rules->no_proxy = from_environment("no_proxy", "NO_PROXY");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_colon(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ':')
            return true;
    }
    return false;
}

// Takes ":8080" off the end of an entry. An IPv6 address has a port only behind brackets.
static int split_port(struct slice *entry)
{
    size_t begin = entry->len;
    while (begin > 0 && is_digit(entry->data[begin - 1]))
        begin--;
    if (begin == 0 || begin == entry->len || entry->data[begin - 1] != ':')
        return 0;
    struct slice name = {entry->data, begin - 1};
    if (has_colon(name) && name.data[0] != '[')
        return 0;
    int port = (int)strtol(entry->data + begin, NULL, 10);
    *entry = name;
    return port;
}

// Addresses have no parent domains: "0.0.1" must not match "10.0.0.1".
static bool is_address(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] != '.' && !is_digit(host.data[i]))
            return has_colon(host);
    }
    return true;
}

static bool entry_matches(struct slice entry, struct slice host, int port)
{
    int only_port = split_port(&entry);
    if (only_port && only_port != port)
        return false;
    if (entry.len >= 2 && entry.data[0] == '[' && entry.data[entry.len - 1] == ']')
        entry = (struct slice){entry.data + 1, entry.len - 2};
    if (entry.len && entry.data[0] == '.')
        entry = (struct slice){entry.data + 1, entry.len - 1};
    if (!entry.len || entry.len > host.len)
        return false;
    size_t ahead = host.len - entry.len;
    if (!slice_equal_nocase(entry, (struct slice){host.data + ahead, entry.len}))
        return false;
    return ahead == 0 || (host.data[ahead - 1] == '.' && !is_address(host));
}

static bool is_exempt(const char *list, struct slice host, int port)
{
    if (!list)
        return false;
    while (*list) {
        list += strspn(list, ", \t");
        struct slice entry = {list, strcspn(list, ", \t")};
        if (slice_equal(entry, SLICE("*")) || (entry.len && entry_matches(entry, host, port)))
            return true;
        list += entry.len;
    }
    return false;
}

const char *proxy_rules_find(const struct proxy_rules *rules, bool is_https, struct slice host,
                             int port)
{
    const char *url = is_https ? rules->https : rules->http;
    if (!url)
        url = rules->all;
    return url && !is_exempt(rules->no_proxy, host, port) ? url : NULL;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// "user:password" percent-decoded, as "Basic " and base64.
static char *basic_authorization(struct slice userinfo)
{
    unsigned char plain[USERINFO_LIMIT];
    char encoded[USERINFO_LIMIT * 2];
    size_t len = 0;
    bool has_password = false;

    for (size_t i = 0; i < userinfo.len; i++, len++) {
        const char *p = userinfo.data + i;
        has_password = has_password || *p == ':';
        bool is_escape =
            *p == '%' && i + 2 < userinfo.len && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0;
        plain[len] = (unsigned char)(is_escape ? hex_digit(p[1]) * 16 + hex_digit(p[2]) : *p);
        i += is_escape ? 2 : 0;
    }
    if (!has_password)
        plain[len++] = ':';
    EVP_EncodeBlock((unsigned char *)encoded, plain, (int)len);
    struct buf line;
    buf_init(&line, sizeof(encoded) + 16);
    buf_addf(&line, "Basic %s", encoded);
    return buf_take(&line, NULL);
}

static int read_scheme(struct proxy *proxy, struct slice scheme, struct error *err)
{
    proxy->is_tls = slice_equal_nocase(scheme, SLICE("https"));
    proxy->is_http = proxy->is_tls || !scheme.data || slice_equal_nocase(scheme, SLICE("http"));
    if (proxy->is_http || (scheme.len >= 6 && strncasecmp(scheme.data, "socks", 5) == 0))
        return 0;
    return error_set(err, ERROR_BAD_REQUEST, "the proxy's URL is not http, https or socks");
}

int proxy_init(struct proxy *proxy, const char *url, struct error *err)
{
    struct url parts;
    struct error why;

    *proxy = (struct proxy){.url = NULL};
    if (url_parse(&parts, url, &why) != 0)
        return error_set(err, why.kind, "proxy: %s", why.message);
    if (read_scheme(proxy, parts.scheme, err) != 0)
        return -1;
    if (parts.userinfo.len >= USERINFO_LIMIT)
        return error_set(err, ERROR_BAD_REQUEST, "proxy: user and password are too long");
    int port = parts.port ? parts.port : proxy->is_tls ? 443 : 1080;
    struct buf endpoint;
    buf_init(&endpoint, 1024);
    bool is_ipv6 = memchr(parts.host.data, ':', parts.host.len) != NULL;
    buf_addf(&endpoint, is_ipv6 ? "[%.*s]:%d" : "%.*s:%d", (int)parts.host.len, parts.host.data,
             port);
    proxy->endpoint = buf_take(&endpoint, NULL);
    proxy->url = mem_dup(url, strlen(url));
    if (parts.userinfo.data)
        proxy->authorization = basic_authorization(parts.userinfo);
    return 0;
}

void proxy_deinit(struct proxy *proxy)
{
    free(proxy->url);
    free(proxy->endpoint);
    free(proxy->authorization);
}
