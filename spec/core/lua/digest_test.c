#include "lua/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"
#include "lua/value.h"

// FIPS 180-2, RFC 4231 case 2, the check value of CRC-32, the specification of XXH64.
static void test_published_vectors(void **state)
{
    lua_fixture_check(*state,
                      "local h = core.hash\n"
                      "assert(h.sha256('abc') ==\n"
                      "  'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')\n"
                      "assert(h.hmac_sha256('Jefe', 'what do ya want for nothing?') ==\n"
                      "  '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')\n"
                      "assert(h.crc32('123456789') == 0xCBF43926)\n"
                      "assert(h.xxh64('') == 'ef46db3751d8e999')\n"
                      "assert(h.xxh64('', 2654435761) == 'ac75fda2929b17ef')\n");
}

static void test_digests_come_in_three_forms(void **state)
{
    lua_fixture_check(
        *state, "local h = core.hash\n"
                "assert(h.sha256('', 'base64') == '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')\n"
                "assert(h.sha256('', 'raw'):byte(1) == 0xe3 and #h.sha256('', 'raw') == 32)\n"
                "assert(#h.hmac_sha256('k', 'x', 'raw') == 32)\n"
                "local ok, message = pcall(h.sha256, '', 'hexa')\n"
                "assert(not ok and message:find(\"invalid option 'hexa'\"), message)\n");
}

static void test_a_key_may_be_a_secret(void **state)
{
    struct lua_fixture *fixture = *state;
    value_push_secret(fixture->vm->L, SLICE("Jefe"));
    lua_setglobal(fixture->vm->L, "secret");
    lua_fixture_check(*state,
                      "local text = 'what do ya want for nothing?'\n"
                      "assert(core.hash.hmac_sha256(secret, text) ==\n"
                      "  core.hash.hmac_sha256('Jefe', text))\n"
                      "local ok, message = pcall(function() return 'x' .. secret end)\n"
                      "assert(not ok and message:find('a secret cannot become part of a text'))\n"
                      "assert(not pcall(core.hash.sha256, secret))\n");
}

// RFC 4648, section 10.
static void test_base64_goes_both_ways(void **state)
{
    lua_fixture_check(
        *state, "local b, text = core.base64, 'foobar'\n"
                "local expected = { [0] = '', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', "
                "'Zm9vYmFy' }\n"
                "for i = 0, 6 do\n"
                "  assert(b.encode(text:sub(1, i)) == expected[i])\n"
                "  assert(b.decode(expected[i]) == text:sub(1, i))\n"
                "  assert(b.decode((expected[i]:gsub('=', ''))) == text:sub(1, i))\n"
                "end\n"
                "assert(b.encode('\\251\\255\\254') == '+//+')\n"
                "assert(b.encode_url('\\251\\255\\254\\0') == '-__-AA')\n"
                "assert(b.decode('-__-AA') == '\\251\\255\\254\\0')\n"
                "local all = {}\n"
                "for i = 0, 1023 do all[i + 1] = string.char(i * 7 % 256) end\n"
                "for cut = 1, 1024, 31 do\n"
                "  local part = table.concat(all, '', 1, cut)\n"
                "  assert(b.decode(b.encode(part)) == part)\n"
                "  assert(b.decode(b.encode_url(part)) == part)\n"
                "end\n");
}

static void test_what_is_no_base64_is_an_error(void **state)
{
    lua_fixture_check(*state,
                      "for _, text in ipairs({ 'Z', 'Zg=', 'Zg===', '=', 'Zg==Zg==', 'Zm 8=',\n"
                      "    'Zh==', 'Zm9=', 'Zm9v\\n', '====', 'Zm9v=' }) do\n"
                      "  local value, err = core.base64.decode(text)\n"
                      "  assert(value == nil and err.kind == 'bad_request', text)\n"
                      "end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_published_vectors),
        LUA_FIXTURE(test_digests_come_in_three_forms),
        LUA_FIXTURE(test_a_key_may_be_a_secret),
        LUA_FIXTURE(test_base64_goes_both_ways),
        LUA_FIXTURE(test_what_is_no_base64_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
