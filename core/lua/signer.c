#include "lua/signer.h"

#include <stdlib.h>

#include <lauxlib.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/header_lines.h"
#include "http/sigv4.h"
#include "lua/value.h"
#include "lua/vm.h"

#define SIGNER_CLASS "tidegate.signer"

enum {
    FIELD_MAX = 8 * 1024, // bytes; tokens of temporary credentials have one to two thousand
};

struct signer {
    struct buf key_id, secret, token; // an empty token: there is none
    struct buf region, service;
    int64_t offset; // seconds that the provider's clock is ahead of ours
    char day[SIGV4_DAY + 1];
    unsigned char key[SIGV4_KEY]; // for that day
};

// ---- the Lua value ----------------------------------------------------------------------------

struct signer *signer_check(lua_State *L, int index)
{
    return vm_check_class(L, index, vm_of(L)->signer_class);
}

static void forget(struct buf *secret)
{
    if (secret->data)
        OPENSSL_cleanse(secret->data, secret->cap);
    buf_deinit(secret);
}

static int collect(lua_State *L)
{
    struct signer *signer = signer_check(L, 1);

    buf_deinit(&signer->key_id);
    forget(&signer->secret);
    forget(&signer->token);
    buf_deinit(&signer->region);
    buf_deinit(&signer->service);
    OPENSSL_cleanse(signer->key, sizeof(signer->key));
    return 0;
}

// Texts that stand in a header line have no control characters.
static bool is_line(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7F)
            return false;
    }
    return true;
}

static void read_field(lua_State *L, const char *name, struct buf *field)
{
    lua_getfield(L, 1, name);
    struct slice text = value_to_secret(L, -1);
    if (!text.data)
        text = value_text(L, -1);
    buf_init(field, FIELD_MAX);
    if (!is_line(text) || text.len >= FIELD_MAX || buf_add_slice(field, text) != 0)
        luaL_error(L, "%s of a signer is a line of less than %d bytes", name, FIELD_MAX);
    lua_pop(L, 1);
}

static int new_signer(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct signer *signer = lua_newuserdata(L, sizeof(*signer));
    *signer = (struct signer){.offset = 0}; // whatever raises below, __gc frees
    luaL_getmetatable(L, SIGNER_CLASS);
    lua_setmetatable(L, -2);
    read_field(L, "access_key_id", &signer->key_id);
    read_field(L, "secret_access_key", &signer->secret);
    read_field(L, "session_token", &signer->token);
    read_field(L, "region", &signer->region);
    read_field(L, "service", &signer->service);
    if (!signer->key_id.len || !signer->secret.len || !signer->region.len || !signer->service.len)
        luaL_error(L, "a signer needs access_key_id, secret_access_key, region and service");
    return 1;
}

static int get_offset(lua_State *L)
{
    lua_pushnumber(L, (double)signer_check(L, 1)->offset);
    return 1;
}

static int set_offset(lua_State *L)
{
    struct signer *signer = signer_check(L, 1);
    double seconds = luaL_checknumber(L, 2);

    luaL_argcheck(L, seconds > -1e12 && seconds < 1e12, 2, "no such time");
    signer->offset = (int64_t)seconds;
    return 0;
}

void signer_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"__gc", collect}, {"offset", get_offset}, {"set_offset", set_offset}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"signer", new_signer}, {NULL, NULL}};

    vm->signer_class = vm_register_class(vm, SIGNER_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}

// ---- signing ----------------------------------------------------------------------------------

static bool is_own(struct slice name)
{
    return slice_equal_nocase(name, SLICE("x-amz-date")) ||
           slice_equal_nocase(name, SLICE("x-amz-security-token"));
}

// What else the service must find unchanged: all that is meant for AWS, and how to read the body.
static bool is_signed(struct slice name)
{
    const struct slice prefix = SLICE("x-amz-");

    if (slice_equal_nocase(name, SLICE("content-type")))
        return true;
    return name.len > prefix.len &&
           slice_equal_nocase((struct slice){name.data, prefix.len}, prefix) && !is_own(name);
}

static size_t count_lines(struct slice lines)
{
    size_t count = 0;
    for (size_t i = 0; i < lines.len; i++)
        count += lines.data[i] == '\n';
    return count;
}

// Fills `headers`, which has room for all lines and three more. Returns how many there are.
static size_t read_headers(const struct signer *signer, const struct signer_request *request,
                           const char *time, struct header *headers)
{
    struct slice lines = request->headers;
    struct header line;
    size_t count = 0;

    headers[count++] = (struct header){SLICE("host"), request->host};
    headers[count++] = (struct header){SLICE("x-amz-date"), slice_of(time)};
    if (signer->token.len)
        headers[count++] =
            (struct header){SLICE("x-amz-security-token"), buf_slice(&signer->token)};
    while (header_lines_next(&lines, &line)) {
        if (is_signed(line.name))
            headers[count++] = line;
    }
    return count;
}

static void use_day(struct signer *signer, const struct sigv4_scope *scope)
{
    if (memcmp(signer->day, scope->time, SIGV4_DAY) == 0)
        return;
    sigv4_signing_key(buf_slice(&signer->secret), scope, signer->key);
    memcpy(signer->day, scope->time, SIGV4_DAY);
}

static void add_line(const char *name, struct slice value, struct buf *lines)
{
    buf_add_text(lines, name);
    buf_add_text(lines, ": ");
    buf_add_slice(lines, value);
    buf_add_text(lines, "\r\n");
}

void signer_sign(struct signer *signer, const struct signer_request *request, struct buf *lines)
{
    struct slice path = request->target, query = {NULL, 0};
    const char *mark = memchr(path.data, '?', path.len);
    struct sigv4_scope scope = {buf_slice(&signer->region), buf_slice(&signer->service), ""};
    char hash[SIGV4_HEX + 1];

    if (mark) {
        query = (struct slice){mark + 1, (size_t)(path.data + path.len - mark - 1)};
        path.len = (size_t)(mark - path.data);
    }
    sigv4_print_time((int64_t)(clock_wall_us() / 1000000) + signer->offset, scope.time);
    use_day(signer, &scope);
    sigv4_hash(request->body, request->body_count, hash);
    struct header *headers = mem_alloc((count_lines(request->headers) + 3) * sizeof(*headers));
    struct sigv4_request canonical = {
        .method = request->method,
        .path = path,
        .query = query,
        .headers = headers,
        .header_count = read_headers(signer, request, scope.time, headers),
        .payload = slice_of(hash),
    };
    add_line("x-amz-date", slice_of(scope.time), lines);
    if (signer->token.len)
        add_line("x-amz-security-token", buf_slice(&signer->token), lines);
    buf_add_text(lines, "authorization: ");
    sigv4_authorization(&canonical, &scope, buf_slice(&signer->key_id), signer->key, lines);
    buf_add_text(lines, "\r\n");
    free(headers);
}
