#include "lua/service_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lua/fixture.h"
#include "lua/value.h"

// One key for all tests: making one takes a while.
static EVP_PKEY *the_key;
static char the_pem[4096], the_escaped[4096];

static int make_key(void **state)
{
    (void)state;
    the_key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, the_key, NULL, NULL, 0, NULL, NULL);
    int len = BIO_read(bio, the_pem, sizeof(the_pem) - 1);
    BIO_free(bio);
    if (len <= 0)
        return -1;
    char *to = the_escaped;
    for (const char *from = the_pem; *from; from++) {
        if (*from == '\n') {
            *to++ = '\\';
            *to++ = 'n';
        } else {
            *to++ = *from;
        }
    }
    return 0;
}

static int free_key(void **state)
{
    (void)state;
    EVP_PKEY_free(the_key);
    return 0;
}

// A file with `text`, whose path is the global `path`. A "%s" in it is the key as JSON has it.
static void write_file(struct lua_fixture *fixture, const char *text)
{
    char path[] = "/tmp/tidegate-account-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    const char *place = strstr(text, "%s");
    if (place)
        fprintf(file, "%.*s%s%s", (int)(place - text), text, the_escaped, place + 2);
    else
        fputs(text, file);
    fclose(file);
    lua_pushstring(fixture->vm->L, path);
    lua_setglobal(fixture->vm->L, "path");
}

static void remove_file(struct lua_fixture *fixture)
{
    lua_getglobal(fixture->vm->L, "path");
    unlink(lua_tostring(fixture->vm->L, -1));
    lua_pop(fixture->vm->L, 1);
}

static void check_file(void **state, const char *text, const char *check)
{
    write_file(*state, text);
    lua_fixture_check(*state, check);
    remove_file(*state);
}

static void test_signs_as_jwts_are_signed(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_State *L = fixture->vm->L;

    value_push_secret(L, slice_of(the_pem));
    lua_setglobal(L, "key");
    lua_fixture_check(fixture, "signature = assert(core.sign_rs256(key, 'head.claims'))");
    lua_getglobal(L, "signature");
    struct slice signature = value_text(L, -1);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, the_key), 1);
    assert_int_equal(EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                                      (const unsigned char *)"head.claims", 11),
                     1);
    EVP_MD_CTX_free(context);
    lua_pop(L, 1);
}

static void test_a_text_is_no_key(void **state)
{
    struct lua_fixture *fixture = *state;
    value_push_secret(fixture->vm->L, SLICE("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
    lua_setglobal(fixture->vm->L, "broken");
    lua_fixture_check(fixture, "assert(not pcall(core.sign_rs256, 'text', 'x'))\n"
                               "local none, err = core.sign_rs256(broken, 'x')\n"
                               "assert(none == nil and err.kind == 'auth', err.message)\n"
                               "assert(err.message == 'the private key is no RSA key in PEM')");
}

static void test_reads_the_file_of_a_service_account(void **state)
{
    check_file(state,
               "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key_id\":\"k1\","
               "\"private_key\":\"%s\",\"token_uri\":\"http://127.0.0.1:1/token\"}",
               "local account = assert(core.service_account(path))\n"
               "assert(account.client_email == 'a@b' and account.private_key_id == 'k1')\n"
               "assert(account.token_uri == 'http://127.0.0.1:1/token')\n"
               "assert(type(account.private_key) == 'userdata')\n"
               "assert(not tostring(account.private_key):find('BEGIN'))\n"
               "assert(core.sign_rs256(account.private_key, 'x'))");
}

static void test_the_private_key_is_redacted(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_pushstring(fixture->vm->L, the_pem);
    lua_setglobal(fixture->vm->L, "pem");
    check_file(state,
               "{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"%s\"}",
               "assert(core.redact('x' .. pem) == 'x' .. pem)\n"
               "assert(core.service_account(path))\n"
               "assert(core.redact('x' .. pem) == 'x***')");
}

static void test_says_what_is_wrong_with_a_file(void **state)
{
    static const char *const cases[][2] = {
        {"nothing", "the file is no JSON object"},
        {"{}", "this is not the key file of a service account (\"type\": \"service_account\")"},
        {"{\"type\":\"authorized_user\"}",
         "this is not the key file of a service account (\"type\": \"service_account\")"},
        {"{\"type\":\"service_account\",\"private_key\":\"x\"}", "client_email is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\"}", "private_key is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":7}",
         "private_key is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"x\"}",
         "private_key is no RSA key in PEM"},
    };
    struct lua_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lua_pushstring(fixture->vm->L, cases[i][1]);
        lua_setglobal(fixture->vm->L, "wanted");
        check_file(state, cases[i][0],
                   "local none, err = core.service_account(path)\n"
                   "assert(none == nil and err.kind == 'auth')\n"
                   "assert(err.message == path .. ': ' .. wanted, err.message)");
    }
    lua_fixture_check(fixture, "local none, err = core.service_account('/nowhere/key.json')\n"
                               "assert(none == nil and err.message:find('/nowhere/key.json'))");
}

static void test_what_was_added_is_redacted(void **state)
{
    lua_fixture_check(*state, "assert(core.redact('a ya29.token b') == 'a ya29.token b')\n"
                              "core.add_secret('ya29.token', 3600)\n"
                              "assert(core.redact('a ya29.token b') == 'a *** b')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_signs_as_jwts_are_signed),
        LUA_FIXTURE(test_a_text_is_no_key),
        LUA_FIXTURE(test_reads_the_file_of_a_service_account),
        LUA_FIXTURE(test_the_private_key_is_redacted),
        LUA_FIXTURE(test_says_what_is_wrong_with_a_file),
        LUA_FIXTURE(test_what_was_added_is_redacted),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
