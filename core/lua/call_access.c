#include "lua/call_access.h"

#include <stdbool.h>

#include <lauxlib.h>
#include <openssl/crypto.h>

#include "config/config.h"
#include "lua/call.h"
#include "lua/call_class.h"

int call_access_find_client(lua_State *L)
{
    const struct config *config = call_config(call_class_check(L, 1));
    struct slice key;

    key.data = luaL_checklstring(L, 2, &key.len);
    int client = config_find_client(config, key);
    if (client < 0)
        return 0;
    lua_pushstring(L, config->clients[client].name);
    return 1;
}

int call_access_is_admin(lua_State *L)
{
    const struct config *config = call_config(call_class_check(L, 1));
    bool matches = true;
    struct slice token;

    token.data = luaL_checklstring(L, 2, &token.len);
    if (config->admin_token >= 0) {
        struct slice wanted = slice_of(config->secrets[config->admin_token].value);
        matches = token.len == wanted.len && CRYPTO_memcmp(token.data, wanted.data, token.len) == 0;
    }
    lua_pushboolean(L, matches);
    return 1;
}
