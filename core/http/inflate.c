#include "http/inflate.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"

enum {
    PIECE_BYTES = 16 * 1024,
    GZIP_WINDOW = 15 + 16, // zlib's window bits; 16 more means "in a gzip member"
    ZLIB_WINDOW = 15,
    RAW_WINDOW = -15,
};

// EMPTY -> DECODING (first bytes) -> ENDED (end of stream) -> DECODING (gzip: next member)
enum inflate_state { EMPTY, DECODING, ENDED };

struct inflate {
    z_stream stream; // initialised unless EMPTY
    enum inflate_state state;
    bool is_gzip;
    bool has_first; // deflate: `first` waits for the second byte, which tells zlib from raw
    char first;
    size_t decoded;
    size_t limit;
};

static void *allocate(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return mem_alloc((size_t)count * size);
}

static void release(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

struct inflate *inflate_new(struct slice encoding, size_t limit_bytes)
{
    bool is_gzip = slice_equal_nocase(encoding, SLICE("gzip")) ||
                   slice_equal_nocase(encoding, SLICE("x-gzip"));
    if (!is_gzip && !slice_equal_nocase(encoding, SLICE("deflate")))
        return NULL;
    struct inflate *inflate = mem_alloc(sizeof(*inflate));
    inflate->is_gzip = is_gzip;
    inflate->limit = limit_bytes;
    inflate->stream.zalloc = allocate;
    inflate->stream.zfree = release;
    return inflate;
}

void inflate_free(struct inflate *inflate)
{
    if (!inflate)
        return;
    if (inflate->state != EMPTY)
        inflateEnd(&inflate->stream);
    free(inflate);
}

static int start(struct inflate *decoder, int window)
{
    if (inflateInit2(&decoder->stream, window) != Z_OK)
        return -1;
    decoder->state = DECODING;
    return 0;
}

// RFC 1950 2.2: method 8, window of at most 32 KB, the two bytes a multiple of 31. A raw stream
// that begins so would be a stored block with padding that is not zero, which nobody writes.
static bool is_zlib_header(unsigned char first, unsigned char second)
{
    return (first & 0x0F) == 8 && first >> 4 <= 7 && (first * 256 + second) % 31 == 0;
}

// Decodes until the output has room left, that is until the input is used up.
static int decode_piece(struct inflate *decoder, inflate_cb on_bytes, void *owner)
{
    char piece[PIECE_BYTES];
    z_stream *stream = &decoder->stream;
    stream->next_out = (unsigned char *)piece;
    stream->avail_out = sizeof(piece);
    int rc = inflate(stream, Z_NO_FLUSH);
    size_t len = sizeof(piece) - stream->avail_out;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return -1;
    if (len > decoder->limit - decoder->decoded)
        return -2;
    decoder->decoded += len;
    if (len)
        on_bytes(owner, piece, len);
    if (rc == Z_STREAM_END)
        decoder->state = ENDED;
    return 0;
}

static int decode(struct inflate *decoder, struct slice bytes, inflate_cb on_bytes, void *owner)
{
    z_stream *stream = &decoder->stream;
    while (bytes.len) {
        size_t len = bytes.len < INT_MAX ? bytes.len : INT_MAX;
        stream->next_in = (const unsigned char *)bytes.data;
        stream->avail_in = (unsigned)len;
        do {
            if (decoder->state == ENDED && (!decoder->is_gzip || inflateReset(stream) != Z_OK))
                return -1;
            decoder->state = DECODING;
            int rc = decode_piece(decoder, on_bytes, owner);
            if (rc != 0)
                return rc;
        } while (stream->avail_in || (stream->avail_out == 0 && decoder->state == DECODING));
        bytes = (struct slice){bytes.data + len, bytes.len - len};
    }
    return 0;
}

int inflate_feed(struct inflate *inflate, const char *bytes, size_t len, inflate_cb on_bytes,
                 void *owner)
{
    if (len == 0)
        return 0;
    if (inflate->state == EMPTY && inflate->is_gzip && start(inflate, GZIP_WINDOW) != 0)
        return -1;
    if (inflate->state == EMPTY) {
        if (!inflate->has_first) {
            inflate->first = *bytes++;
            inflate->has_first = true;
            if (--len == 0)
                return 0;
        }
        bool is_zlib = is_zlib_header((unsigned char)inflate->first, (unsigned char)*bytes);
        if (start(inflate, is_zlib ? ZLIB_WINDOW : RAW_WINDOW) != 0)
            return -1;
        int rc = decode(inflate, (struct slice){&inflate->first, 1}, on_bytes, owner);
        if (rc != 0)
            return rc;
    }
    return decode(inflate, (struct slice){bytes, len}, on_bytes, owner);
}

int inflate_end(struct inflate *inflate)
{
    if (inflate->state == EMPTY)
        return inflate->has_first ? -1 : 0;
    return inflate->state == ENDED ? 0 : -1;
}
