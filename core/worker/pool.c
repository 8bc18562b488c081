#include "worker/pool.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"
#include "http/server.h"
#include "worker/control.h"
#include "worker/worker.h"

enum {
    FDS_RESERVED = 64,      // log, .env, certificates, epoll: not for connections
    FDS_PER_CONNECTION = 2, // a client may need an upstream
    SIGNAL_WORKER_END = SIGUSR2,
};

struct pool {
    const struct config *config; // of the first generation
    struct control *control;     // owned
    atomic_bool control_has_ended;
    struct worker_shared shared;
    struct worker **workers; // owned
    int started;
    pthread_t main_thread;
    atomic_int running; // workers that have not ended; signals alone merge
    int port, admin_port;
};

static size_t raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return (size_t)(setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft);
}

// Makes the kernel's table of descriptors as large as it may become. While a process has threads
// each doubling of it waits for all processors: up to 20 ms that a loop stands still.
static void grow_file_table(size_t files)
{
    int highest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, (int)files - 1);
    if (highest >= 0)
        close(highest);
}

static size_t connections_per_worker(const struct config *config)
{
    size_t files = raise_file_limit();
    size_t spare = files > FDS_RESERVED ? files - FDS_RESERVED : 0;
    size_t possible = spare / FDS_PER_CONNECTION > 64 ? spare / FDS_PER_CONNECTION : 64;
    size_t total = config->limits.connections;
    size_t workers = (size_t)config->workers;
    if (total > possible) {
        fprintf(stderr,
                "limits.connections: %zu need %zu open files and %zu are allowed: at most %zu "
                "clients are served at once (ulimit -n, LimitNOFILE)\n",
                total, total * FDS_PER_CONNECTION + FDS_RESERVED, files, possible);
        total = possible;
    }
    grow_file_table(total * FDS_PER_CONNECTION + FDS_RESERVED);
    return (total + workers - 1) / workers;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGNAL_WORKER_END);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void on_worker_end(void *owner)
{
    struct pool *pool = owner;
    atomic_fetch_sub(&pool->running, 1);
    pthread_kill(pool->main_thread, SIGNAL_WORKER_END);
}

static void on_control_end(void *owner)
{
    struct pool *pool = owner;
    atomic_store(&pool->control_has_ended, true);
    pthread_kill(pool->main_thread, SIGNAL_WORKER_END);
}

// ---- starting ---------------------------------------------------------------------------------

static int start_worker(struct pool *pool, bool is_first, struct error *err)
{
    const struct config *config = pool->config;
    int admin_fd = -1;
    int fd = server_bind(config->listen_host, pool->port, is_first, &pool->port, err);

    if (fd < 0)
        return -1;
    if (config->admin_host) {
        admin_fd =
            server_bind(config->admin_host, pool->admin_port, is_first, &pool->admin_port, err);
        if (admin_fd < 0) {
            close(fd);
            return -1;
        }
    }
    atomic_fetch_add(&pool->running, 1);
    struct worker *worker =
        worker_start(&pool->shared, pool->started, fd, admin_fd, on_worker_end, pool);
    pool->workers[pool->started++] = worker;
    return worker_wait_ready(worker, err);
}

