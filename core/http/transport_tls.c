#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/multis.h"
#include "http/transport.h"

// The most that one TLS record holds.
enum { RECORD_SIZE = 16 * 1024 };

// What could not be written at once; exists only then.
struct queued {
    char *first; // owned copy of the first segment
    size_t done; // bytes written of all segments together
    size_t count;
    struct slice segments[];
};

struct tls {
    struct transport base;
    uv_poll_t poll;
    CURL *easy;          // owned
    struct multi *multi; // where `easy` has its place
    int *fd;             // owned, and the socket in it
    bool is_broken;      // a write failed
    int polled;          // events the poll is armed for
    struct queued *queued;
};

static struct tls *tls_of(struct transport *transport)
{
    return (struct tls *)transport;
}

static void on_poll(uv_poll_t *poll, int status, int events);

// Starting a poll costs two system calls, so it is left armed where that is possible.
static void arm(struct tls *tls, int events)
{
    if (events == tls->polled)
        return;
    tls->polled = events;
    if (events)
        uv_poll_start(&tls->poll, events, on_poll);
    else
        uv_poll_stop(&tls->poll);
}

// Reads until libcurl has no more: what TLS has decrypted already is not announced by the poll.
static void read_on(struct tls *tls)
{
    struct transport *base = &tls->base;
    struct loop *loop = base->turn->loop;
    CURLcode rc = CURLE_OK;
    size_t len = 1, total = 0;

    for (int i = 0; i < TRANSPORT_BURST_READS && total < TRANSPORT_BURST_BYTES; i++) {
        len = 0;
        rc = curl_easy_recv(tls->easy, loop->read_buf, sizeof(loop->read_buf), &len);
        if (rc != CURLE_OK || len == 0)
            break;
        total += len;
        base->events->on_read(base->owner, loop->read_buf, len);
        if (base->is_closed || base->is_paused)
            break;
    }
    if (total && !base->is_closed)
        base->events->on_pause(base->owner);
    if (base->is_closed || base->is_paused)
        return;
    if (rc == CURLE_OK && len)
        turn_add(base->turn, &base->again);
    else if (rc != CURLE_AGAIN)
        transport_end(base, rc == CURLE_OK ? NULL : curl_easy_strerror(rc));
    else if (tls->is_broken)
        transport_end(base, "the connection is broken");
}

static void read_again(struct turn_item *item)
{
    read_on(tls_of(LIST_ITEM(item, struct transport, again)));
}

static void tls_read_start(struct transport *transport)
{
    struct tls *tls = tls_of(transport);
    arm(tls, tls->polled | UV_READABLE);
    turn_add(transport->turn, &transport->again);
}

static void tls_read_stop(struct transport *transport)
{
    struct tls *tls = tls_of(transport);
    arm(tls, tls->polled & ~UV_READABLE);
}

// The next bytes to send: what follows the first `done` of all segments, at least a full record's
// worth if there is that much, so that a head and a small body are one record and one write.
static struct slice next_piece(const struct slice *segments, size_t count, size_t done,
                               char record[RECORD_SIZE])
{
    size_t i = 0, used = 0;
    while (i < count && done >= segments[i].len)
        done -= segments[i++].len;
    if (i == count)
        return (struct slice){NULL, 0};
    struct slice rest = {segments[i].data + done, segments[i].len - done};
    if (rest.len >= RECORD_SIZE || i + 1 == count)
        return rest;
    for (; i < count && used < RECORD_SIZE; i++, done = 0) {
        size_t len = segments[i].len - done;
        if (len > RECORD_SIZE - used)
            len = RECORD_SIZE - used;
        if (len)
            memcpy(record + used, segments[i].data + done, len);
        used += len;
    }
    return (struct slice){record, used};
}

