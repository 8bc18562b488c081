#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/response_parser.h"

// Feeds the same answer whole and in pieces; both must be read alike.

struct reading {
    int heads, status;
    struct buf body;
    enum response_state state;
    bool is_reusable;
};

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void on_head(void *owner, const struct upstream_head *head)
{
    struct reading *reading = owner;
    check(reading->heads++ == 0);
    check(head->status >= 200 && head->status <= 599);
    reading->status = head->status;
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    (void)is_last;
    struct reading *reading = owner;
    check(reading->heads == 1 && len > 0);
    buf_add(&reading->body, bytes, len);
}

static const struct response_events events = {on_head, on_body};

// `seed` 0: whole. Each piece is an allocation of its own, so that reading past it is seen.
static void read_answer(struct reading *reading, const uint8_t *data, size_t len, uint32_t seed)
{
    struct response_parser parser;
    bool is_split = seed != 0;

    *reading = (struct reading){.state = RESPONSE_HEAD};
    buf_init(&reading->body, SIZE_MAX / 2);
    // A leading NUL makes it the answer to HEAD.
    bool is_head = len && data[0] == '\0';
    data += is_head;
    len -= is_head;
    response_parser_init(&parser, is_head, &events, reading);
    while (len && reading->state <= RESPONSE_BODY) {
        seed = seed * 1664525u + 1013904223u;
        size_t n = is_split ? 1 + (seed >> 16) % 16 : len;
        if (n > len)
            n = len;
        char *piece = mem_dup((const char *)data, n);
        reading->state = response_parser_feed(&parser, piece, n);
        free(piece);
        data += n;
        len -= n;
    }
    // Bytes behind the end count for the next read when they come in a piece of their own.
    reading->is_reusable = response_parser_is_reusable(&parser) && len == 0;
    if (reading->state <= RESPONSE_BODY)
        reading->state = response_parser_end(&parser);
    check((reading->state == RESPONSE_FAILED) == (response_parser_failure(&parser) != NULL));
    response_parser_deinit(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reading whole, split;
    uint32_t seed = 1;

    for (size_t i = 0; i < len && i < 64; i++)
        seed = seed * 31 + data[i];
    read_answer(&whole, data, len, 0);
    read_answer(&split, data, len, seed | 1);
    check(whole.state == split.state);
    check(whole.heads == split.heads && whole.status == split.status);
    check(whole.is_reusable == split.is_reusable);
    check(slice_equal(buf_slice(&whole.body), buf_slice(&split.body)));
    buf_deinit(&whole.body);
    buf_deinit(&split.body);
    return 0;
}
