#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STABLE_TRIES = 10, STABLE_PAUSE_MS = 5 };

static int read_all(int fd, struct buf *out)
{
    char piece[16 * 1024];

    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (buf_add(out, piece, (size_t)got) != 0) {
            errno = EFBIG;
            return -1;
        }
    }
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

// Returns 1 when it was not the same file, with the same bytes, from the beginning to the end.
static int read_once(const char *path, struct buf *out)
{
    struct stat before, after;
    int rc = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not hold us up

    if (fd < 0 || fstat(fd, &before) != 0)
        goto out;
    if (!S_ISREG(before.st_mode)) {
        errno = ENOENT;
        goto out;
    }
    rc = read_all(fd, out);
    if (rc == 0)
        rc = stat(path, &after) == 0 && is_same(&before, &after) ? 0 : 1;
out:
    if (fd >= 0) {
        int reason = errno;
        close(fd);
        errno = reason;
    }
    return rc;
}

int file_read(const char *path, struct buf *out, struct error *err)
{
    const struct timespec pause = {.tv_nsec = STABLE_PAUSE_MS * 1000000L};
    size_t len = out->len;
    int rc = 1;

    for (int tries = 0; rc == 1 && tries < STABLE_TRIES; tries++) {
        if (tries)
            nanosleep(&pause, NULL);
        out->len = len;
        rc = read_once(path, out);
    }
    if (rc == 0)
        return 0;
    int reason = rc == 1 ? EBUSY : errno;
    error_set(err, ERROR_SCRIPT, "%s: %s", path,
              rc == 1 ? "it changes all the time" : strerror(reason));
    errno = reason;
    return -1;
}
