#include "lua/attempt_options.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "http/header_lines.h"
#include "json/json.h"
#include "lua/call.h"
#include "lua/call_body.h"
#include "lua/codec.h"
#include "lua/endpoint.h"
#include "lua/signer.h"
#include "lua/stream_events.h"
#include "lua/value.h"
#include "lua/vm.h"
#include "lua/watch_class.h"

enum {
    EDITS_MAX = 48,          // top-level members that adapter and policy may change in a request
    EDITS_SCRATCH = 1 << 16, // bytes that changing them adds: names and punctuation
};

static uint32_t ms_at(lua_State *L, int index)
{
    double seconds = lua_tonumber(L, index);
    if (seconds <= 0)
        return 0;
    return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

// A text of `extra`, which keeps it alive.
static struct slice extra_text(lua_State *L, const char *name)
{
    struct slice text = {NULL, 0};
    if (!lua_istable(L, OPTION_EXTRA))
        return text;
    lua_getfield(L, OPTION_EXTRA, name);
    text = value_text(L, -1);
    lua_pop(L, 1);
    return text;
}

// ---- how the answer is relayed ----------------------------------------------------------------

static void read_codec(lua_State *L, struct relay_plan *plan)
{
    lua_getfield(L, OPTION_EXTRA, "codec");
    if (!lua_isnil(L, -1))
        codec_read(L, lua_gettop(L), plan);
    lua_pop(L, 1);
}

// The path stands in the request's first line.
static void check_path(lua_State *L)
{
    struct slice path = extra_text(L, "path");
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.data[i] <= ' ' || path.data[i] == 0x7F)
            luaL_error(L, "a path has no spaces and no control characters");
    }
    if (path.len > LIMIT_URI)
        luaL_error(L, "a path is longer than %d bytes", LIMIT_URI);
    if (path.data && (path.len == 0 || *path.data != '/'))
        luaL_error(L, "a path begins with '/'");
}

// hold = true or a number of content events; on_event = function.
static void read_extra(lua_State *L, struct relay_plan *plan)
{
    if (!lua_istable(L, OPTION_EXTRA))
        return;
    lua_getfield(L, OPTION_EXTRA, "hold");
    if (lua_isboolean(L, -1))
        plan->hold_all = lua_toboolean(L, -1);
    else
        plan->hold_events = (unsigned)lua_tointeger(L, -1);
    lua_getfield(L, OPTION_EXTRA, "on_event");
    plan->filters = plan->is_stream && lua_isfunction(L, -1);
    lua_pop(L, 2);
    if (extra_text(L, "headers").len > LIMIT_OWN_HEADERS)
        luaL_error(L, "headers for the provider are larger than %d bytes", LIMIT_OWN_HEADERS);
    check_path(L);
    read_codec(L, plan);
}

struct relay_plan attempt_read_plan(lua_State *L, struct call *call)
{
    const struct config *config = call_config(call);
    struct relay_plan plan = {
        .exchange = call->exchange,
        .timers = call->vm->env.timers,
        .watch = watch_class_check(L, OPTION_WATCH),
        .framing = stream_events_check_framing(L, OPTION_FRAMING),
        .is_stream = lua_toboolean(L, OPTION_STREAM),
        .hide_usage = lua_toboolean(L, OPTION_HIDE_USAGE),
        .choices = (unsigned)lua_tointeger(L, OPTION_CHOICES),
        .terminal = value_text(L, OPTION_ADD_TERMINAL),
        .first_token_ms = ms_at(L, OPTION_FIRST_TOKEN),
        .head_ms = ms_at(L, OPTION_HEAD),
        .idle_ms = ms_at(L, OPTION_IDLE),
        .hold_limit = config->limits.hold,
        .total_at_ms = call->total_at_ms,
    };
    read_extra(L, &plan);
    return plan;
}

// ---- what goes to the provider ----------------------------------------------------------------

// One edit: a name, then JSON text, false (remove) or { rename = name }.
static struct json_edit read_edit(lua_State *L, int i)
{
    struct json_edit edit = {.name = {NULL, 0}};

    lua_rawgeti(L, OPTION_EDITS, i);
    edit.name.data = luaL_checklstring(L, -1, &edit.name.len);
    lua_rawgeti(L, OPTION_EDITS, i + 1);
    edit.value = value_text(L, -1);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "rename");
        edit.rename_to = value_text(L, -1); // stays alive in the table
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return edit;
}

