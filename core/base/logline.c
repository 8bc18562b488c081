#include "base/logline.h"

#include <string.h>
#include <time.h>

#include "base/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

// The largest number of milliseconds that is printed; over it (or NaN) nothing is known.
static const double max_ms = 1e15;

// JSON lines are the hot path: room for the longest form of a line is reserved once, then
// everything is put at a cursor, and each put_*() returns the place behind what it wrote.

enum {
    EIGHT = sizeof(uint64_t),
    ESCAPE = 6,       // bytes of the longest escape; one byte becomes no more than that
    FIXED_PART = 512, // names, numbers and punctuation of a line: some 450 bytes at most
};

// The strings of a request's line: what is put is what was counted.
enum request_text {
    TEXT_REQUEST_ID,
    TEXT_CLIENT,
    TEXT_METHOD,
    TEXT_PATH,
    TEXT_MODEL,
    TEXT_TARGET,
    TEXT_LANES,
    TEXT_KIND,
    TEXT_MESSAGE,
    TEXTS,
};

static char *put_bytes(char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

#define PUT(at, literal) put_bytes(at, literal, sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number)
{
    return at + buf_print_number(at, number);
}

// Exactly two or three digits, with leading zeros.
static void put_two(char *to, unsigned number)
{
    to[0] = (char)('0' + number / 10);
    to[1] = (char)('0' + number % 10);
}

static void put_three(char *to, unsigned number)
{
    to[0] = (char)('0' + number / 100);
    put_two(to + 1, number % 100);
}

// Year, month and day of a day counted from 1970-01-01 (the calendar of 400-year eras that begin in
// March; gmtime_r takes a lock and costs ten times as much).
static char *put_date(char *at, unsigned day)
{
    unsigned shifted = day + 719468;
    unsigned era = shifted / 146097, of_era = shifted % 146097;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;

    year += era * 400 + (month >= 10);
    PUT(at, "0000-00-00");
    put_two(at, year / 100);
    put_two(at + 2, year % 100);
    put_two(at + 5, month < 10 ? month + 3 : month - 9);
    put_two(at + 8, of_year - (153 * month + 2) / 5 + 1);
    return at + 10;
}

// RFC 3339, UTC, milliseconds.
static char *put_time(char *at, uint64_t time_us)
{
    uint64_t seconds = time_us / 1000000;
    unsigned of_day = (unsigned)(seconds % 86400);

    at = put_date(at, (unsigned)(seconds / 86400));
    PUT(at, "T00:00:00.000Z");
    put_two(at + 1, of_day / 3600);
    put_two(at + 4, of_day / 60 % 60);
    put_two(at + 7, of_day % 60);
    put_three(at + 10, (unsigned)(time_us / 1000 % 1000));
    return at + 14;
}

// Up to three decimals, none that are 0: "12.3".
static char *put_ms(char *at, double ms)
{
    if (!(ms >= 0 && ms < max_ms))
        return PUT(at, "null");
    uint64_t us = (uint64_t)(ms * 1000 + 0.5);
    at = put_number(at, us / 1000);
    if (us % 1000 == 0)
        return at;
    *at = '.';
    put_three(at + 1, (unsigned)(us % 1000));
    at += 4;
    while (at[-1] == '0')
        at--;
    return at;
}

// The escape for the character at `text`, or NULL when it stands for itself; *len is set to the
// bytes it takes. What is no UTF-8 becomes U+FFFD, byte by byte.
static const char *escape(const char *text, size_t left, size_t *len, char hex[7])
{
    unsigned char byte = (unsigned char)*text;

    *len = 1;
    if (byte >= 0x80) {
        *len = utf8_length(text, left);
        if (*len)
            return NULL;
        *len = 1;
        return "\\ufffd";
    }
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    case '\r':
        return "\\r";
    default:
        if (byte >= 0x20)
            return NULL;
        memcpy(hex, "\\u00", 4);
        hex[4] = (char)('0' + byte / 16);
        hex[5] = "0123456789abcdef"[byte % 16];
        hex[6] = '\0';
        return hex;
    }
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// The same of EIGHT bytes: a subtraction sets a byte's top bit where it was below 0x20, or 0 after
// the exclusive or. (What it borrows from the next byte does not matter then.)
static bool are_plain(const char *text)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t bytes;

    memcpy(&bytes, text, sizeof(bytes));
    uint64_t control = bytes - ones * 0x20;
    uint64_t quote = (bytes ^ ones * '"') - ones, slash = (bytes ^ ones * '\\') - ones;
    return !((bytes | control | quote | slash) & ones * 0x80);
}

