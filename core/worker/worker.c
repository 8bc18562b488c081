#include "worker/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/response.h"
#include "http/server.h"
#include "loop/pace.h"
#include "lua/alarm.h"
#include "lua/background.h"
#include "lua/call.h"
#include "lua/inner_call.h"
#include "worker/base.h"
#include "worker/tidy.h"

enum {
    TASK_POLL_MS = 5,         // while the last tasks end after a drain
    BACKGROUND_WAIT_MS = 500, // then what runs in the background is canceled
    TASK_WAIT_MS = 2000,      // then they count as lost
};

struct worker {
    struct worker_shared *shared;
    unsigned number;
    struct worker_base base;
    struct tidy tidy;
    struct server *server, *admin;
    int fd, admin_fd;
    uv_async_t drain_signal;
    struct pace pace;
    struct timer drain_timer;
    unsigned servers_left;
    uint64_t drained_ms; // when the last connection had closed
    bool is_draining;
    struct worker_leak leak;
    void (*on_end)(void *owner);
    void *owner;
    pthread_t thread;
    pthread_mutex_t mutex; // guards the three fields below
    pthread_cond_t became_ready;
    bool is_ready;
    int rc;
    struct error err;
};

// ---- requests ---------------------------------------------------------------------------------

static void on_request(void *owner, struct exchange *exchange)
{
    struct worker *worker = owner;
    tidy_note(&worker->tidy);
    call_start(worker->base.vm, exchange, CALL_MAIN);
}

static void on_admin_request(void *owner, struct exchange *exchange)
{
    struct worker *worker = owner;
    call_start(worker->base.vm, exchange, CALL_ADMIN);
}

static void on_gone(void *owner, struct exchange *exchange)
{
    (void)owner;
    struct call *call = exchange_data(exchange);
    if (call)
        call_on_gone(call);
}

static void on_drain(void *owner, struct exchange *exchange)
{
    (void)owner;
    struct call *call = exchange_data(exchange);
    if (call)
        call_on_drain(call);
}

static void format_error(void *owner, struct slice target, int status, const char *message,
                         struct buf *out)
{
    (void)owner;
    response_error_body(target, status, message, out);
}

static void on_refused(void *owner, int status, const char *message)
{
    struct worker *worker = owner;
    struct metric_names *names = worker->shared->names;
    struct slice values[] = {SLICE("other"), SLICE("client_error")};

    metric_add(metrics_series(names->metrics, names->requests, values), 1);
    log_event(worker->shared->log, LOG_INFO, "refused with %d: %s", status, message);
}

static const struct server_handler handler = {
    .on_request = on_request,
    .on_gone = on_gone,
    .on_drain = on_drain,
    .format_error = format_error,
    .on_refused = on_refused,
};

static const struct server_handler admin_handler = {
    .on_request = on_admin_request,
    .on_gone = on_gone,
    .on_drain = on_drain,
    .format_error = format_error,
    .on_refused = on_refused,
};

static void on_turn(void *owner, uint64_t ns)
{
    struct worker *worker = owner;
    struct metric_names *names = worker->shared->names;
    double seconds = (double)ns / 1e9;

    metric_observe(names->loop_turn, seconds);
    metric_raise(names->loop_turn_max, seconds);
}

// ---- draining ---------------------------------------------------------------------------------

static void close_base(struct worker *worker)
{
    worker->leak.connections = server_connections(worker->server);
    server_free(worker->server);
    if (worker->admin) {
        worker->leak.connections += server_connections(worker->admin);
        server_free(worker->admin);
    }
    worker->leak.tasks = worker->base.vm->task_count;
    tidy_stop(&worker->tidy);
    uv_close((uv_handle_t *)&worker->drain_signal, NULL);
    pace_close(&worker->pace);
    worker_base_close(&worker->base);
}

// A request whose client has gone may still be on its way out of its last wait.
static void await_tasks(void *owner)
{
    struct worker *worker = owner;
    uint64_t waited_ms = timers_now_ms(worker->base.timers) - worker->drained_ms;

    if (waited_ms >= BACKGROUND_WAIT_MS)
        background_cancel_all(worker->base.vm);
    if (worker->base.vm->task_count && waited_ms < TASK_WAIT_MS) {
        timer_start(worker->base.timers, &worker->drain_timer, TASK_POLL_MS);
        return;
    }
    close_base(worker);
}

static void on_server_drained(void *owner)
{
    struct worker *worker = owner;

    if (--worker->servers_left)
        return;
    timer_stop(worker->base.timers, &worker->drain_timer);
    inner_call_cancel_loose(worker->base.vm); // nobody waits for their answers
    worker->drained_ms = timers_now_ms(worker->base.timers);
    worker->drain_timer.on_due = await_tasks;
    timer_start(worker->base.timers, &worker->drain_timer, 0);
}

