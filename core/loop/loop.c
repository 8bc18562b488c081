#include "loop/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    // A write to a socket that its peer has closed must be an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv) != 0)
        abort();
    loop->uv.data = loop;
    return loop;
}

static void name_handle(uv_handle_t *handle, void *count)
{
    const char *type = uv_handle_type_name(handle->type);
    fprintf(stderr, "loop: still open: %s%s\n", type ? type : "unknown",
            uv_is_closing(handle) ? " (closing)" : "");
    (*(int *)count)++;
}

int loop_free(struct loop *loop)
{
    int open_handles = 0;
    if (uv_loop_close(&loop->uv) == 0) {
        free(loop);
        return 0;
    }
    uv_walk(&loop->uv, name_handle, &open_handles);
    // A loop can also be busy with a request that has no handle, such as a name lookup.
    return open_handles ? open_handles : 1;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_lend_buf(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct loop *loop = handle->loop->data;
    (void)suggested;
    *buf = uv_buf_init(loop->read_buf, sizeof(loop->read_buf));
}

enum { GATHER_BYTES = 4096 };

int loop_try_write(uv_stream_t *stream, const uv_buf_t *bufs, unsigned count)
{
    char joined[GATHER_BYTES];
    size_t total = 0;

    for (unsigned i = 0; i < count; i++)
        total += bufs[i].len;
    if (count == 1 || total > sizeof(joined))
        return uv_try_write(stream, bufs, count);
    char *end = joined;
    for (unsigned i = 0; i < count; i++) {
        memcpy(end, bufs[i].base, bufs[i].len);
        end += bufs[i].len;
    }
    uv_buf_t whole = uv_buf_init(joined, (unsigned)total);
    return uv_try_write(stream, &whole, 1);
}
