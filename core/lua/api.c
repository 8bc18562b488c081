#include "lua/api.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "base/version.h"
#include "lua/alarm.h"
#include "lua/background.h"
#include "lua/call_class.h"
#include "lua/coroutine.h"
#include "lua/dict_class.h"
#include "lua/digest.h"
#include "lua/document_class.h"
#include "lua/endpoint.h"
#include "lua/fetch_class.h"
#include "lua/gate_class.h"
#include "lua/generation_class.h"
#include "lua/inner_class.h"
#include "lua/limit_class.h"
#include "lua/loading.h"
#include "lua/metric_class.h"
#include "lua/mock_upstream.h"
#include "lua/pause.h"
#include "lua/price_class.h"
#include "lua/producer.h"
#include "lua/reload.h"
#include "lua/script.h"
#include "lua/service_account.h"
#include "lua/signer.h"
#include "lua/sources.h"
#include "lua/spawn.h"
#include "lua/stream_events.h"
#include "lua/string_lib.h"
#include "lua/table_lib.h"
#include "lua/tape.h"
#include "lua/task.h"
#include "lua/usage_class.h"
#include "lua/value.h"
#include "lua/values.h"
#include "lua/vector_lib.h"
#include "lua/vm.h"
#include "lua/watch_class.h"

enum { ENCODE_LIMIT = 64 * 1024 * 1024 };

// ---- values -----------------------------------------------------------------------------------

static int push_json_error(lua_State *L, const struct json_error *err)
{
    char message[160];
    snprintf(message, sizeof(message), "%s at byte %zu", err->message, err->offset);
    return task_push_error(L, "bad_request", message);
}

static int decode(lua_State *L)
{
    struct json_error err;
    struct slice text;

    text.data = luaL_checklstring(L, 1, &text.len);
    bool has_names = !lua_isnoneornil(L, 2);
    if (has_names)
        luaL_checktype(L, 2, LUA_TTABLE);
    if (value_push_some(L, text, JSON_MAX_DEPTH, has_names ? 2 : 0, &err) == 0)
        return 1;
    return push_json_error(L, &err);
}

static int make_raw(lua_State *L)
{
    struct slice text;

    text.data = luaL_checklstring(L, 1, &text.len);
    value_push_raw(L, text);
    return 1;
}

static int check_raw(lua_State *L)
{
    struct json_error err;
    struct slice text;

    text.data = luaL_checklstring(L, 1, &text.len);
    return value_push_checked_raw(L, text, &err) == 0 ? 1 : push_json_error(L, &err);
}

static int is_raw(lua_State *L)
{
    lua_pushboolean(L, lua_istable(L, 1) && value_mark_of(L, 1) == VALUE_RAW);
    return 1;
}

static int encode(lua_State *L)
{
    const char *why;

    luaL_checkany(L, 1);
    struct buf *out = vm_scratch(vm_of(L), ENCODE_LIMIT);
    if (value_encode(L, 1, out, &why) != 0)
        return luaL_error(L, "cannot encode this as JSON: %s", why);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

static int mark_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    value_mark_array(L, 1);
    return 1;
}

static int now(lua_State *L)
{
    lua_pushnumber(L, (double)timers_now_ms(vm_of(L)->env.timers) / 1e3);
    return 1;
}

static int wall_time(lua_State *L)
{
    lua_pushnumber(L, (double)timers_wall_us(vm_of(L)->env.timers) / 1e6);
    return 1;
}

static int uuid(lua_State *L)
{
    char text[33];
    vm_random_hex(vm_of(L), text, 2);
    lua_pushlstring(L, text, 32);
    return 1;
}

// ---- secrets and clients ----------------------------------------------------------------------

static int env_secret(lua_State *L)
{
    struct config *config = vm_loading_generation(vm_of(L))->shared->config;
    int secret = config_env_secret(config, luaL_checkstring(L, 1));
    if (secret < 0)
        return 0;
    value_push_secret(L, slice_of(config->secrets[secret].value));
    return 1;
}

static int redact(lua_State *L)
{
    struct slice text;
    struct buf out;

    text.data = luaL_checklstring(L, 1, &text.len);
    buf_init(&out, text.len * 3 + 16);
    log_redact(vm_of(L)->env.log, text, &out);
    lua_pushlstring(L, out.data ? out.data : "", out.len);
    buf_deinit(&out);
    return 1;
}

// ---- sources ----------------------------------------------------------------------------------

static void add_name(void *owner, struct slice name)
{
    lua_State *L = owner;
    lua_pushlstring(L, name.data, name.len);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
}

static int modules(lua_State *L)
{
    const char *folder = luaL_checkstring(L, 1);
    lua_newtable(L);
    sources_list(vm_loading_generation(vm_of(L))->shared->bundle, folder, add_name, L);
    lua_getfield(L, LUA_REGISTRYINDEX, "tidegate.sort");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    return 1;
}

static int place(lua_State *L)
{
    struct error err;
    config_error_at(vm_loading_generation(vm_of(L))->shared->config, luaL_checkstring(L, 1),
                    luaL_checkstring(L, 2), &err);
    lua_pushstring(L, err.message);
    return 1;
}

