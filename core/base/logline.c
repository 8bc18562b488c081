#include "base/logline.h"

#include <string.h>
#include <time.h>

#include "base/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

// The largest number of milliseconds that is printed; over it (or NaN) nothing is known.
static const double max_ms = 1e15;

static void add_number(struct buf *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    buf_add(out, digits + at, sizeof(digits) - at);
}

// Exactly `width` digits, with leading zeros.
static void put_digits(char *to, unsigned width, uint64_t number)
{
    while (width) {
        to[--width] = (char)('0' + number % 10);
        number /= 10;
    }
}

// Year, month and day of a day counted from 1970-01-01 (the calendar of 400-year eras that begin in
// March; gmtime_r takes a lock and costs ten times as much).
static void add_date(struct buf *out, uint64_t day)
{
    uint64_t shifted = day + 719468;
    uint64_t era = shifted / 146097, of_era = shifted % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153;
    char text[] = "0000-00-00";

    put_digits(text + 8, 2, of_year - (153 * month + 2) / 5 + 1);
    put_digits(text + 5, 2, month < 10 ? month + 3 : month - 9);
    put_digits(text, 4, year + era * 400 + (month >= 10));
    buf_add(out, text, sizeof(text) - 1);
}

// RFC 3339, UTC, milliseconds.
static void add_time(struct buf *out, uint64_t time_us)
{
    uint64_t ms = time_us / 1000;
    uint64_t second = ms / 1000 % 86400;
    char text[] = "T00:00:00.000Z";

    put_digits(text + 1, 2, second / 3600);
    put_digits(text + 4, 2, second / 60 % 60);
    put_digits(text + 7, 2, second % 60);
    put_digits(text + 10, 3, ms % 1000);
    add_date(out, ms / 86400000);
    buf_add(out, text, sizeof(text) - 1);
}

