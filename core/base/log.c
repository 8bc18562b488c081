#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/logline.h"
#include "base/mem.h"

enum {
    COLLECT_MS = 20,       // lines gathered for one write
    COLLECT_BYTES = 65536, // or that many bytes, whichever is first
    STALL_MS = 50,         // how often a full pipe is looked at again
    CLOSING_MS = 1000,     // log_free() waits that long for a reader that has stopped
    PIPE_PIECE = 4096,     // PIPE_BUF: what a writable pipe takes without blocking
    LINE_BYTES = 2048,     // most lines fit
};

// Callers append whole lines to `pending`; the writer swaps it with `writing` and writes that
// without the lock.
struct log {
    atomic_int level; // enum log_level
    bool is_terminal, is_file;
    int fd;
    bool owns_fd;
    struct redact *redact;   // owned
    pthread_mutex_t secrets; // who adds to it
    atomic_uint_fast64_t dropped;
    _Atomic(char *) spare; // owned; LINE_BYTES for the next line, NULL while one is made in it
    atomic_bool is_closing;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; // guarded by lock, as the next four
    bool is_asleep;      // nothing is pending: the next line signals
    bool is_collecting;  // waits for more lines
    struct buf pending;
    struct buf writing;   // the writer's own
    uint64_t deadline_ns; // the writer's own: when closing, until when it tries
    bool has_torn_line;   // the writer's own: the last write ended inside a line
};

