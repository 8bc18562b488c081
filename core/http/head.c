#include "http/head.h"

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

// RFC 9110 section 5.6.2
static const bool is_token[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

// ---- lines ------------------------------------------------------------------------------------

static size_t end_scan(struct head_scan *scan, enum head_fault fault, size_t len)
{
    scan->fault = (uint8_t)fault;
    return len;
}

// Most heads come in one piece, so what is kept between two is written once.
size_t head_scan(struct head_scan *scan, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len;
    size_t line_len = scan->line_len;
    char last = scan->last;

    while (at < end) {
        if (last == '\n' && (*at == ' ' || *at == '\t'))
            return end_scan(scan, HEAD_FOLDED, len);
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;
        line_len += (size_t)(stop - at);
        if (stop > at)
            last = stop[-1];
        if (scan->lines == 0 && line_len > scan->max_start)
            return end_scan(scan, HEAD_LONG_START, len);
        if (!lf)
            break;
        if (last != '\r')
            return end_scan(scan, HEAD_BARE_LF, len);
        at = lf + 1;
        scan->is_end = line_len == 1;
        if (scan->is_end)
            return (size_t)(at - bytes);
        if (scan->lines++ > scan->max_fields)
            return end_scan(scan, HEAD_MANY_LINES, len);
        last = '\n';
        line_len = 0;
    }
    scan->line_len = line_len;
    scan->last = last;
    return len;
}

// ---- first lines ------------------------------------------------------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum { VERSION_LEN = 8 }; // HTTP/1.1

static bool read_version(const char *at, const char *end, int *major, int *minor)
{
    if (end - at < VERSION_LEN || memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
        !is_digit(at[7]))
        return false;
    *major = at[5] - '0';
    *minor = at[7] - '0';
    return true;
}

static bool is_line_end(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

const char *head_read_request_line(struct slice head, struct request_line *line, size_t *next)
{
    const char *at = head.data, *end = head.data + head.len;

    while (at < end && ((*at >= 'A' && *at <= 'Z') || *at == '-'))
        at++;
    line->method = (struct slice){head.data, (size_t)(at - head.data)};
    if (!line->method.len || at == end || *at != ' ')
        return "the request line does not begin with a method and one space";
    const char *target = ++at;
    while (at<end && * at> ' ' && *at <= '~')
        at++;
    line->target = (struct slice){target, (size_t)(at - target)};
    if (!line->target.len || at == end || (*at != ' ' && *at != '\r'))
        return "the request target is missing or has a character that must be encoded";
    if (*at++ != ' ' || !read_version(at, end, &line->major, &line->minor) ||
        !is_line_end(at + VERSION_LEN, end))
        return "the request line does not end with one space and HTTP/1.1";
    *next = (size_t)(at + VERSION_LEN + 2 - head.data);
    return NULL;
}

// Behind the last byte that may stand in a field value or reason phrase: HTAB, SP, visible ASCII
// and bytes from 0x80 on.
static const char *skip_text(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(' '), del = _mm_set1_epi8(0x7f), tab = _mm_set1_epi8('\t');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        // Unsigned: the larger of a byte and SP is the byte itself unless it is a control.
        __m128i text = _mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes);
        text = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, del), text);
        text = _mm_or_si128(text, _mm_cmpeq_epi8(bytes, tab));
        unsigned others = (unsigned)_mm_movemask_epi8(text) ^ 0xffffu;
        if (others)
            return at + __builtin_ctz(others);
    }
#endif
    while (at < end && (*at == '\t' || ((unsigned char)*at >= ' ' && *at != 0x7f)))
        at++;
    return at;
}

const char *head_read_status_line(struct slice head, struct status_line *line, size_t *next)
{
    const char *at = head.data, *end = head.data + head.len;

    if (!read_version(at, end, &line->major, &line->minor))
        return "no status line";
    at += VERSION_LEN;
    if (end - at < 4 || at[0] != ' ' || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3]))
        return "a status line without a status of three digits";
    line->status = (at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0');
    at += 4;
    if (at < end && *at == ' ')
        at = skip_text(at, end);
    if (!is_line_end(at, end))
        return "a malformed status line";
    *next = (size_t)(at + 2 - head.data);
    return NULL;
}

// ---- fields -----------------------------------------------------------------------------------

const char *head_read_fields(struct headers *headers, size_t at)
{
    const char *bytes = headers->bytes.data;
    const char *p = bytes + at, *end = bytes + headers->bytes.len;

    while (p < end && *p != '\r') {
        const char *name = p;
        while (is_token[(unsigned char)*p]) // the NUL behind the head is none
            p++;
        if (p == name)
            return "a header line has no name";
        if (*p != ':')
            return "a header line lacks the colon directly behind its name";
        const char *value = p + 1;
        struct header_ref ref = {(uint32_t)(name - bytes), (uint32_t)(p - name),
                                 (uint32_t)(value - bytes), 0};
        p = skip_text(value, end);
        if (!is_line_end(p, end))
            return "a header value has a control character";
        ref.value_len = (uint32_t)(p - value);
        if (headers_add_ref(headers, ref) != 0)
            return "too many header fields";
        p += 2;
    }
    return is_line_end(p, end) && p + 2 == end ? NULL : "a malformed header line";
}

// Whether a list has this token, between commas and white space.
static bool list_has(struct slice list, struct slice token)
{
    for (size_t i = 0; i < list.len; i++) {
        size_t start = i;
        while (i < list.len && list.data[i] != ',' && list.data[i] != ' ' && list.data[i] != '\t')
            i++;
        if (slice_equal_nocase((struct slice){list.data + start, i - start}, token))
            return true;
    }
    return false;
}

static bool read_length(struct slice digits, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(digits.data[i] - '0');
        if (!is_digit(digits.data[i]) || *length > (UINT64_MAX - digit) / 10)
            return false;
        *length = *length * 10 + digit;
    }
    return digits.len > 0;
}

void framing_note(struct framing_fields *framing, struct header field)
{
    if (slice_equal_nocase(field.name, SLICE("content-length"))) {
        framing->lengths++;
        framing->is_bad_length |= !read_length(field.value, &framing->content_length);
    } else if (slice_equal_nocase(field.name, SLICE("transfer-encoding"))) {
        framing->codings++;
        framing->is_other_coding |= !slice_equal_nocase(field.value, SLICE("chunked"));
    } else if (slice_equal_nocase(field.name, SLICE("connection"))) {
        framing->closes |= list_has(field.value, SLICE("close"));
        framing->keeps |= list_has(field.value, SLICE("keep-alive"));
    }
}

const char *framing_check(const struct framing_fields *framing)
{
    if (framing->is_bad_length)
        return "a Content-Length that is not one number";
    if (framing->lengths > 1)
        return "more than one Content-Length";
    if (framing->lengths && framing->codings)
        return "both Content-Length and Transfer-Encoding";
    if (framing->is_other_coding || framing->codings > 1)
        return "a transfer coding other than one \"chunked\"";
    return NULL;
}
