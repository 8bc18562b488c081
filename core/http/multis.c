#include "http/multis.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

enum { SLICE_NS = 1500 * 1000 };

struct multi {
    struct list node; // in multis->with_room or ->full
    struct multis *multis;
    CURLM *curl;
    uv_timer_t timer;
    size_t count;    // easy handles in it
    bool is_driving; // inside drive(): closing waits for its end
};

// Stays until the whole is closed: there are as many as certificate files.
struct share {
    struct list node; // in multis->shares
    const void *trust;
    CURLSH *curl;
};

// A socket that libcurl wants watched.
struct watch {
    uv_poll_t poll;
    struct multi *multi;
    struct turn *turn; // outlives the multi, which may go first
    curl_socket_t fd;
};

static void on_timer_closed(uv_handle_t *handle)
{
    struct multi *multi = handle->data;
    struct turn *turn = multi->multis->turn;
    free(multi);
    turn_release(turn);
}

// One multi handle with room is kept for the next connection, unless the whole is closing.
static void close_if_unused(struct multi *multi, bool keep_last)
{
    struct list *with_room = &multi->multis->with_room;
    if (multi->count || multi->is_driving)
        return;
    if (keep_last && with_room->next == &multi->node && with_room->prev == &multi->node)
        return;
    list_remove(&multi->node);
    curl_multi_cleanup(multi->curl);
    uv_close((uv_handle_t *)&multi->timer, on_timer_closed);
}

// The steps of a TLS handshake take up to a millisecond each, and connections come in crowds: past
// its slice of a turn the rest waits for the next one. The first step of a turn always goes.
static bool is_over_slice(struct multis *multis)
{
    uint64_t turn = multis->turn->loop->turns;
    if (multis->slice_turn != turn) {
        multis->slice_turn = turn;
        multis->slice_used_ns = 0;
    }
    return multis->slice_used_ns > SLICE_NS;
}

static void drive(struct multi *multi, curl_socket_t fd, int events)
{
    struct multis *multis = multi->multis;
    uint64_t began_ns = clock_monotonic_ns();
    int running;
    CURLMsg *message;

    multi->is_driving = true;
    curl_multi_socket_action(multi->curl, fd, events, &running);
    // Asked anew each time: what is called may remove other handles with messages of their own.
    while ((message = curl_multi_info_read(multi->curl, &running))) {
        if (message->msg == CURLMSG_DONE)
            multis->on_ended(message->easy_handle, message->data.result);
    }
    multi->is_driving = false;
    close_if_unused(multi, !multis->is_closed);
    multis->slice_used_ns += clock_monotonic_ns() - began_ns;
}

static void on_timer(uv_timer_t *timer)
{
    struct multi *multi = timer->data;
    if (is_over_slice(multi->multis))
        uv_timer_start(timer, on_timer, 1, 0);
    else
        drive(multi, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    loop_woke(watch->turn->loop);
    if (status == 0 && is_over_slice(watch->multi->multis))
        return; // the socket stays ready
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    drive(watch->multi, watch->fd, flags);
}

static int on_timeout_change(CURLM *curl, long timeout_ms, void *clientp)
{
    struct multi *multi = clientp;
    (void)curl;
    if (timeout_ms < 0)
        uv_timer_stop(&multi->timer);
    else
        uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    struct turn *turn = watch->turn;
    free(watch);
    turn_release(turn);
}

static struct watch *watch_new(struct multi *multi, curl_socket_t fd)
{
    struct watch *watch = mem_alloc(sizeof(*watch));
    if (uv_poll_init(&multi->multis->turn->loop->uv, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->multi = multi;
    watch->turn = multi->multis->turn;
    watch->fd = fd;
    turn_hold(watch->turn);
    curl_multi_assign(multi->curl, fd, watch);
    return watch;
}

// REMOVE means "stop watching"; libcurl may come back with the same socket, which then gets a new
// watch. It always comes before libcurl closes a socket.
static int on_watch_change(CURL *easy, curl_socket_t fd, int what, void *clientp, void *socketp)
{
    struct multi *multi = clientp;
    struct watch *watch = socketp;
    (void)easy;

    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(multi->curl, fd, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
        }
        return 0;
    }
    if (!watch && !(watch = watch_new(multi, fd)))
        return -1;
    int events = what & CURL_POLL_IN ? UV_READABLE : 0;
    events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    uv_poll_start(&watch->poll, events, on_poll);
    return 0;
}

static struct multi *multi_new(struct multis *multis)
{
    struct multi *multi = mem_alloc(sizeof(*multi));

    multi->multis = multis;
    multi->curl = curl_multi_init();
    if (!multi->curl)
        abort();
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_watch_change);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timeout_change);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    // Connections with a place must not push each other out of libcurl's cache.
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, 4L * LIMIT_CURL_HANDLES);
    uv_timer_init(&multis->turn->loop->uv, &multi->timer);
    multi->timer.data = multi;
    turn_hold(multis->turn);
    list_add_front(&multis->with_room, &multi->node);
    return multi;
}

void multis_init(struct multis *multis, struct turn *turn,
                 void (*on_ended)(CURL *easy, CURLcode result))
{
    *multis = (struct multis){.turn = turn, .on_ended = on_ended};
    list_init(&multis->shares);
    list_init(&multis->with_room);
    list_init(&multis->full);
}

void multis_close(struct multis *multis)
{
    multis->is_closed = true;
    for (struct list *node = multis->with_room.next; node != &multis->with_room;) {
        struct multi *multi = LIST_ITEM(node, struct multi, node);
        node = node->next;
        close_if_unused(multi, false);
    }
    for (struct list *node = multis->shares.next, *next; node != &multis->shares; node = next) {
        struct share *share = LIST_ITEM(node, struct share, node);
        next = node->next;
        curl_share_cleanup(share->curl);
        free(share);
    }
    list_init(&multis->shares);
}

static CURLSH *share_of(struct multis *multis, const void *trust)
{
    struct share *share;
    for (struct list *node = multis->shares.next; node != &multis->shares; node = node->next) {
        share = LIST_ITEM(node, struct share, node);
        if (share->trust == trust)
            return share->curl;
    }
    share = mem_alloc(sizeof(*share));
    share->trust = trust;
    share->curl = curl_share_init();
    if (!share->curl)
        abort();
    curl_share_setopt(share->curl, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share->curl, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    list_add_front(&multis->shares, &share->node);
    return share->curl;
}

struct multi *multis_add(struct multis *multis, CURL *easy, const void *trust)
{
    struct multi *multi = list_is_empty(&multis->with_room)
                              ? multi_new(multis)
                              : LIST_ITEM(multis->with_room.next, struct multi, node);
    curl_easy_setopt(easy, CURLOPT_SHARE, share_of(multis, trust));
    if (curl_multi_add_handle(multi->curl, easy) != CURLM_OK) {
        close_if_unused(multi, true);
        return NULL;
    }
    if (++multi->count == LIMIT_CURL_HANDLES) {
        list_remove(&multi->node);
        list_add_front(&multis->full, &multi->node);
    }
    return multi;
}

void multi_remove(struct multi *multi, CURL *easy)
{
    curl_multi_remove_handle(multi->curl, easy);
    if (multi->count-- == LIMIT_CURL_HANDLES) {
        list_remove(&multi->node);
        list_add_back(&multi->multis->with_room, &multi->node);
    }
    close_if_unused(multi, true);
}