static char *put_escaped(char *to, struct slice text)
{
    size_t at = 0, len = 0;
    char hex[7];

    for (;;) {
        for (; text.len - at >= EIGHT && are_plain(text.data + at); at += EIGHT)
            to = put_bytes(to, text.data + at, EIGHT);
        for (; at < text.len && is_plain((unsigned char)text.data[at]); at++)
            *to++ = text.data[at];
        if (at == text.len)
            return to;
        const char *replacement = escape(text.data + at, text.len - at, &len, hex);
        to = replacement ? put_bytes(to, replacement, strlen(replacement))
                         : put_bytes(to, text.data + at, len);
        at += len;
    }
}

// For a person's terminal: no byte that could move the cursor.
static void add_printable(struct buf *out, struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(text.data + at, text.len - at);
        unsigned char first = (unsigned char)text.data[at];
        // U+0080 to U+009F are control characters too.
        bool is_control = first < 0x20 || first == 0x7F ||
                          (first == 0xC2 && len == 2 && (unsigned char)text.data[at + 1] < 0xA0);
        if (len == 0 || is_control)
            buf_add(out, "?", 1);
        else
            buf_add(out, text.data + at, len);
        at += len ? len : 1;
    }
}

static struct slice cut(struct slice text)
{
    return (struct slice){text.data, text.len < LOGLINE_VALUE ? text.len : LOGLINE_VALUE};
}

// `text` without secrets, owned by the caller. It is never longer than with them.
static struct buf clean_text(const struct logline *line, struct slice text)
{
    struct buf clean;
    buf_init(&clean, SIZE_MAX / 2);
    redact_text(line->redact, text, &clean);
    return clean;
}

// Redaction comes before cutting, so that no half of a secret is left.
static char *put_string(const struct logline *line, char *at, struct slice text)
{
    if (!text.data)
        return PUT(at, "null");
    *at++ = '"';
    if (redact_finds(line->redact, text)) {
        struct buf clean = clean_text(line, text);
        at = put_escaped(at, cut(buf_slice(&clean)));
        buf_deinit(&clean);
    } else {
        at = put_escaped(at, cut(text));
    }
    *at++ = '"';
    return at;
}

static char *put_count(char *at, long long count)
{
    return count < 0 ? PUT(at, "null") : put_number(at, (uint64_t)count);
}

// The place for a line whose strings are `texts`; NULL over the limit of `out`.
static char *begin_json(const struct logline *line, const struct slice *texts, size_t count,
                        struct buf *out)
{
    size_t longest = FIXED_PART;
    for (size_t i = 0; i < count; i++)
        longest += cut(texts[i]).len * ESCAPE;
    if (buf_reserve(out, longest) != 0)
        return NULL;
    char *at = out->data + out->len;
    at = PUT(at, "{\"time\":\"");
    at = put_time(at, line->time_us);
    at = PUT(at, "\",\"level\":\"");
    at = put_bytes(at, level_names[line->level], strlen(level_names[line->level]));
    *at++ = '"';
    return at;
}

static void end_json(char *at, struct buf *out)
{
    at = PUT(at, "}\n");
    *at = '\0';
    out->len = (size_t)(at - out->data);
}

