#include "lua/tape.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "lua/mock_upstream.h"
#include "lua/summary.h"
#include "lua/vm.h"

enum { TAPE_BYTES = 64 * 1024 * 1024, TAPE_SIZES = 8 * 1024 * 1024 };

struct tape {
    int sent_ref; // LUA_NOREF: nothing has been sent since the last core.recorded()
    int status;
    struct headers headers;
    struct buf bytes, sizes; // sizes: one size_t for each piece of bytes
    bool is_too_large;
};

static void forget(struct tape *tape, lua_State *L)
{
    luaL_unref(L, LUA_REGISTRYINDEX, tape->sent_ref);
    tape->sent_ref = LUA_NOREF;
    tape->status = 0;
    tape->is_too_large = false;
    headers_clear(&tape->headers);
    buf_clear(&tape->bytes);
    buf_clear(&tape->sizes);
}

static int record_upstreams(lua_State *L)
{
    struct vm *vm = vm_of(L);

    if (vm->tape)
        return 0;
    vm->tape = mem_alloc(sizeof(*vm->tape));
    vm->tape->sent_ref = LUA_NOREF;
    headers_init(&vm->tape->headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    buf_init(&vm->tape->bytes, TAPE_BYTES);
    buf_init(&vm->tape->sizes, TAPE_SIZES);
    return 0;
}

static void push_pieces(lua_State *L, const struct tape *tape)
{
    const char *piece = tape->bytes.data;
    size_t count = tape->sizes.len / sizeof(size_t);

    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        memcpy(&size, tape->sizes.data + i * sizeof(size), sizeof(size));
        lua_pushlstring(L, piece, size);
        lua_rawseti(L, -2, (int)i + 1);
        piece += size;
    }
}

static int recorded(lua_State *L)
{
    struct tape *tape = vm_of(L)->tape;

    if (!tape || tape->sent_ref == LUA_NOREF)
        return 0;
    lua_createtable(L, 0, 5);
    lua_rawgeti(L, LUA_REGISTRYINDEX, tape->sent_ref);
    lua_setfield(L, -2, "sent");
    lua_pushinteger(L, tape->status);
    lua_setfield(L, -2, "status");
    summary_push_headers(L, &tape->headers);
    lua_setfield(L, -2, "headers");
    push_pieces(L, tape);
    lua_setfield(L, -2, "pieces");
    lua_pushboolean(L, tape->is_too_large);
    lua_setfield(L, -2, "is_too_large");
    forget(tape, L);
    return 1;
}

void tape_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"record_upstreams", record_upstreams}, {"recorded", recorded}, {NULL, NULL}};
    vm_register(vm, functions);
}

void tape_free(struct tape *tape)
{
    if (!tape)
        return;
    headers_deinit(&tape->headers);
    buf_deinit(&tape->bytes);
    buf_deinit(&tape->sizes);
    free(tape);
}

void tape_begin(struct vm *vm, lua_State *L, const struct upstream_request *request,
                struct slice target)
{
    forget(vm->tape, L);
    mock_upstream_push_sent(vm, L, request, target);
    vm->tape->sent_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void tape_head(struct tape *tape, int status, const struct headers *headers)
{
    tape->status = status;
    headers_copy(&tape->headers, headers);
}

void tape_body(struct tape *tape, const char *bytes, size_t len)
{
    if (!len || tape->is_too_large)
        return;
    tape->is_too_large =
        buf_reserve(&tape->sizes, sizeof(len)) != 0 || buf_add(&tape->bytes, bytes, len) != 0;
    if (!tape->is_too_large)
        buf_add(&tape->sizes, &len, sizeof(len));
}