static void on_drain_limit(void *owner)
{
    struct worker *worker = owner;

    log_event(worker->shared->log, LOG_WARN, "drain: %zu connections were cut at limits.drain_time",
              server_connections(worker->server));
    server_abort(worker->server);
    if (worker->admin)
        server_abort(worker->admin);
}

static void on_drain_signal(uv_async_t *signal)
{
    struct worker *worker = signal->data;

    if (worker->is_draining)
        return;
    worker->is_draining = true;
    alarm_stop_all(worker->base.vm);
    worker->servers_left = worker->admin ? 2 : 1;
    worker->drain_timer = (struct timer){.on_due = on_drain_limit, .owner = worker};
    timer_start(worker->base.timers, &worker->drain_timer,
                worker->base.vm->config->limits.drain_time);
    struct server *admin = worker->admin;
    server_drain(worker->server, on_server_drained);
    if (admin)
        server_drain(admin, on_server_drained);
}

// ---- the thread -------------------------------------------------------------------------------

static void tell_ready(struct worker *worker, int rc, const struct error *err)
{
    pthread_mutex_lock(&worker->mutex);
    worker->is_ready = true;
    worker->rc = rc;
    if (rc != 0)
        worker->err = *err;
    pthread_cond_signal(&worker->became_ready);
    pthread_mutex_unlock(&worker->mutex);
}

static struct server_limits server_limits(struct worker *worker)
{
    const struct config_limits *limits = &worker->base.vm->config->limits;
    return (struct server_limits){
        .body = limits->body,
        .head = limits->head,
        .headers = limits->headers,
        .connections = worker->shared->connections,
        .head_time = limits->head_time,
        .body_time = limits->body_time,
        .idle_time = limits->idle_time,
        .write_time = limits->write_time,
        .bodies_held = &worker->shared->bodies_held,
        .bodies_total = limits->bodies_total,
    };
}

static int open_listeners(struct worker *worker, struct error *err)
{
    struct server_limits limits = server_limits(worker);

    worker->server = server_new(worker->base.loop, worker->fd, &limits, &handler, worker, err);
    if (!worker->server)
        return -1;
    if (worker->admin_fd < 0)
        return 0;
    worker->admin =
        server_new(worker->base.loop, worker->admin_fd, &limits, &admin_handler, worker, err);
    return worker->admin ? 0 : -1;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct error err;

    int rc = worker_base_open(&worker->base, worker->shared, worker->number, &err);
    if (rc == 0) {
        tidy_init(&worker->tidy, &worker->base, worker->shared->names->requests_in_flight);
        worker->drain_signal.data = worker;
        uv_async_init(&worker->base.loop->uv, &worker->drain_signal, on_drain_signal);
        pace_open(&worker->pace, worker->base.loop, on_turn, worker);
        rc = open_listeners(worker, &err);
    }
    tell_ready(worker, rc, &err);
    if (rc == 0)
        uv_run(&worker->base.loop->uv, UV_RUN_DEFAULT);
    if (rc == 0)
        worker->leak.handles = worker_base_free(&worker->base);
    worker->on_end(worker->owner);
    return NULL;
}

struct mailbox *worker_mailbox(struct worker *worker)
{
    return &worker->base.mailbox;
}

struct vm *worker_vm(struct worker *worker)
{
    return worker->base.vm;
}

void worker_on_commit(struct worker *worker)
{
    struct server_limits limits = server_limits(worker);

    server_set_limits(worker->server, &limits);
    if (worker->admin)
        server_set_limits(worker->admin, &limits);
    tidy_note(&worker->tidy);
}

struct worker *worker_start(struct worker_shared *shared, unsigned number, int fd, int admin_fd,
                            void (*on_end)(void *owner), void *owner)
{
    struct worker *worker = mem_alloc(sizeof(*worker));

    worker->shared = shared;
    worker->number = number;
    worker->fd = fd;
    worker->admin_fd = admin_fd;
    worker->on_end = on_end;
    worker->owner = owner;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->became_ready, NULL);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        abort();
    return worker;
}

int worker_wait_ready(struct worker *worker, struct error *err)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->is_ready)
        pthread_cond_wait(&worker->became_ready, &worker->mutex);
    int rc = worker->rc;
    if (rc != 0)
        *err = worker->err;
    pthread_mutex_unlock(&worker->mutex);
    return rc;
}

void worker_drain(struct worker *worker)
{
    uv_async_send(&worker->drain_signal);
}

struct worker_leak worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    struct worker_leak leak = worker->leak;
    pthread_cond_destroy(&worker->became_ready);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return leak;
}

int worker_check(struct worker_shared *shared, struct buf *summary, struct error *err)
{
    struct worker_base base;

    int rc = worker_base_open(&base, shared, 0, err);
    if (rc == 0 && summary)
        vm_summary(base.vm, summary);
    worker_base_close(&base);
    uv_run(&base.loop->uv, UV_RUN_DEFAULT);
    worker_base_free(&base);
    return rc;
}
