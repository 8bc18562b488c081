#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/transport.h"

// More segments than this are not written at once but queued.
enum { DIRECT_SEGMENTS = 32 };

// What the kernel did not take at once; exists only then.
struct queued {
    uv_write_t request;
    char *first; // owned copy of the first segment
};

struct plain {
    struct transport base;
    uv_tcp_t tcp;
    size_t burst; // bytes read in this wake-up
};

static struct plain *plain_of(struct transport *transport)
{
    return (struct plain *)transport;
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct plain *plain = stream->data;
    struct transport *base = &plain->base;

    if (nread < 0) {
        transport_end(base, nread == UV_EOF ? NULL : uv_strerror((int)nread));
        return;
    }
    if (nread > 0)
        base->events->on_read(base->owner, buf->base, (size_t)nread);
    if (base->is_closed)
        return;
    plain->burst += (size_t)nread;
    // libuv reads on after a full buffer and tells with nread 0 when the socket is empty.
    bool is_full = (size_t)nread == buf->len && !base->is_paused;
    if (is_full && plain->burst < TRANSPORT_BURST_BYTES)
        return;
    if (is_full) {
        uv_read_stop(stream);
        turn_add(base->turn, &base->again);
    }
    plain->burst = 0;
    base->events->on_pause(base->owner);
}

static void plain_read_start(struct transport *transport)
{
    struct plain *plain = plain_of(transport);
    plain->burst = 0;
    uv_read_start((uv_stream_t *)&plain->tcp, loop_lend_buf, on_read);
}

static void plain_read_stop(struct transport *transport)
{
    uv_read_stop((uv_stream_t *)&plain_of(transport)->tcp);
}

static void read_again(struct turn_item *item)
{
    plain_read_start(LIST_ITEM(item, struct transport, again));
}

static void on_queue_written(uv_write_t *request, int status)
{
    struct plain *plain = request->handle->data;
    struct queued *queued = LIST_ITEM(request, struct queued, request);

    free(queued->first);
    free(queued);
    // A failure shows on the reading side too, behind what the peer may have answered before.
    if (status == 0 && !plain->base.is_closed)
        plain->base.events->on_written(plain->base.owner);
}

// Queues the segments without their first `done` bytes.
static enum transport_result queue(struct plain *plain, const struct slice *segments, size_t count,
                                   size_t done)
{
    struct queued *queued = mem_alloc(sizeof(*queued));
    uv_buf_t *bufs = mem_alloc(count * sizeof(*bufs));
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        size_t skip = done < segments[i].len ? done : segments[i].len;
        done -= skip;
        if (skip == segments[i].len)
            continue;
        char *bytes = (char *)segments[i].data + skip;
        size_t len = segments[i].len - skip;
        if (i == 0)
            bytes = queued->first = mem_dup(bytes, len);
        bufs[used++] = uv_buf_init(bytes, (unsigned)len);
    }
    int rc = uv_write(&queued->request, (uv_stream_t *)&plain->tcp, bufs, (unsigned)used,
                      on_queue_written);
    free(bufs);
    if (rc == 0)
        return TRANSPORT_QUEUED;
    free(queued->first);
    free(queued);
    return TRANSPORT_BROKEN;
}

static enum transport_result plain_write(struct transport *transport, const struct slice *segments,
                                         size_t count)
{
    struct plain *plain = plain_of(transport);
    uv_buf_t bufs[DIRECT_SEGMENTS];
    size_t n = 1, total = segments[0].len;

    bufs[0] = uv_buf_init((char *)segments[0].data, (unsigned)segments[0].len);
    for (size_t i = 1; i < count; i++) {
        total += segments[i].len;
        if (n < DIRECT_SEGMENTS)
            bufs[n++] = uv_buf_init((char *)segments[i].data, (unsigned)segments[i].len);
    }
    int written = uv_try_write((uv_stream_t *)&plain->tcp, bufs, (unsigned)n);
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        return TRANSPORT_BROKEN;
    if ((size_t)written == total)
        return TRANSPORT_WRITTEN;
    return queue(plain, segments, count, (size_t)written);
}

static void on_closed(uv_handle_t *handle)
{
    struct plain *plain = handle->data;
    struct turn *turn = plain->base.turn;
    free(plain->base.place);
    free(plain);
    turn_release(turn);
}

static void plain_close(struct transport *transport)
{
    uv_close((uv_handle_t *)&plain_of(transport)->tcp, on_closed);
}

static const struct transport_type plain_type = {
    .write = plain_write,
    .read_start = plain_read_start,
    .read_stop = plain_read_stop,
    .close = plain_close,
};

struct transport *transport_plain_new(struct turn *turn, int fd)
{
    struct plain *plain = mem_alloc(sizeof(*plain));

    transport_init(&plain->base, &plain_type, turn, read_again);
    uv_tcp_init(&turn->loop->uv, &plain->tcp);
    plain->tcp.data = plain;
    if (uv_tcp_open(&plain->tcp, fd) != 0) {
        close(fd);
        transport_close(&plain->base);
        return NULL;
    }
    uv_tcp_nodelay(&plain->tcp, 1);
    plain_read_start(&plain->base);
    return &plain->base;
}
