#include "lua/fetch_split.h"

#include <string.h>

#include "base/limits.h"

// Before the bytes of each item in the queue.
struct record {
    size_t name_len, data_len;
    bool has_name;
};

static int add(struct fetch_split *split, struct slice name, struct slice data)
{
    struct record record = {name.len, data.len, name.data != NULL};
    struct buf *queue = &split->queue;

    if (buf_reserve(queue, sizeof(record) + name.len + data.len) != 0)
        return -1;
    buf_add(queue, &record, sizeof(record));
    if (name.data)
        buf_add_slice(queue, name);
    return data.len ? buf_add_slice(queue, data) : 0;
}

static int on_event(void *owner, const struct stream_event *event)
{
    return event->data.data ? add(owner, event->name, event->data) : 0;
}

void fetch_split_init(struct fetch_split *split, enum fetch_form form)
{
    split->form = form;
    if (form == FETCH_EVENTS)
        sse_parser_init(&split->sse, LIMIT_SSE_EVENT, on_event, split);
    buf_init(&split->carry, LIMIT_SSE_EVENT);
    buf_init(&split->queue, (size_t)2 * LIMIT_SSE_EVENT);
}

void fetch_split_deinit(struct fetch_split *split)
{
    if (split->form == FETCH_EVENTS)
        sse_parser_deinit(&split->sse);
    buf_deinit(&split->carry);
    buf_deinit(&split->queue);
}

static int add_line(struct fetch_split *split, struct slice line)
{
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line.len ? add(split, (struct slice){NULL, 0}, line) : 0;
}

static int feed_lines(struct fetch_split *split, struct slice bytes)
{
    const char *end = bytes.data + bytes.len, *stop;

    while (bytes.len && (stop = memchr(bytes.data, '\n', bytes.len))) {
        struct slice line = {bytes.data, (size_t)(stop - bytes.data)};
        if (split->carry.len) {
            if (buf_add_slice(&split->carry, line) != 0)
                return -1;
            line = buf_slice(&split->carry);
        }
        if (line.len > LIMIT_SSE_EVENT || add_line(split, line) != 0)
            return -1;
        buf_clear(&split->carry);
        bytes = (struct slice){stop + 1, (size_t)(end - stop - 1)};
    }
    return buf_add_slice(&split->carry, bytes);
}

static void drop_taken(struct fetch_split *split)
{
    if (fetch_split_has_items(split))
        return;
    buf_clear(&split->queue);
    split->taken = 0;
}

int fetch_split_feed(struct fetch_split *split, struct slice bytes)
{
    drop_taken(split);
    if (split->form == FETCH_EVENTS)
        return sse_parser_feed(&split->sse, bytes.data, bytes.len);
    return feed_lines(split, bytes);
}

int fetch_split_end(struct fetch_split *split)
{
    if (split->is_ended)
        return 0;
    split->is_ended = true;
    if (split->form == FETCH_EVENTS)
        return sse_parser_end(&split->sse);
    return add_line(split, buf_slice(&split->carry));
}

bool fetch_split_has_items(const struct fetch_split *split)
{
    return split->taken < split->queue.len;
}

bool fetch_split_take(struct fetch_split *split, struct fetch_item *item)
{
    struct record record;

    if (!fetch_split_has_items(split))
        return false;
    const char *at = split->queue.data + split->taken;
    memcpy(&record, at, sizeof(record));
    at += sizeof(record);
    item->name = (struct slice){record.has_name ? at : NULL, record.name_len};
    item->data = (struct slice){at + record.name_len, record.data_len};
    split->taken += sizeof(record) + record.name_len + record.data_len;
    return true;
}
