#include "worker/announce.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "worker/failure.h"

enum {
    NAMED_FILES = 3,       // the others are counted
    TEXT_LIMIT = 4 * 1024, // of one line
};

void announce(struct log *log, enum log_level level, const char *format, ...)
{
    struct buf line;
    va_list args;

    buf_init(&line, TEXT_LIMIT);
    va_start(args, format);
    buf_vaddf(&line, format, args);
    va_end(args);
    if (line.data) {
        fprintf(stderr, "%s\n", line.data);
        log_event(log, level, "%s", line.data);
    }
    buf_deinit(&line);
}

// Files of `from` that `to` has not, or (`only_missing` false) not with the same bytes.
static void add_changed(const struct bundle *from, const struct bundle *to, bool only_missing,
                        struct buf *names, size_t *total)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct bundle_file *file = &from->files[i];
        const struct bundle_file *other = bundle_find(to, file->path);
        bool is_same = other && memcmp(file->hash, other->hash, BUNDLE_HASH) == 0;
        if (file->is_test || is_same || (other && only_missing))
            continue;
        if (++*total <= NAMED_FILES)
            buf_addf(names, "%s%s", *total > 1 ? ", " : "", file->path);
    }
}

void announce_reloaded(struct log *log, const struct generation *now, const struct generation *old,
                       uint64_t started_ns)
{
    struct buf names;
    size_t total = 0;

    buf_init(&names, TEXT_LIMIT / 2);
    add_changed(now->bundle, old->bundle, false, &names, &total);
    add_changed(old->bundle, now->bundle, true, &names, &total);
    if (total > NAMED_FILES)
        buf_addf(&names, " and %zu more", total - NAMED_FILES);
    announce(log, LOG_INFO, "reloaded: generation %u (%s) in %.0f ms", now->number,
             names.data ? names.data : "", (double)(clock_monotonic_ns() - started_ns) / 1e6);
    buf_deinit(&names);
}

void announce_failed(struct log *log, const struct reload_failure *failure, unsigned generation)
{
    struct buf text;

    buf_init(&text, TEXT_LIMIT / 2);
    failure_print(failure, &text);
    announce(log, LOG_ERROR, "not reloaded: %s; generation %u keeps serving",
             text.data ? text.data : "", generation);
    buf_deinit(&text);
}