static int start_workers(struct pool *pool, struct error *err)
{
    pool->workers = mem_alloc((size_t)pool->config->workers * sizeof(struct worker *));
    for (int i = 0; i < pool->config->workers; i++) {
        if (start_worker(pool, i == 0, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static void greet(const struct pool *pool, const struct buf *summary)
{
    const struct config *config = pool->config;
    const char *open = strchr(config->listen_host, ':') ? "[" : "";
    const char *shut = *open ? "]" : "";

    fprintf(stderr, "tidegate %s listening on http://%s%s%s:%d\n", TIDEGATE_VERSION, open,
            config->listen_host, shut, pool->port);
    if (config->admin_host)
        fprintf(stderr, "admin on http://%s:%d\n", config->admin_host, pool->admin_port);
    fprintf(stderr, "%.*s, %d worker%s, configuration: %s\n", (int)summary->len,
            summary->data ? summary->data : "", config->workers, config->workers == 1 ? "" : "s",
            config->file ? config->file : "none (providers from the environment and .env)");
    if (!config->file && !is_wildcard(config->listen_host))
        fprintf(stderr,
                "try it:\n  curl -N http://%s%s%s:%d/v1/chat/completions"
                " -H 'content-type: application/json' -d '{\"model\":\"mock/gpt\",\"stream\":true,"
                "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
                open, config->listen_host, shut, pool->port);
}

// ---- until the end ----------------------------------------------------------------------------

static void drain(struct pool *pool)
{
    fprintf(stderr, "draining: running requests may finish; a second signal ends at once\n");
    for (int i = 0; i < pool->started; i++)
        worker_drain(pool->workers[i]);
}

static void on_signal(struct pool *pool, int number, bool *is_draining)
{
    if (number == SIGHUP && !*is_draining) {
        control_reload(pool->control);
    } else if (number == SIGHUP) {
        fprintf(stderr, "SIGHUP while draining: nothing is reloaded any more\n");
    } else if (!*is_draining) {
        *is_draining = true;
        control_stop(pool->control); // the workers drain when nobody sends them anything any more
    } else {
        fprintf(stderr, "ended without waiting for running requests\n");
        _exit(128 + number);
    }
}

static void serve(struct pool *pool, const sigset_t *signals)
{
    bool is_draining = false, is_told = false;

    while (atomic_load(&pool->running)) {
        int number = 0;
        sigwait(signals, &number);
        if (number != SIGNAL_WORKER_END)
            on_signal(pool, number, &is_draining);
        if (atomic_load(&pool->control_has_ended) && !is_told) {
            is_told = true;
            drain(pool);
        }
    }
}

static int join_all(struct pool *pool)
{
    struct worker_leak sum = {0};

    for (int i = 0; i < pool->started; i++) {
        struct worker_leak leak = worker_join(pool->workers[i]);
        sum.connections += leak.connections;
        sum.handles += leak.handles;
        sum.tasks += leak.tasks;
    }
    sum.handles += control_free(pool->control);
    fprintf(stderr, "drained: %zu connections, %zu handles, %zu tasks\n", sum.connections,
            sum.handles, sum.tasks);
    return sum.connections || sum.handles || sum.tasks ? 1 : 0;
}

static void add_secrets(struct pool *pool)
{
    const struct config *config = pool->config;
    for (size_t i = 0; i < config->secret_count; i++)
        log_add_secret(pool->shared.log, slice_of(config->secrets[i].value));
}

static int check_and_start(struct pool *pool, struct error *err)
{
    struct buf summary;

    buf_init(&summary, 4096);
    add_secrets(pool);
    int rc = worker_check(&pool->shared, &summary, err);
    add_secrets(pool); // those that adapters looked up in the environment
    pool->shared.generation->config->is_shared = true;
    if (rc == 0)
        rc = start_workers(pool, err);
    if (rc == 0)
        control_start(pool->control, pool->workers, pool->started, on_control_end, pool);
    if (rc == 0)
        greet(pool, &summary);
    buf_deinit(&summary);
    return rc;
}

int pool_run(struct generation *generation, const struct reload_source *source, struct error *err)
{
    const struct config *config = generation->config;
    sigset_t signals;
    struct pool pool = {
        .config = config,
        .main_thread = pthread_self(),
        .port = config->listen_port,
        .admin_port = config->admin_port,
    };

    mem_keep();
    block_signals(&signals);
    pool.shared.generation = generation;
    pool.shared.connections = connections_per_worker(config);
    pool.shared.log = log_new(config->log_file, (enum log_level)config->log_level, err);
    if (!pool.shared.log)
        return 1;
    if (config->log_bodies) {
        pool.shared.bodies = log_new(config->log_bodies, LOG_INFO, err);
        if (!pool.shared.bodies) {
            log_free(pool.shared.log);
            error_set(err, ERROR_SCRIPT, "log.bodies: %s cannot be opened for appending",
                      config->log_bodies);
            return 1;
        }
    }
    pool.shared.names = metric_names_new();
    pool.shared.store = shared_store_new();
    pool.control = control_new(&pool.shared, source, generation);
    pool.shared.reloader = control_reloader(pool.control);
    int rc = check_and_start(&pool, err);
    if (rc == 0) {
        serve(&pool, &signals);
        rc = join_all(&pool);
    } else if (pool.started) {
        // A worker that cannot start leaves others running: nothing is served yet, nothing is lost.
        fprintf(stderr, "tidegate: %s\n", err->message);
        _exit(1);
    } else {
        control_free(pool.control);
    }
    log_free(pool.shared.log);
    log_free(pool.shared.bodies);
    metric_names_free(pool.shared.names);
    shared_store_free(pool.shared.store);
    free(pool.workers);
    return rc == 0 ? 0 : 1;
}