static void count_lines(struct log *log, const char *bytes, size_t len)
{
    uint64_t lines = 0;
    for (const char *end = bytes + len; (bytes = memchr(bytes, '\n', (size_t)(end - bytes)));)
        bytes++, lines++;
    atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

// Waits until the file takes bytes. Returns false when the log is closing and time is up.
static bool wait_writable(struct log *log)
{
    while (!log->is_file) {
        struct pollfd entry = {.fd = log->fd, .events = POLLOUT};
        if (poll(&entry, 1, STALL_MS) > 0)
            return true; // an error too: write() says which
        if (!atomic_load(&log->is_closing))
            continue;
        uint64_t now = clock_monotonic_ns();
        if (!log->deadline_ns)
            log->deadline_ns = now + CLOSING_MS * 1000000ull;
        if (now >= log->deadline_ns)
            return false;
    }
    return true;
}

// What cannot be written (disk full, reader gone) is dropped and counted, line by line.
static void write_out(struct log *log, const char *bytes, size_t len)
{
    while (len) {
        size_t piece = log->is_file || len < PIPE_PIECE ? len : PIPE_PIECE;
        ssize_t sent = wait_writable(log) ? write(log->fd, bytes, piece) : -2;
        if (sent == -1 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent < 0) {
            count_lines(log, bytes, len);
            return;
        }
        log->has_torn_line = sent ? bytes[sent - 1] != '\n' : log->has_torn_line;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void write_batch(struct log *log)
{
    if (log->has_torn_line && log->writing.len)
        write_out(log, "\n", 1);
    write_out(log, log->writing.data, log->writing.len);
    buf_clear(&log->writing);
}

static struct timespec collect_until(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += COLLECT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

// Called and left with the lock held.
static void wait_for_lines(struct log *log)
{
    log->is_asleep = true;
    while (!log->pending.len && !atomic_load(&log->is_closing))
        pthread_cond_wait(&log->wake, &log->lock);
    log->is_asleep = false;
    log->is_collecting = true;
    struct timespec until = collect_until();
    int rc = 0;
    while (rc == 0 && log->pending.len < COLLECT_BYTES && !atomic_load(&log->is_closing))
        rc = pthread_cond_timedwait(&log->wake, &log->lock, &until);
    log->is_collecting = false;
}

static void *run_writer(void *argument)
{
    struct log *log = argument;

    pthread_mutex_lock(&log->lock);
    while (log->pending.len || !atomic_load(&log->is_closing)) {
        wait_for_lines(log);
        struct buf full = log->pending;
        log->pending = log->writing;
        log->writing = full;
        pthread_mutex_unlock(&log->lock);
        write_batch(log);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

static int open_file(struct log *log, const char *file, struct error *err)
{
    log->fd = STDOUT_FILENO;
    if (file && strcmp(file, "-") != 0) {
        // O_NONBLOCK: a FIFO without a reader is an error, not a process that hangs.
        log->fd =
            open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
        if (log->fd < 0)
            return error_set(err, ERROR_SCRIPT, "log.file %s: %s", file, strerror(errno));
        log->owns_fd = true;
    }
    // poll() says "writable" of every regular file.
    log->is_terminal = isatty(log->fd);
    log->is_file = lseek(log->fd, 0, SEEK_CUR) >= 0 && !log->is_terminal;
    return 0;
}

// The writer takes no signals: SIGPIPE stays an error of write(), the others are for the main
// thread.
static int start_writer(struct log *log)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&log->thread, NULL, run_writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void release(struct log *log)
{
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    buf_deinit(&log->pending);
    buf_deinit(&log->writing);
    redact_free(log->redact);
    pthread_mutex_destroy(&log->secrets);
    free(atomic_load(&log->spare));
    if (log->owns_fd)
        close(log->fd);
    free(log);
}

struct log *log_new(const char *file, enum log_level level, struct error *err)
{
    struct log *log = mem_alloc(sizeof(*log));
    log_set_level(log, level);
    log->redact = redact_new();
    pthread_mutex_init(&log->secrets, NULL);
    buf_init(&log->pending, LIMIT_LOG_QUEUE);
    buf_init(&log->writing, LIMIT_LOG_QUEUE);
    pthread_mutex_init(&log->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &clock);
    pthread_condattr_destroy(&clock);
    int rc = open_file(log, file, err);
    if (rc == 0 && (rc = start_writer(log)) != 0)
        error_set(err, ERROR_SCRIPT, "log: cannot start a thread: %s", strerror(rc));
    if (rc != 0) {
        release(log);
        return NULL;
    }
    return log;
}

void log_free(struct log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    atomic_store(&log->is_closing, true);
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    release(log);
}

void log_add_secret(struct log *log, struct slice secret)
{
    pthread_mutex_lock(&log->secrets);
    redact_add(log->redact, secret);
    pthread_mutex_unlock(&log->secrets);
}

void log_add_token(struct log *log, struct slice token, double seconds)
{
    uint64_t now_ns = clock_monotonic_ns();
    double longest = (double)LIMIT_TOKEN_SECONDS;
    double kept = seconds > 0 && seconds < longest ? seconds : longest;

    pthread_mutex_lock(&log->secrets);
    redact_add_until(log->redact, token, now_ns + (uint64_t)(kept * 1e9), now_ns);
    pthread_mutex_unlock(&log->secrets);
}

void log_redact(const struct log *log, struct slice text, struct buf *out)
{
    redact_text(log->redact, text, out);
}

static void enqueue(struct log *log, const struct buf *line)
{
    pthread_mutex_lock(&log->lock);
    int rc = buf_add(&log->pending, line->data, line->len);
    bool must_wake = log->is_asleep || (log->is_collecting && log->pending.len >= COLLECT_BYTES);
    if (must_wake)
        log->is_asleep = log->is_collecting = false; // one signal is enough
    pthread_mutex_unlock(&log->lock);
    if (rc != 0)
        atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
    if (must_wake)
        pthread_cond_signal(&log->wake);
}

static struct buf take_line(struct log *log)
{
    char *spare = atomic_exchange_explicit(&log->spare, NULL, memory_order_acquire);
    return (struct buf){
        .data = spare ? spare : mem_realloc(NULL, LINE_BYTES),
        .cap = LINE_BYTES,
        .limit = LIMIT_LOG_QUEUE,
    };
}

// Queues the line and keeps its memory for the next one.
static void end_line(struct log *log, struct buf *line)
{
    char *bytes = line->data;
    enqueue(log, line);
    if (line->cap == LINE_BYTES)
        bytes = atomic_exchange_explicit(&log->spare, bytes, memory_order_acq_rel);
    free(bytes);
}

static void add_event(struct log *log, enum log_level level, struct slice message)
{
    struct logline line = {log->redact, clock_wall_us(), level};
    struct buf text = take_line(log);

    if (log->is_terminal)
        logline_plain_event(&line, message, &text);
    else
        logline_json_event(&line, message, &text);
    end_line(log, &text);
}

void log_event(struct log *log, enum log_level level, const char *format, ...)
{
    if (!log_wants(log, level))
        return;
    struct buf message;
    va_list args;

    buf_init(&message, LIMIT_LOG_QUEUE);
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    add_event(log, level, message.data ? buf_slice(&message) : SLICE(""));
    buf_deinit(&message);
}

void log_note(struct log *log, enum log_level level, const struct log_note *note)
{
    if (!log_wants(log, level))
        return;
    struct logline line = {log->redact, clock_wall_us(), level};
    struct buf text = take_line(log);

    if (log->is_terminal)
        logline_plain_note(&line, note, &text);
    else
        logline_json_note(&line, note, &text);
    end_line(log, &text);
}

void log_request(struct log *log, const struct log_request *request)
{
    bool is_failure = request->error_kind.data &&
                      !slice_equal(request->error_kind, slice_of(error_kind_name(ERROR_CANCELED)));
    enum log_level level = is_failure ? LOG_WARN : LOG_INFO;
    if (!log_wants(log, level))
        return;
    struct logline line = {log->redact, clock_wall_us(), level};
    struct buf text = take_line(log);

    if (log->is_terminal)
        logline_plain_request(&line, request, &text);
    else
        logline_json_request(&line, request, &text);
    end_line(log, &text);
}

void log_line(struct log *log, struct slice line)
{
    struct buf text = {.data = (char *)line.data, .len = line.len};

    if (line.data)
        enqueue(log, &text);
    else
        atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
}

bool log_wants(const struct log *log, enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

uint64_t log_dropped(const struct log *log)
{
    return atomic_load_explicit(&log->dropped, memory_order_relaxed);
}
