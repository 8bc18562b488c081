// The string functions of scripts give what LuaJIT's own give: the same results, the same errors.
// The first line of the input is a pattern, the second a replacement, the rest the text.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/slice.h"
#include "lua/string_lib.h"
#include "lua/vm.h"

enum { STEPS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char functions[] =
    "local safe, standard = ...\n"
    "local function each(lib, text, pattern)\n"
    "  local found = {}\n"
    "  for a, b, c in lib.gmatch(text, pattern) do\n"
    "    found[#found + 1] = tostring(a) .. '|' .. tostring(b) .. '|' .. tostring(c)\n"
    "  end\n"
    "  return table.concat(found, '\\n')\n"
    "end\n"
    "local function note(...) return '<' .. table.concat({ ... }, ',') .. '>' end\n"
    "local answers = setmetatable({}, { __index = function(_, key)\n"
    "  if key == 'b' then return false end\n"
    "  return #tostring(key) % 2 == 0 and key .. '!' or nil\n"
    "end })\n"
    "local calls = {\n"
    "  function(lib, text, pattern) return lib.find(text, pattern) end,\n"
    "  function(lib, text, pattern, _, n) return lib.find(text, pattern, n) end,\n"
    "  function(lib, text, pattern, _, n) return lib.find(text, pattern, n, true) end,\n"
    "  function(lib, text, pattern) return lib.match(text, pattern) end,\n"
    "  function(lib, text, pattern, _, n) return lib.match(text, pattern, n) end,\n"
    "  each,\n"
    "  function(lib, text, pattern, with) return lib.gsub(text, pattern, with) end,\n"
    "  function(lib, text, pattern, with, n) return lib.gsub(text, pattern, with, n) end,\n"
    "  function(lib, text, pattern) return lib.gsub(text, pattern, answers) end,\n"
    "  function(lib, text, pattern) return lib.gsub(text, pattern, note) end,\n"
    "}\n"
    "local function pack(...) return { count = select('#', ...), ... } end\n"
    "return function(text, pattern, with, n)\n"
    "  for i, call in ipairs(calls) do\n"
    "    local ours = pack(pcall(call, safe, text, pattern, with, n))\n"
    "    if ours[1] or not ours[2]:find('scripts.steps', 1, true) then\n"
    "      local theirs = pack(pcall(call, standard, text, pattern, with, n))\n"
    "      for k = 1, math.max(ours.count, theirs.count) do\n"
    "        if ours[k] ~= theirs[k] then\n"
    "          error(i .. ': ' .. tostring(ours[k]) .. ' instead of ' .. tostring(theirs[k]))\n"
    "        end\n"
    "      end\n"
    "      if ours.count ~= theirs.count then error(i .. ': other count') end\n"
    "    end\n"
    "  end\n"
    "end\n";

static lua_State *open_state(void)
{
    static struct config config;
    static struct vm vm;

    config.scripts.steps = STEPS;
    vm.config = &config;
    vm.L = luaL_newstate();
    luaL_openlibs(vm.L);
    if (luaL_loadstring(vm.L, functions) != 0)
        abort();
    lua_newtable(vm.L);
    string_lib_open(&vm);
    lua_getfield(vm.L, -1, "safe_string");
    lua_remove(vm.L, -2);
    lua_getglobal(vm.L, "string");
    lua_call(vm.L, 2, 1);
    return vm.L;
}

static struct slice take_line(struct slice *rest)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct slice line = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    size_t used = line.len + (end != NULL);

    rest->data += used;
    rest->len -= used;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static lua_State *L;
    struct slice rest = {(const char *)data, len};
    struct slice pattern = take_line(&rest), replacement = take_line(&rest);

    if (!L)
        L = open_state();
    // stack: compare
    lua_pushvalue(L, 1);
    lua_pushlstring(L, rest.data, rest.len);
    lua_pushlstring(L, pattern.data, pattern.len);
    lua_pushlstring(L, replacement.data, replacement.len);
    lua_pushinteger(L, len ? (int)data[len - 1] % 9 - 4 : 1);
    if (lua_pcall(L, 4, 0, 0) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return 0;
}
