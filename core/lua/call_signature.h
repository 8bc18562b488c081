// Who asks, by the signature of the request (AWS Signature Version 4): a method of `req`, described
// in api.h.
#pragma once

#include <lua.h>

int call_signature_verify(lua_State *L);
