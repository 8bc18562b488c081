#include "lua/bodies.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/request.h"
#include "json/json.h"
#include "lua/call.h"
#include "lua/vm.h"

// Who asks is no part of what was asked.
static const char *const private_headers[] = {
    "authorization", "proxy-authorization",  "x-api-key", "x-goog-api-key", "api-key",
    "cookie",        "x-amz-security-token",
};

void bodies_keep(struct call *call)
{
    struct slice body = exchange_request(call->exchange)->body;

    call->kept_len = body.len;
    call->kept =
        body.len <= BODIES_LONGEST ? mem_dup(body.len ? body.data : "", body.len) : mem_dup("", 0);
}

static bool is_private(struct slice name)
{
    for (size_t i = 0; i < sizeof(private_headers) / sizeof(private_headers[0]); i++) {
        if (slice_equal_nocase(name, slice_of(private_headers[i])))
            return true;
    }
    return false;
}

// ,"name":"text", or null.
static void add_text(const struct call *call, struct buf *line, const char *name, struct slice text)
{
    struct buf clean;

    buf_addf(line, ",\"%s\":", name);
    if (!text.data) {
        buf_add_text(line, "null");
        return;
    }
    buf_init(&clean, SIZE_MAX / 2);
    log_redact(call->vm->env.log, text, &clean);
    json_string_encode(line, clean.len ? buf_slice(&clean) : SLICE(""));
    buf_deinit(&clean);
}

static void add_headers(const struct call *call, struct buf *line)
{
    const struct headers *headers = exchange_request(call->exchange)->headers;
    size_t before;

    buf_add_text(line, ",\"headers\":{");
    before = line->len;
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        struct buf clean;
        if (is_private(header.name))
            continue;
        buf_add_text(line, line->len > before ? "," : "");
        json_string_encode(line, header.name);
        buf_add_text(line, ":");
        buf_init(&clean, SIZE_MAX / 2);
        log_redact(call->vm->env.log, header.value, &clean);
        json_string_encode(line, clean.len ? buf_slice(&clean) : SLICE(""));
        buf_deinit(&clean);
    }
    buf_add_text(line, "}");
}

static void add_time(struct buf *line)
{
    uint64_t now_us = clock_wall_us();
    time_t seconds = (time_t)(now_us / 1000000);
    char text[32];
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    buf_addf(line, "{\"time\":\"%s.%03uZ\"", text, (unsigned)(now_us / 1000 % 1000));
}

void bodies_write(struct call *call, const struct call_record *record)
{
    const struct request *request = exchange_request(call->exchange);
    struct slice body = {call->kept, call->kept_len};
    struct buf line;

    buf_init(&line, LIMIT_LOG_QUEUE);
    add_time(&line);
    add_text(call, &line, "id", (struct slice){call->id, CALL_ID_LEN});
    add_text(call, &line, "method", request->method);
    add_text(call, &line, "path", request->path);
    add_headers(call, &line);
    add_text(call, &line, "client", record->client);
    add_text(call, &line, "model", record->model);
    add_text(call, &line, "body", body.len <= BODIES_LONGEST ? body : (struct slice){NULL, 0});
    add_text(call, &line, "target", record->target);
    buf_addf(&line, ",\"status\":%d", call->status);
    add_text(call, &line, "attempts", call->attempts.len ? buf_slice(&call->attempts) : SLICE(""));
    int rc = buf_add_text(&line, "}\n");
    log_line(call->vm->env.bodies, rc == 0 ? buf_slice(&line) : (struct slice){NULL, 0});
    buf_deinit(&line);
    free(call->kept);
    call->kept = NULL;
}
