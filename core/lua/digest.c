#include "lua/digest.h"

#include <stdlib.h>

#include <lauxlib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

#include "base/xxh64.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

enum { SHA256_LEN = 32 };

static struct slice check_text(lua_State *L, int index)
{
    struct slice text = value_text(L, index);
    if (!text.data)
        luaL_typerror(L, index, "string");
    return text;
}

// ---- base64 -----------------------------------------------------------------------------------

static const char plain_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Three bytes at a time; the rest with or without '='.
static int push_base64(lua_State *L, struct slice text, const char *digits, bool is_padded)
{
    char *out = lua_newuserdata(L, text.len / 3 * 4 + 8), *to = out;
    const unsigned char *from = (const unsigned char *)text.data;
    size_t left = text.len;

    for (; left; from += 3) {
        unsigned bits = (unsigned)from[0] << 16 | (left > 1 ? (unsigned)from[1] << 8 : 0) |
                        (left > 2 ? from[2] : 0);
        size_t used = left < 3 ? left : 3;
        for (size_t i = 0; i <= used; i++)
            *to++ = digits[bits >> (18 - 6 * i) & 63];
        for (size_t i = used; is_padded && i < 3; i++)
            *to++ = '=';
        left -= used;
    }
    lua_pushlstring(L, out, (size_t)(to - out));
    return 1;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

static struct slice without_padding(struct slice text)
{
    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    return text;
}

static int encode(lua_State *L)
{
    return push_base64(L, check_text(L, 1), plain_digits, true);
}

static int encode_url(lua_State *L)
{
    return push_base64(L, check_text(L, 1), url_digits, false);
}

static int refuse_base64(lua_State *L)
{
    return task_push_error(L, "bad_request", "this is not base64");
}

// Either alphabet, with or without padding. The bits that no byte is made of must be 0: each text
// has one form.
static int decode(lua_State *L)
{
    struct slice whole = check_text(L, 1), text = without_padding(whole);
    size_t padding = whole.len - text.len, rest = text.len % 4;
    unsigned bits = 0;

    if (rest == 1 || padding > 2 || (padding && whole.len % 4))
        return refuse_base64(L);
    char *out = lua_newuserdata(L, text.len / 4 * 3 + 3), *to = out;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.data[i]);
        if (value < 0)
            return refuse_base64(L);
        bits = bits << 6 | (unsigned)value;
        if (i % 4 == 3) {
            *to++ = (char)(bits >> 16);
            *to++ = (char)(bits >> 8);
            *to++ = (char)bits;
        }
    }
    if (rest == 2 && (bits & 15) == 0)
        *to++ = (char)(bits >> 4);
    else if (rest == 3 && (bits & 3) == 0) {
        *to++ = (char)(bits >> 10);
        *to++ = (char)(bits >> 2);
    } else if (rest) {
        return refuse_base64(L);
    }
    lua_pushlstring(L, out, (size_t)(to - out));
    return 1;
}

// ---- digests ----------------------------------------------------------------------------------

// In the form that the argument at `index` names: "hex" (the usual one), "base64" or "raw".
static int push_digest(lua_State *L, int index, const unsigned char *bytes, size_t len)
{
    static const char *const forms[] = {"hex", "base64", "raw", NULL};
    static const char digits[] = "0123456789abcdef";
    char hex[2 * SHA256_LEN];
    struct slice raw = {(const char *)bytes, len};

    switch (luaL_checkoption(L, index, "hex", forms)) {
    case 1:
        return push_base64(L, raw, plain_digits, true);
    case 2:
        lua_pushlstring(L, raw.data, raw.len);
        return 1;
    default:
        for (size_t i = 0; i < len; i++) {
            hex[2 * i] = digits[bytes[i] >> 4];
            hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        lua_pushlstring(L, hex, 2 * len);
        return 1;
    }
}

static int sha256(lua_State *L)
{
    unsigned char digest[SHA256_LEN];
    struct slice text = check_text(L, 1);

    if (EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return luaL_error(L, "SHA-256 is not to be had of this OpenSSL");
    return push_digest(L, 2, digest, sizeof(digest));
}

// The key may be a secret.
static int hmac_sha256(lua_State *L)
{
    unsigned char digest[SHA256_LEN];
    struct slice key = value_to_secret(L, 1), text;

    if (!key.data)
        key = check_text(L, 1);
    text = check_text(L, 2);
    if (!HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len,
              digest, NULL))
        return luaL_error(L, "HMAC-SHA-256 is not to be had of this OpenSSL");
    return push_digest(L, 3, digest, sizeof(digest));
}

static int hash_xxh64(lua_State *L)
{
    struct slice text = check_text(L, 1);
    double seed = luaL_optnumber(L, 2, 0);
    unsigned char bytes[8];

    if (!(seed >= 0 && seed <= 9007199254740992.0))
        return luaL_argerror(L, 2, "a seed is a whole number from 0 to 2^53");
    uint64_t hash = xxh64(text, (uint64_t)seed);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(hash >> (56 - 8 * i));
    lua_settop(L, 1);
    return push_digest(L, 2, bytes, sizeof(bytes));
}

static int hash_crc32(lua_State *L)
{
    struct slice text = check_text(L, 1);
    lua_pushnumber(L, (double)crc32_z(0, (const unsigned char *)text.data, text.len));
    return 1;
}

void digest_open(struct vm *vm)
{
    static const luaL_Reg hashes[] = {
        {"sha256", sha256},    {"hmac_sha256", hmac_sha256},
        {"xxh64", hash_xxh64}, {"crc32", hash_crc32},
        {NULL, NULL},
    };
    static const luaL_Reg codes[] = {
        {"encode", encode}, {"encode_url", encode_url}, {"decode", decode}, {NULL, NULL}};

    lua_newtable(vm->L);
    vm_register(vm, hashes);
    lua_setfield(vm->L, -2, "hash");
    lua_newtable(vm->L);
    vm_register(vm, codes);
    lua_setfield(vm->L, -2, "base64");
}