// USD with the nine places that a nano-dollar has, but for zeros at the end.
static char *put_cost(char *at, long long nano)
{
    if (nano < 0)
        return PUT(at, "null");
    at = put_number(at, (uint64_t)nano / 1000000000);
    uint64_t rest = (uint64_t)nano % 1000000000;
    if (rest)
        *at++ = '.';
    for (uint64_t place = 100000000; rest; rest %= place, place /= 10)
        *at++ = (char)('0' + rest / place);
    return at;
}

static char *put_numbers(const struct log_request *request, char *at)
{
    at = PUT(at, ",\"tokens\":{\"in\":");
    at = put_count(at, request->tokens_in);
    at = PUT(at, ",\"out\":");
    at = put_count(at, request->tokens_out);
    at = PUT(at, ",\"cached\":");
    at = put_count(at, request->tokens_cached);
    at = put_cost(PUT(at, "},\"cost_usd\":"), request->cost_nano);
    if (request->is_cost_unknown)
        at = PUT(at, ",\"cost_unknown\":true");
    at = PUT(at, ",\"ttft_ms\":");
    at = put_ms(at, request->ttft_ms);
    at = PUT(at, ",\"duration_ms\":");
    at = put_ms(at, request->duration_ms);
    at = PUT(at, ",\"bytes\":");
    return put_number(at, request->bytes);
}

void logline_json_request(const struct logline *line, const struct log_request *request,
                          struct buf *out)
{
    const struct slice texts[TEXTS] = {
        [TEXT_REQUEST_ID] = request->request_id, [TEXT_CLIENT] = request->client,
        [TEXT_METHOD] = request->method,         [TEXT_PATH] = request->path,
        [TEXT_MODEL] = request->model,           [TEXT_TARGET] = request->target,
        [TEXT_LANES] = request->attempts,        [TEXT_KIND] = request->error_kind,
        [TEXT_MESSAGE] = request->error_message,
    };
    char *at = begin_json(line, texts, TEXTS, out);
    if (!at)
        return;
    at = put_string(line, PUT(at, ",\"request_id\":"), texts[TEXT_REQUEST_ID]);
    at = put_string(line, PUT(at, ",\"client\":"), texts[TEXT_CLIENT]);
    at = put_string(line, PUT(at, ",\"method\":"), texts[TEXT_METHOD]);
    at = put_string(line, PUT(at, ",\"path\":"), texts[TEXT_PATH]);
    at = put_string(line, PUT(at, ",\"model\":"), texts[TEXT_MODEL]);
    at = put_string(line, PUT(at, ",\"target\":"), texts[TEXT_TARGET]);
    at = put_count(PUT(at, ",\"status\":"), request->status > 0 ? request->status : -1);
    at = put_number(PUT(at, ",\"attempts\":"), request->attempt_count);
    at = put_string(line, PUT(at, ",\"lanes\":"), texts[TEXT_LANES]);
    at = PUT(put_numbers(request, at), ",\"error\":");
    if (texts[TEXT_KIND].data) {
        at = put_string(line, PUT(at, "{\"kind\":"), texts[TEXT_KIND]);
        at = put_string(line, PUT(at, ",\"message\":"), texts[TEXT_MESSAGE]);
        *at++ = '}';
    } else {
        at = PUT(at, "null");
    }
    end_json(at, out);
}

void logline_json_event(const struct logline *line, struct slice message, struct buf *out)
{
    char *at = begin_json(line, &message, 1, out);
    if (!at)
        return;
    at = put_string(line, PUT(at, ",\"message\":"), message);
    end_json(at, out);
}

// Names come from scripts, as values do.
static char *put_fields(const struct logline *line, char *at, const struct log_note *note)
{
    at = PUT(at, ",\"fields\":{");
    for (size_t i = 0; i < note->field_count; i++) {
        const struct log_field *field = &note->fields[i];
        if (i)
            *at++ = ',';
        at = PUT(put_string(line, at, field->name), ":");
        at = field->is_bare ? put_bytes(at, field->text.data, field->text.len)
                            : put_string(line, at, field->text);
    }
    return PUT(at, "}");
}