static void use_segments(struct attempt_request *request, const struct slice *segments,
                         size_t count)
{
    request->segments = mem_alloc(count * sizeof(*segments));
    memcpy(request->segments, segments, count * sizeof(*segments));
    request->upstream.body = request->segments;
    request->upstream.body_count = count;
}

static void edit_body(struct attempt_request *request, lua_State *L, struct call *call)
{
    size_t count = lua_istable(L, OPTION_EDITS) ? lua_objlen(L, OPTION_EDITS) / 2 : 0;
    struct json_edit list[EDITS_MAX];
    struct slice segments[JSON_SEGMENTS(EDITS_MAX)];

    if (count > EDITS_MAX)
        luaL_error(L, "a request may have at most %d edits", EDITS_MAX);
    for (size_t i = 0; i < count; i++)
        list[i] = read_edit(L, (int)(2 * i + 1));
    struct json_scanned scanned = {call_body(call), call->scan, call->scan_count};
    use_segments(request, segments,
                 json_splice_scanned(&scanned, list, count, segments, &request->scratch));
}

static void read_body(struct attempt_request *request, lua_State *L, struct call *call)
{
    struct slice body = extra_text(L, "body");
    if (!body.data)
        body = value_text(L, OPTION_BODY);
    if (body.data)
        use_segments(request, &body, 1);
    else
        edit_body(request, L, call);
}

// The key of some providers stands in the query, whatever the path is.
static struct slice with_query(struct attempt_request *request, const struct endpoint *endpoint,
                               struct slice path)
{
    if (!endpoint->query.len)
        return path;
    buf_init(&request->path, (size_t)3 * LIMIT_URI);
    buf_add_slice(&request->path, path);
    endpoint_add_query(endpoint, &request->path); // both fit
    return buf_slice(&request->path);
}

static void read_endpoint(struct attempt_request *request, lua_State *L)
{
    struct endpoint *endpoint = endpoint_check(L, OPTION_ENDPOINT);
    struct slice path = extra_text(L, "path");
    request->upstream.origin = endpoint->origin;
    request->upstream.method = slice_of(endpoint->method);
    request->upstream.path =
        path.data ? with_query(request, endpoint, path) : buf_slice(&endpoint->path);
    request->upstream.headers = buf_slice(&endpoint->headers);
    request->upstream.connect_ms = ms_at(L, OPTION_CONNECT);
    request->upstream.fresh = lua_toboolean(L, OPTION_FRESH);
}

// headers = complete lines that go to the provider as well, and win over its own.
static void read_own_headers(struct attempt_request *request, lua_State *L)
{
    struct slice lines = extra_text(L, "headers");
    if (!lines.data)
        return;
    buf_init(&request->headers, LIMIT_ENDPOINT_HEADERS + LIMIT_OWN_HEADERS);
    header_lines_merge(request->upstream.headers, lines, &request->headers); // always fits
    request->upstream.headers = buf_slice(&request->headers);
}

// Last of all: every byte of the request is known.
static void sign(struct attempt_request *request, lua_State *L)
{
    struct endpoint *endpoint = endpoint_check(L, OPTION_ENDPOINT);
    struct upstream_request *upstream = &request->upstream;
    struct buf lines;

    if (!endpoint->signer)
        return;
    const struct signer_request what = {
        .method = upstream->method,
        .target = upstream->path,
        .host = upstream_origin_host(upstream->origin),
        .headers = upstream->headers,
        .body = upstream->body,
        .body_count = upstream->body_count,
    };
    buf_init(&lines, SIGNER_LINES_MAX);
    signer_sign(endpoint->signer, &what, &lines);
    buf_init(&request->signed_lines, LIMIT_ENDPOINT_HEADERS + LIMIT_OWN_HEADERS + SIGNER_LINES_MAX);
    header_lines_merge(upstream->headers, buf_slice(&lines), &request->signed_lines); // always fits
    buf_deinit(&lines);
    upstream->headers = buf_slice(&request->signed_lines);
}

void attempt_request_init(struct attempt_request *request, lua_State *L, struct call *call)
{
    buf_init(&request->scratch, EDITS_SCRATCH);
    read_endpoint(request, L);
    read_own_headers(request, L);
    read_body(request, L, call);
    sign(request, L);
}

void attempt_request_drop_body(struct attempt_request *request)
{
    buf_deinit(&request->scratch);
    free(request->segments);
    request->segments = NULL;
}

void attempt_request_deinit(struct attempt_request *request)
{
    attempt_request_drop_body(request);
    buf_deinit(&request->headers);
    buf_deinit(&request->signed_lines);
    buf_deinit(&request->path);
}
