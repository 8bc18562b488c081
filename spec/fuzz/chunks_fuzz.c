// Chunked framing: any bytes, whole and in pieces, are read as a second, simple reader reads them;
// what is framed comes out again.
#include "http/chunks.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

enum { LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

enum verdict { OPEN, DONE, BAD };

// What a reader says of some bytes; `used`: up to the end of the body.
struct reading {
    enum verdict verdict;
    size_t used;
    struct buf body;
};

// Pieces of `step` bytes, each an allocation of its own so that reading past it is seen.
static void read_pieces(struct reading *reading, struct slice text, size_t step)
{
    struct chunks chunks = {0};
    *reading = (struct reading){.verdict = OPEN};
    buf_init(&reading->body, LIMIT);
    while (reading->used < text.len && reading->verdict == OPEN) {
        size_t left = text.len - reading->used, len = left < step ? left : step;
        char *piece = mem_dup(text.data + reading->used, len);
        struct slice run;
        ptrdiff_t used = chunks_next(&chunks, piece, len, &run);
        expect(used == -1 || (used >= 1 && (size_t)used <= len));
        expect(used == -1 || (run.data >= piece && run.data + run.len <= piece + used));
        if (used < 0)
            reading->verdict = BAD;
        else
            reading->used += (size_t)used;
        if (used > 0)
            buf_add_slice(&reading->body, run);
        if (chunks_is_done(&chunks))
            reading->verdict = DONE;
        free(piece);
    }
}

// ---- the second reader: whole lines, RFC 9112 section 7.1 by the letter -------------------------

static const char token_marks[] = "!#$%&'*+-.^_`|~";

static bool is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr(token_marks, c));
}

// Takes a line without its CRLF off the text. OPEN: it has not ended; BAD: a bare CR, or LF.
static enum verdict take_line(struct slice *text, struct slice *line)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c == '\r' && i + 1 == text->len)
            return OPEN;
        if (c == '\r' && text->data[i + 1] == '\n') {
            *line = (struct slice){text->data, i};
            *text = (struct slice){text->data + i + 2, text->len - i - 2};
            return DONE;
        }
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return BAD;
    }
    return OPEN;
}

static bool read_size(struct slice line, uint64_t *size)
{
    size_t i = 0;
    *size = 0;
    for (; i < line.len && strchr("0123456789abcdefABCDEF", line.data[i]) && line.data[i]; i++) {
        char digit[2] = {line.data[i], '\0'};
        if (*size >> 60)
            return false;
        *size = *size * 16 + strtoul(digit, NULL, 16);
    }
    bool has_digits = i > 0, has_space = false;
    for (; i < line.len && (line.data[i] == ' ' || line.data[i] == '\t'); i++)
        has_space = true;
    return has_digits && (i == line.len ? !has_space : line.data[i] == ';');
}

static enum verdict read_trailers(struct slice *text)
{
    struct slice line;
    enum verdict verdict;
    while ((verdict = take_line(text, &line)) == DONE && line.len) {
        size_t name = 0;
        while (name < line.len && is_token((unsigned char)line.data[name]))
            name++;
        if (name == 0 || name == line.len || line.data[name] != ':')
            return BAD;
    }
    return verdict;
}

// Only what is complete: an unfinished line may already be bad for the reader above.
static enum verdict read_whole(struct slice *text, struct buf *body)
{
    for (;;) {
        struct slice line;
        uint64_t size;
        enum verdict verdict = take_line(text, &line);
        if (verdict != DONE)
            return verdict;
        if (!read_size(line, &size))
            return BAD;
        if (size == 0)
            return read_trailers(text);
        size_t len = size < text->len ? (size_t)size : text->len;
        buf_add(body, text->data, len);
        *text = (struct slice){text->data + len, text->len - len};
        if (text->len == 0)
            return OPEN;
        if (text->data[0] != '\r' || (text->len > 1 && text->data[1] != '\n'))
            return BAD;
        if (text->len == 1)
            return OPEN;
        *text = (struct slice){text->data + 2, text->len - 2};
    }
}

static void compare(struct slice text, size_t step)
{
    struct reading whole, pieces;
    struct slice rest = text;
    struct buf body;

    buf_init(&body, LIMIT);
    read_pieces(&whole, text, text.len);
    read_pieces(&pieces, text, step);
    expect(whole.verdict == pieces.verdict);
    expect(slice_equal(buf_slice(&whole.body), buf_slice(&pieces.body)));
    enum verdict verdict = read_whole(&rest, &body);
    expect(verdict == whole.verdict || (verdict == OPEN && whole.verdict == BAD));
    expect(slice_equal(buf_slice(&whole.body), buf_slice(&body)));
    if (verdict == DONE)
        expect(whole.used == pieces.used && whole.used == text.len - rest.len);
    buf_deinit(&whole.body);
    buf_deinit(&pieces.body);
    buf_deinit(&body);
}

// The text as the body: in chunks of `step` bytes, and something behind the end.
static void come_back(struct slice text, size_t step)
{
    struct reading reading;
    struct buf framed;
    buf_init(&framed, 32 * (text.len + 1));
    for (size_t at = 0; at < text.len; at += step) {
        size_t len = text.len - at < step ? text.len - at : step;
        buf_addf(&framed, "%zX;x=\"y\"\r\n", len);
        buf_add(&framed, text.data + at, len);
        buf_add_text(&framed, "\r\n");
    }
    buf_add_text(&framed, "0\r\nt: 1\r\n\r\nrest");
    read_pieces(&reading, buf_slice(&framed), step);
    expect(reading.verdict == DONE && reading.used == framed.len - 4);
    expect(slice_equal(buf_slice(&reading.body), text));
    buf_deinit(&reading.body);
    buf_deinit(&framed);
}

// The first byte is the size of the pieces.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || len > LIMIT)
        return 0;
    struct slice text = {(const char *)data + 1, len - 1};
    size_t step = data[0] ? data[0] : 1;
    compare(text, step);
    come_back(text, step);
    return 0;
}