// Up to three decimals, none that are 0: "12.3".
static void add_ms(struct buf *out, double ms)
{
    if (!(ms >= 0 && ms < max_ms)) {
        buf_add_text(out, "null");
        return;
    }
    uint64_t us = (uint64_t)(ms * 1000 + 0.5);
    add_number(out, us / 1000);
    if (us % 1000 == 0)
        return;
    char decimals[] = ".000";
    put_digits(decimals + 1, 3, us % 1000);
    size_t len = sizeof(decimals) - 1;
    while (decimals[len - 1] == '0')
        len--;
    buf_add(out, decimals, len);
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

static void add_escaped(struct buf *out, struct slice text)
{
    size_t copied = 0, at = 0, len = 0;
    char hex[7];

    while (at < text.len) {
        const char *replacement = escape(text.data + at, text.len - at, &len, hex);
        if (replacement) {
            buf_add(out, text.data + copied, at - copied);
            buf_add_text(out, replacement);
            copied = at + len;
        }
        at += len;
    }
    buf_add(out, text.data + copied, at - copied);
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

// Redaction comes before cutting, so that no half of a secret is left.
static void add_value(const struct logline *line, struct buf *out, struct slice text,
                      void (*add)(struct buf *, struct slice))
{
    struct buf clean;
    buf_init(&clean, SIZE_MAX / 2);
    if (redact_finds(line->redact, text)) {
        redact_text(line->redact, text, &clean);
        text = buf_slice(&clean);
    }
    if (text.len > LOGLINE_VALUE)
        text.len = LOGLINE_VALUE;
    if (text.len)
        add(out, text);
    buf_deinit(&clean);
}

static void add_string(const struct logline *line, struct buf *out, struct slice text)
{
    if (!text.data) {
        buf_add_text(out, "null");
        return;
    }
    buf_add(out, "\"", 1);
    add_value(line, out, text, add_escaped);
    buf_add(out, "\"", 1);
}

static void add_count(struct buf *out, long long count)
{
    if (count < 0)
        buf_add_text(out, "null");
    else
        add_number(out, (uint64_t)count);
}

static void begin_json(const struct logline *line, struct buf *out)
{
    buf_add_text(out, "{\"time\":\"");
    add_time(out, line->time_us);
    buf_add_text(out, "\",\"level\":\"");
    buf_add_text(out, level_names[line->level]);
    buf_add_text(out, "\"");
}

static void add_numbers(const struct log_request *request, struct buf *out)
{
    buf_add_text(out, ",\"tokens\":{\"in\":");
    add_count(out, request->tokens_in);
    buf_add_text(out, ",\"out\":");
    add_count(out, request->tokens_out);
    buf_add_text(out, ",\"cached\":");
    add_count(out, request->tokens_cached);
    buf_add_text(out, "},\"ttft_ms\":");
    add_ms(out, request->ttft_ms);
    buf_add_text(out, ",\"duration_ms\":");
    add_ms(out, request->duration_ms);
    buf_add_text(out, ",\"bytes\":");
    add_number(out, request->bytes);
}

void logline_json_request(const struct logline *line, const struct log_request *request,
                          struct buf *out)
{
    const struct {
        const char *name;
        struct slice value;
    } strings[] = {
        {",\"request_id\":", request->request_id}, {",\"client\":", request->client},
        {",\"method\":", request->method},         {",\"path\":", request->path},
        {",\"model\":", request->model},           {",\"target\":", request->target},
    };

    begin_json(line, out);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        buf_add_text(out, strings[i].name);
        add_string(line, out, strings[i].value);
    }
    buf_add_text(out, ",\"status\":");
    add_count(out, request->status > 0 ? request->status : -1);
    buf_add_text(out, ",\"attempts\":");
    add_number(out, request->attempt_count);
    buf_add_text(out, ",\"lanes\":");
    add_string(line, out, request->attempts);
    add_numbers(request, out);
    buf_add_text(out, ",\"error\":");
    if (request->error_kind.data) {
        buf_add_text(out, "{\"kind\":");
        add_string(line, out, request->error_kind);
        buf_add_text(out, ",\"message\":");
        add_string(line, out, request->error_message);
        buf_add_text(out, "}");
    } else {
        buf_add_text(out, "null");
    }
    buf_add_text(out, "}\n");
}

void logline_json_event(const struct logline *line, struct slice message, struct buf *out)
{
    begin_json(line, out);
    buf_add_text(out, ",\"message\":");
    add_string(line, out, message);
    buf_add_text(out, "}\n");
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

static void add_plain(const struct logline *line, struct buf *out, struct slice text)
{
    add_value(line, out, text.data ? text : SLICE("-"), add_printable);
}

void logline_plain_request(const struct logline *line, const struct log_request *request,
                           struct buf *out)
{
    begin_plain(line, out);
    if (request->status > 0)
        add_number(out, (uint64_t)request->status);
    else
        buf_add_text(out, "---");
    buf_add_text(out, "  ");
    add_plain(line, out, request->model.data ? request->model : request->path);
    if (request->target.data) {
        buf_add_text(out, " -> ");
        add_plain(line, out, request->target);
    }
    buf_add_text(out, "  ");
    add_number(out, request->duration_ms > 0 && request->duration_ms < max_ms
                        ? (uint64_t)(request->duration_ms + 0.5)
                        : 0);
    buf_add_text(out, " ms");
    if (request->tokens_in >= 0 && request->tokens_out >= 0) {
        buf_add_text(out, "  ");
        add_number(out, (uint64_t)request->tokens_in);
        buf_add_text(out, "+");
        add_number(out, (uint64_t)request->tokens_out);
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
    begin_plain(line, out);
    buf_add_text(out, level_names[line->level]);
    buf_add_text(out, line->level == LOG_INFO || line->level == LOG_WARN ? "   " : "  ");
    add_plain(line, out, message);
    buf_add_text(out, "\n");
}
