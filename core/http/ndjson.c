#include "http/ndjson.h"

#include <string.h>

void ndjson_parser_init(struct ndjson_parser *parser, size_t limit, stream_event_cb on_event,
                        void *owner)
{
    *parser = (struct ndjson_parser){.on_event = on_event, .owner = owner};
    buf_init(&parser->carry, limit);
}

void ndjson_parser_deinit(struct ndjson_parser *parser)
{
    buf_deinit(&parser->carry);
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.data[i]) || !text.data[i])
            return false;
    }
    return true;
}

static int hand_over(struct ndjson_parser *parser, struct slice line, bool is_complete)
{
    struct stream_event event = {.raw = line, .is_complete = is_complete};
    struct slice data = line;

    if (is_complete)
        data.len--;
    if (data.len && data.data[data.len - 1] == '\r')
        data.len--;
    if (!is_blank(data))
        event.data = data;
    int rc = parser->on_event(parser->owner, &event);
    buf_trim(&parser->carry, STREAM_KEPT);
    return rc;
}

int ndjson_parser_feed(struct ndjson_parser *parser, const char *bytes, size_t len)
{
    struct buf *carry = &parser->carry;
    const char *p = bytes, *end = bytes + len;

    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        struct slice line = {p, (size_t)((eol ? eol + 1 : end) - p)};
        if (line.len > carry->limit - carry->len)
            return STREAM_TOO_LARGE;
        p += line.len;
        if (carry->len || !eol) {
            buf_add_slice(carry, line);
            line = buf_slice(carry);
        }
        int rc = eol ? hand_over(parser, line, true) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int ndjson_parser_end(struct ndjson_parser *parser)
{
    return parser->carry.len ? hand_over(parser, buf_slice(&parser->carry), false) : 0;
}

int ndjson_add(struct buf *out, struct slice text)
{
    size_t begin = out->len;

    if (text.len >= out->limit - out->len)
        return -1;
    buf_add_slice(out, text);
    for (char *p = out->data + begin; p < out->data + out->len; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    return buf_add(out, "\n", 1);
}
