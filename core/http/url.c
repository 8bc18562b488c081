#include "http/url.h"

#include <string.h>

#include "base/limits.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct slice between(const char *begin, const char *end)
{
    return (struct slice){begin, (size_t)(end - begin)};
}

static const char *find_last(struct slice text, char wanted)
{
    for (size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == wanted)
            return text.data + i - 1;
    }
    return NULL;
}

static int parse_port(struct url *url, struct slice text, struct error *err)
{
    int port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || port > 65535)
            return error_set(err, ERROR_BAD_REQUEST, "the port of the URL is no number");
        port = port * 10 + (text.data[i] - '0');
    }
    if (port < 1 || port > 65535)
        return error_set(err, ERROR_BAD_REQUEST, "the port of the URL is not within 1 to 65535");
    url->port = port;
    return 0;
}

static bool is_host(struct slice host, bool is_bracketed)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        if (!is_alnum(c) && c != '.' && !(is_bracketed ? c == ':' : c == '-' || c == '_'))
            return false;
    }
    return host.len > 0 && host.len <= 253;
}

static int parse_host(struct url *url, struct slice text, struct error *err)
{
    const char *end = text.data + text.len;
    bool is_bracketed = text.len && text.data[0] == '[';
    const char *stop;

    if (is_bracketed) {
        stop = memchr(text.data, ']', text.len);
        if (!stop)
            return error_set(err, ERROR_BAD_REQUEST, "the host of the URL lacks its ']'");
        url->host = between(text.data + 1, stop);
        stop++;
    } else {
        stop = memchr(text.data, ':', text.len);
        if (!stop)
            stop = end;
        url->host = between(text.data, stop);
    }
    if (!is_host(url->host, is_bracketed))
        return error_set(err, ERROR_BAD_REQUEST, "the URL has no valid host name");
    if (stop == end)
        return 0;
    if (*stop != ':')
        return error_set(err, ERROR_BAD_REQUEST, "the URL has no valid host name");
    return parse_port(url, between(stop + 1, end), err);
}

static int check_path(struct slice path, struct error *err)
{
    if (path.len && path.data[0] != '/')
        return error_set(err, ERROR_BAD_REQUEST, "the path of the URL must begin with '/'");
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] <= ' ' || path.data[i] > '~' || path.data[i] == '#')
            return error_set(err, ERROR_BAD_REQUEST,
                             "the path of the URL has a byte that must be percent-encoded");
    }
    return 0;
}

int url_parse(struct url *url, const char *text, struct error *err)
{
    *url = (struct url){.port = 0};
    if (strlen(text) > LIMIT_URI)
        return error_set(err, ERROR_BAD_REQUEST, "the URL is longer than %d bytes", LIMIT_URI);
    const char *rest = text;
    const char *colon = strstr(text, "://");
    if (colon && strcspn(text, "/?#@") > (size_t)(colon - text)) {
        url->scheme = between(text, colon);
        rest = colon + 3;
    }
    struct slice authority = between(rest, rest + strcspn(rest, "/?#"));
    url->path = slice_of(rest + authority.len);
    const char *at = find_last(authority, '@');
    if (at) {
        url->userinfo = between(authority.data, at);
        authority = between(at + 1, authority.data + authority.len);
    }
    if (parse_host(url, authority, err) != 0)
        return -1;
    return check_path(url->path, err);
}

static bool is_host_char(char c)
{
    return is_alnum(c) || (c && strchr("-._~%!$&'()*+;=", c));
}

bool url_is_host(struct slice host)
{
    const char *at = host.data, *end = host.data + host.len;
    if (at < end && *at == '[') {
        do
            at++;
        while (at < end && (is_host_char(*at) || *at == ':'));
        if (at == end || *at++ != ']')
            return false;
    } else {
        while (at < end && is_host_char(*at))
            at++;
    }
    if (at < end && *at == ':') {
        do
            at++;
        while (at < end && *at >= '0' && *at <= '9');
    }
    return at == end;
}

int url_encode(struct slice text, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char encoded[] = {'%', digits[c >> 4], digits[c & 15]};
        bool is_plain = is_alnum((char)c) || (c && strchr("-._~", c));
        if (buf_add(out, is_plain ? text.data + i : encoded, is_plain ? 1 : sizeof(encoded)) != 0)
            return -1;
    }
    return 0;
}
