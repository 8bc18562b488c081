// Addresses: URLs, proxies, addresses to listen on, and the checks of gateway.lua's texts.
#include "http/url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/address.h"
#include "config/formats.h"
#include "http/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static bool is_safe(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] >= 0x7f)
            return false;
    }
    return true;
}

// The parts, put together again, are the same parts.
static void check_url(const struct url *url)
{
    struct buf text;
    struct url again;
    bool is_v6 = memchr(url->host.data, ':', url->host.len) != NULL;

    expect(is_safe(url->host) && is_safe(url->path) && url->host.len > 0);
    buf_init(&text, 1 << 16);
    if (url->scheme.data)
        buf_addf(&text, "%.*s://", (int)url->scheme.len, url->scheme.data);
    if (url->userinfo.data)
        buf_addf(&text, "%.*s@", (int)url->userinfo.len, url->userinfo.data);
    buf_addf(&text, is_v6 ? "[%.*s]" : "%.*s", (int)url->host.len, url->host.data);
    if (url->port)
        buf_addf(&text, ":%d", url->port);
    buf_add_slice(&text, url->path);
    expect(url_parse(&again, text.data, NULL) == 0);
    expect(slice_equal(again.scheme, url->scheme) && slice_equal(again.userinfo, url->userinfo));
    expect(slice_equal(again.host, url->host) && slice_equal(again.path, url->path));
    expect(again.port == url->port);
    buf_deinit(&text);
}

static void try_proxy(const char *text)
{
    struct error err = {0};
    struct proxy proxy = {0};
    if (proxy_init(&proxy, text, &err) == 0) {
        expect(proxy.url && proxy.endpoint);
        expect(is_safe(slice_of(proxy.endpoint)));
        expect(!proxy.authorization || strpbrk(proxy.authorization, "\r\n") == NULL);
    } else {
        expect(err.message[0]);
    }
    proxy_deinit(&proxy);
}

static void try_address(const char *text)
{
    char *host = NULL, *again = NULL, whole[512];
    int port = -1, same = -1;
    if (address_parse(text, &host, &port) != 0) {
        expect(formats_address(text) != NULL);
        return;
    }
    expect(port >= 0 && port <= 65535);
    snprintf(whole, sizeof(whole), strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    expect(address_parse(whole, &again, &same) == 0);
    expect(strcmp(host, again) == 0 && port == same);
    expect(address_is_loopback(host) == address_is_loopback(again));
    free(host);
    free(again);
}

static void try_formats(const char *text)
{
    formats_name(text);
    formats_target(text);
    if (!formats_base_url(text))
        expect(strpbrk(text, "?# \r\n") == NULL);
    if (!formats_header(text) || !formats_header_value(text))
        expect(strpbrk(text, "\r\n") == NULL);
    if (!formats_proxy(text))
        try_proxy(text);
    if (!formats_origin(text))
        expect(strpbrk(text, "\r\n \t") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct url url;
    struct error err = {0};
    char *text = mem_dup((const char *)data, len);

    if (url_parse(&url, text, &err) == 0)
        check_url(&url);
    else
        expect(err.kind == ERROR_BAD_REQUEST);
    try_proxy(text);
    try_address(text);
    try_formats(text);
    free(text);
    return 0;
}
