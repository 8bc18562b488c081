#include "lua/metric_class.h"

#include <math.h>

#include <lauxlib.h>

#include "lua/value.h"
#include "lua/vm.h"
#include "metrics/metrics.h"

#define METRIC_CLASS "tidegate.metric"

enum { LABEL_VALUE_MAX = 200 };

// Metrics are never freed while there are workers: nothing to collect.
struct handle {
    struct metric *metric;
    enum metric_type type;
    int label_count;
};

// ---- methods ----------------------------------------------------------------------------------

// The series of the label values behind the number.
static struct metric_series *check_series(lua_State *L, const struct handle *handle)
{
    struct slice values[METRIC_LABELS];
    int given = lua_gettop(L) - 2;

    if (given != handle->label_count)
        luaL_error(L, "this metric has %d labels, %d values were given", handle->label_count,
                   given < 0 ? 0 : given);
    for (int i = 0; i < handle->label_count; i++) {
        values[i] = value_text(L, 3 + i);
        if (!values[i].data)
            luaL_typerror(L, 3 + i, "string");
        if (values[i].len > LABEL_VALUE_MAX)
            values[i].len = LABEL_VALUE_MAX;
    }
    return metrics_series(vm_of(L)->env.names->metrics, handle->metric, values);
}

static struct handle *check_handle(lua_State *L)
{
    return vm_check_class(L, 1, vm_of(L)->metric_class);
}

static int add(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    double by = luaL_checknumber(L, 2);
    if (handle->type == METRIC_HISTOGRAM)
        return luaL_error(L, "a histogram has observe(), not add()");
    if (!isfinite(by) || (handle->type == METRIC_COUNTER && by < 0))
        return luaL_argerror(L, 2, "a counter never goes down");
    metric_add(check_series(L, handle), by);
    return 0;
}

static int set(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    double to = luaL_checknumber(L, 2);
    if (handle->type != METRIC_GAUGE)
        return luaL_error(L, "only a gauge has set()");
    metric_set(check_series(L, handle), to);
    return 0;
}

static int observe(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    double seconds = luaL_checknumber(L, 2);
    if (handle->type != METRIC_HISTOGRAM)
        return luaL_error(L, "only a histogram has observe()");
    metric_observe(check_series(L, handle), seconds);
    return 0;
}

// ---- declaring --------------------------------------------------------------------------------

static void read_labels(lua_State *L, struct metric_custom *custom)
{
    if (lua_isnoneornil(L, 2))
        return;
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = lua_objlen(L, 2);
    if (count > METRIC_LABELS)
        luaL_argerror(L, 2, "a metric has at most 4 labels");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 2, (int)i + 1);
        custom->labels[i] = value_text(L, -1); // stays alive in the table
        if (!custom->labels[i].data)
            luaL_argerror(L, 2, "labels are a list of names");
        lua_pop(L, 1);
    }
    custom->label_count = count;
}

static int declare(lua_State *L, enum metric_type type)
{
    struct metric_custom custom = {.type = type, .name = value_text(L, 1)};
    struct error err;

    if (!custom.name.data)
        return luaL_typerror(L, 1, "string");
    custom.help = lua_isnoneornil(L, 3) ? SLICE("Of a script.") : value_text(L, 3);
    if (!custom.help.data)
        return luaL_typerror(L, 3, "string");
    read_labels(L, &custom);
    struct metrics *metrics = vm_of(L)->env.names->metrics;
    struct metric *metric = metrics_declare_custom(metrics, &custom, &err);
    if (!metric)
        return luaL_error(L, "tide.metric: %s", err.message);
    struct handle *handle = lua_newuserdata(L, sizeof(*handle));
    *handle = (struct handle){metric, type, (int)custom.label_count};
    luaL_getmetatable(L, METRIC_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

static int new_counter(lua_State *L)
{
    return declare(L, METRIC_COUNTER);
}

static int new_gauge(lua_State *L)
{
    return declare(L, METRIC_GAUGE);
}

static int new_histogram(lua_State *L)
{
    return declare(L, METRIC_HISTOGRAM);
}

void metric_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"add", add}, {"set", set}, {"observe", observe}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"counter", new_counter}, {"gauge", new_gauge}, {"histogram", new_histogram}, {NULL, NULL}};

    vm->metric_class = vm_register_class(vm, METRIC_CLASS, methods);
    lua_pop(vm->L, 1);
    lua_newtable(vm->L);
    vm_register(vm, functions);
    lua_setfield(vm->L, -2, "metric");
}
