#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

int file_read(const char *path, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : read_all(fd, out);
    int reason = errno;

    if (rc != 0)
        error_set(err, ERROR_SCRIPT, "%s: %s", path, strerror(reason));
    if (fd >= 0)
        close(fd);
    errno = reason;
    return rc;
}