// Sends what follows the first `*done` bytes. After CURLE_AGAIN the same bytes are offered again,
// maybe at another address: the connector has set the modes that allow it.
static enum transport_result send_on(struct tls *tls, const struct slice *segments, size_t count,
                                     size_t *done)
{
    char record[RECORD_SIZE];
    size_t end = *done + TRANSPORT_BURST_BYTES;

    while (*done < end) {
        struct slice piece = next_piece(segments, count, *done, record);
        size_t len = 0;
        if (!piece.len)
            return TRANSPORT_WRITTEN;
        CURLcode rc = curl_easy_send(tls->easy, piece.data, piece.len, &len);
        if (rc != CURLE_OK && rc != CURLE_AGAIN)
            return TRANSPORT_BROKEN;
        if (!len)
            break;
        *done += len;
    }
    return TRANSPORT_QUEUED;
}

static void queue_free(struct tls *tls)
{
    if (!tls->queued)
        return;
    free(tls->queued->first);
    free(tls->queued);
    tls->queued = NULL;
}

// The failure is told by the reading side, behind what the peer may have answered before.
static void become_broken(struct tls *tls)
{
    tls->is_broken = true;
    if (!tls->base.is_paused)
        turn_add(tls->base.turn, &tls->base.again);
}

static void write_on(struct tls *tls)
{
    struct queued *queued = tls->queued;
    if (!queued)
        return;
    enum transport_result result = send_on(tls, queued->segments, queued->count, &queued->done);
    if (result == TRANSPORT_QUEUED)
        return;
    queue_free(tls);
    arm(tls, tls->polled & ~UV_WRITABLE);
    if (result == TRANSPORT_BROKEN)
        become_broken(tls);
    else
        tls->base.events->on_written(tls->base.owner);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct tls *tls = poll->data;

    loop_woke(tls->base.turn->loop);
    if (status < 0) { // libuv has stopped the poll; what came before the reset can still be read
        tls->polled = 0;
        become_broken(tls);
        return;
    }
    if (events & UV_WRITABLE)
        write_on(tls);
    if ((events & UV_READABLE) && !tls->base.is_closed && !tls->base.is_paused)
        read_on(tls);
}

static enum transport_result tls_write(struct transport *transport, const struct slice *segments,
                                       size_t count)
{
    struct tls *tls = tls_of(transport);
    size_t done = 0;
    enum transport_result result = send_on(tls, segments, count, &done);

    if (result == TRANSPORT_BROKEN)
        become_broken(tls);
    if (result != TRANSPORT_QUEUED)
        return result;
    tls->queued = mem_alloc(sizeof(*tls->queued) + count * sizeof(*segments));
    tls->queued->done = done;
    tls->queued->count = count;
    memcpy(tls->queued->segments, segments, count * sizeof(*segments));
    tls->queued->first = mem_dup(segments[0].data, segments[0].len);
    tls->queued->segments[0].data = tls->queued->first;
    arm(tls, tls->polled | UV_WRITABLE);
    return result;
}

static void on_closed(uv_handle_t *handle)
{
    struct tls *tls = handle->data;
    struct turn *turn = tls->base.turn;
    free(tls->base.place);
    free(tls);
    turn_release(turn);
}

static void tls_close(struct transport *transport)
{
    struct tls *tls = tls_of(transport);

    uv_close((uv_handle_t *)&tls->poll, on_closed);
    multi_remove(tls->multi, tls->easy);
    curl_easy_cleanup(tls->easy);
    close(*tls->fd);
    free(tls->fd);
    queue_free(tls);
}

static const struct transport_type tls_type = {
    .write = tls_write,
    .read_start = tls_read_start,
    .read_stop = tls_read_stop,
    .close = tls_close,
};

struct transport *transport_tls_new(struct turn *turn, CURL *easy, struct multi *multi, int *fd)
{
    struct tls *tls = mem_alloc(sizeof(*tls));

    if (uv_poll_init(&turn->loop->uv, &tls->poll, *fd) != 0) {
        multi_remove(multi, easy);
        curl_easy_cleanup(easy);
        close(*fd);
        free(fd);
        free(tls);
        return NULL;
    }
    transport_init(&tls->base, &tls_type, turn, read_again);
    tls->poll.data = tls;
    tls->easy = easy;
    tls->multi = multi;
    tls->fd = fd;
    arm(tls, UV_READABLE);
    return &tls->base;
}