static int source(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct source found = sources_find(vm_loading_generation(vm_of(L))->shared->bundle, path);

    if (!found.text.data)
        return 0;
    lua_pushlstring(L, found.text.data, found.text.len);
    lua_pushfstring(L, "@%s", path);
    lua_pushboolean(L, found.hash != NULL);
    lua_pushboolean(L, found.hash && sources_find_embedded(path));
    return 4;
}

// One line of a file of many is not worth a copy of all of it.
static int shipped(lua_State *L)
{
    const struct embedded_file *file = sources_find_embedded(luaL_checkstring(L, 1));
    struct slice start;

    start.data = luaL_optlstring(L, 2, "", &start.len);
    if (!file)
        return 0;
    if (!start.len) {
        lua_pushlstring(L, file->text, file->len);
        return 1;
    }
    const char *at = file->text, *end = file->text + file->len;
    while ((at = memmem(at, (size_t)(end - at), start.data, start.len)) && at != file->text &&
           at[-1] != '\n')
        at++;
    if (!at)
        return 0;
    at += start.len;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    lua_pushlstring(L, at, (size_t)((stop ? stop : end) - at));
    return 1;
}

static int version_of(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct source found = sources_find(vm_loading_generation(vm_of(L))->shared->bundle, path);

    if (found.hash)
        lua_pushlstring(L, (const char *)found.hash, BUNDLE_HASH);
    else
        lua_pushboolean(L, found.text.data != NULL);
    return 1;
}

// ---- the loop, log, metrics -------------------------------------------------------------------

struct breath {
    struct task *task;
    struct turn_wait wait;
};

static void on_breath(void *owner)
{
    struct breath *breath = owner;
    struct task *task = breath->task;
    loop_stop_wait(&breath->wait);
    free(breath);
    task_wake(task, 0);
}

static int next_turn(lua_State *L)
{
    struct vm *vm = vm_of(L);

    if (!vm->running || vm->running->is_canceled)
        return 0;
    struct breath *breath = mem_alloc(sizeof(*breath));
    breath->task = vm->running;
    breath->wait = (struct turn_wait){.on_turn = on_breath, .owner = breath};
    loop_wait_turn(vm->env.loop, &breath->wait);
    return task_wait(vm->running, on_breath, breath);
}

static int write_log(lua_State *L)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    enum log_level level = (enum log_level)luaL_checkoption(L, 1, NULL, names);
    log_event(vm_of(L)->env.log, level, "%s", luaL_checkstring(L, 2));
    return 0;
}

static int print_metrics(lua_State *L)
{
    struct buf out;
    buf_init(&out, ENCODE_LIMIT);
    metrics_print(vm_of(L)->env.names->metrics, &out);
    lua_pushlstring(L, out.data ? out.data : "", out.len);
    buf_deinit(&out);
    return 1;
}

// ---- the table --------------------------------------------------------------------------------

static void set_constants(struct vm *vm)
{
    lua_State *L = vm->L;

    lua_pushliteral(L, TIDEGATE_VERSION);
    lua_setfield(L, -2, "version");
    value_push_null(L);
    lua_setfield(L, -2, "null");
    generation_class_push_config(L, vm->config);
    lua_setfield(L, -2, "config");
}

// Each adds what it has to the table on top of the stack.
static void open_parts(struct vm *vm)
{
    script_open(vm);
    mock_upstream_open(vm);
    tape_open(vm);
    string_lib_open(vm);
    table_lib_open(vm);
    pause_open(vm);
    coroutine_open(vm);
    spawn_open(vm);
    alarm_open(vm);
    fetch_class_open(vm);
    signer_open(vm);
    endpoint_open(vm);
    watch_class_open(vm);
    usage_class_open(vm);
    price_class_open(vm);
    call_class_open(vm);
    inner_class_open(vm);
    stream_events_open(vm);
    dict_class_open(vm);
    limit_class_open(vm);
    background_open(vm);
    metric_class_open(vm);
    digest_open(vm);
    vector_lib_open(vm);
    service_account_open(vm);
    gate_class_open(vm);
    document_class_open(vm);
    values_open(vm);
    generation_class_open(vm);
    reload_open(vm);
}

void api_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"decode", decode},
        {"encode", encode},
        {"raw", make_raw},
        {"checked_raw", check_raw},
        {"is_raw", is_raw},
        {"array", mark_array},
        {"now", now},
        {"time", wall_time},
        {"uuid", uuid},
        {"env_secret", env_secret},
        {"redact", redact},
        {"modules", modules},
        {"source", source},
        {"version_of", version_of},
        {"shipped", shipped},
        {"next_turn", next_turn},
        {"place", place},
        {"log", write_log},
        {"metrics", print_metrics},
        {NULL, NULL},
    };
    lua_State *L = vm->L;

    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded");
    lua_newtable(L);
    vm_register(vm, functions);
    open_parts(vm);
    set_constants(vm);
    lua_setfield(L, -2, "core");
    lua_pop(L, 2);
    producer_open(vm);
}