void logline_json_note(const struct logline *line, const struct log_note *note, struct buf *out)
{
    struct slice texts[3 + 2 * LOG_FIELDS] = {note->message, note->script, note->request_id};
    size_t count = 3;

    for (size_t i = 0; i < note->field_count; i++) {
        texts[count++] = note->fields[i].name;
        texts[count++] = note->fields[i].text;
    }
    char *at = begin_json(line, texts, count, out);
    if (!at)
        return;
    at = put_string(line, PUT(at, ",\"message\":"), note->message);
    at = put_string(line, PUT(at, ",\"script\":"), note->script);
    if (note->generation)
        at = put_number(PUT(at, ",\"generation\":"), note->generation);
    if (note->request_id.data)
        at = put_string(line, PUT(at, ",\"request_id\":"), note->request_id);
    if (note->field_count)
        at = put_fields(line, at, note);
    end_json(at, out);
}

// Local time of day: a person compares it with the clock on the wall.
static void begin_plain(const struct logline *line, struct buf *out)
{
    time_t seconds = (time_t)(line->time_us / 1000000);
    struct tm local;
    char text[sizeof("00:00:00 ")];

    localtime_r(&seconds, &local);
    buf_add(out, text, strftime(text, sizeof(text), "%H:%M:%S ", &local));
}

static void begin_plain_event(const struct logline *line, struct buf *out)
{
    begin_plain(line, out);
    buf_add_text(out, level_names[line->level]);
    buf_add_text(out, line->level == LOG_INFO || line->level == LOG_WARN ? "   " : "  ");
}

static void add_plain(const struct logline *line, struct buf *out, struct slice text)
{
    struct buf clean = clean_text(line, text.data ? text : SLICE("-"));
    add_printable(out, cut(buf_slice(&clean)));
    buf_deinit(&clean);
}

void logline_plain_request(const struct logline *line, const struct log_request *request,
                           struct buf *out)
{
    begin_plain(line, out);
    if (request->status > 0)
        buf_add_number(out, (uint64_t)request->status);
    else
        buf_add_text(out, "---");
    buf_add_text(out, "  ");
    add_plain(line, out, request->model.data ? request->model : request->path);
    if (request->target.data) {
        buf_add_text(out, " -> ");
        add_plain(line, out, request->target);
    }
    buf_add_text(out, "  ");
    buf_add_number(out, request->duration_ms > 0 && request->duration_ms < max_ms
                            ? (uint64_t)(request->duration_ms + 0.5)
                            : 0);
    buf_add_text(out, " ms");
    if (request->tokens_in >= 0 && request->tokens_out >= 0) {
        buf_add_text(out, "  ");
        buf_add_number(out, (uint64_t)request->tokens_in);
        buf_add_text(out, "+");
        buf_add_number(out, (uint64_t)request->tokens_out);
        buf_add_text(out, " tokens");
    }
    if (request->error_kind.data) {
        buf_add_text(out, "  ");
        add_plain(line, out, request->error_kind);
        buf_add_text(out, ": ");
        add_plain(line, out, request->error_message);
    }
    buf_add_text(out, "\n");
}

void logline_plain_event(const struct logline *line, struct slice message, struct buf *out)
{
    begin_plain_event(line, out);
    add_plain(line, out, message);
    buf_add_text(out, "\n");
}

void logline_plain_note(const struct logline *line, const struct log_note *note, struct buf *out)
{
    begin_plain_event(line, out);
    add_plain(line, out, note->message);
    for (size_t i = 0; i < note->field_count; i++) {
        buf_add_text(out, " ");
        add_plain(line, out, note->fields[i].name);
        buf_add_text(out, "=");
        add_plain(line, out, note->fields[i].text);
    }
    buf_add_text(out, "  (");
    add_plain(line, out, note->script);
    buf_add_text(out, ")\n");
}
