#include "lua/service_account.h"

#include <lauxlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/file.h"
#include "base/limits.h"
#include "json/json.h"
#include "lua/generation.h"
#include "lua/loading.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

enum {
    SIGNATURE_MAX = 1024, // bytes; RSA with 8192 bits
    FILE_DEPTH = 4,       // of its JSON; it is flat
    // The file and its strings, which are never longer once decoded: nothing moves meanwhile.
    SCRATCH = 2 * LIMIT_KEY_FILE,
};

// ---- the key ----------------------------------------------------------------------------------

// Without it OpenSSL would ask the terminal for the password of an encrypted key.
static int no_password(char *out, int size, int is_writing, void *owner)
{
    (void)is_writing, (void)owner;
    if (size > 0)
        out[0] = '\0';
    return 0;
}

// Owned by the caller; NULL when the text is no RSA key.
static EVP_PKEY *read_key(struct slice text)
{
    if (!text.len || text.len > LIMIT_KEY_FILE)
        return NULL;
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    if (key && (EVP_PKEY_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_size(key) > SIGNATURE_MAX)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static bool is_key(struct slice text)
{
    EVP_PKEY *key = read_key(text);
    EVP_PKEY_free(key);
    return key != NULL;
}

// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3). Returns the length, or 0.
static size_t sign(EVP_PKEY *key, struct slice text, unsigned char *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_MAX;
    bool is_done =
        context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, out, &len, (const unsigned char *)text.data, text.len) == 1;

    EVP_MD_CTX_free(context);
    return is_done ? len : 0;
}

static int sign_rs256(lua_State *L)
{
    unsigned char signature[SIGNATURE_MAX];
    struct slice key_text = value_to_secret(L, 1), text = value_text(L, 2);

    luaL_argcheck(L, key_text.data != NULL, 1, "a secret is needed");
    luaL_argcheck(L, text.data != NULL, 2, "a text is needed");
    EVP_PKEY *key = read_key(key_text);
    if (!key)
        return task_push_error(L, "auth", "the private key is no RSA key in PEM");
    size_t len = sign(key, text, signature);
    EVP_PKEY_free(key);
    if (!len)
        return task_push_error(L, "auth", "the private key cannot sign");
    lua_pushlstring(L, (const char *)signature, len);
    return 1;
}

// ---- the file ---------------------------------------------------------------------------------

enum field { TYPE, EMAIL, KEY_ID, TOKEN_URI, PRIVATE_KEY, FIELDS };

// Decodes a member behind the file's text in the same buffer, which has room for it. Without data:
// it is missing, or no string.
static struct slice decode_field(struct buf *text, const struct json_field *field)
{
    size_t at = text->len;
    if (field->value.type != JSON_STRING || json_string_decode(field->value, text) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){text->data + at, text->len - at};
}

static int refuse(lua_State *L, const char *path, const char *what)
{
    lua_pushfstring(L, "%s: %s", path, what);
    return task_push_error(L, "auth", lua_tostring(L, -1));
}

// What is wrong with the members, or NULL.
static const char *problem_of(const struct slice *values)
{
    if (!values[TYPE].data || !slice_equal(values[TYPE], SLICE("service_account")))
        return "this is not the key file of a service account (\"type\": \"service_account\")";
    if (!values[EMAIL].len)
        return "client_email is missing";
    if (!values[PRIVATE_KEY].len)
        return "private_key is missing";
    return is_key(values[PRIVATE_KEY]) ? NULL : "private_key is no RSA key in PEM";
}

static void set_text(lua_State *L, const char *name, struct slice value)
{
    if (!value.data)
        return;
    lua_pushlstring(L, value.data, value.len);
    lua_setfield(L, -2, name);
}

static int push_account(lua_State *L, const struct slice *values)
{
    log_add_secret(vm_of(L)->env.log, values[PRIVATE_KEY]);
    lua_createtable(L, 0, 4);
    set_text(L, "client_email", values[EMAIL]);
    set_text(L, "private_key_id", values[KEY_ID]);
    set_text(L, "token_uri", values[TOKEN_URI]);
    value_push_secret(L, values[PRIVATE_KEY]);
    lua_setfield(L, -2, "private_key");
    return 1;
}

static int read_account(lua_State *L, const char *path, struct buf *text)
{
    struct json_field fields[FIELDS] = {
        [TYPE] = {.name = SLICE("type")},
        [EMAIL] = {.name = SLICE("client_email")},
        [KEY_ID] = {.name = SLICE("private_key_id")},
        [TOKEN_URI] = {.name = SLICE("token_uri")},
        [PRIVATE_KEY] = {.name = SLICE("private_key")},
    };
    struct slice values[FIELDS];
    struct json_error json_err;

    if (text->len > LIMIT_KEY_FILE)
        return refuse(L, path, "the file is too large for a key file");
    if (json_scan(buf_slice(text), fields, FIELDS, FILE_DEPTH, &json_err) != 0)
        return refuse(L, path, "the file is no JSON object");
    for (int i = 0; i < FIELDS; i++)
        values[i] = decode_field(text, &fields[i]);
    const char *problem = problem_of(values);
    return problem ? refuse(L, path, problem) : push_account(L, values);
}

static int service_account(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct error err;

    if (vm_loading_generation(vm_of(L))->shared->config->fakes_secrets) {
        lua_createtable(L, 0, 1);
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "is_fake");
        return 1;
    }
    struct buf *text = vm_scratch(vm_of(L), SCRATCH);

    if (buf_reserve(text, SCRATCH - 1) != 0 || file_read(path, text, &err) != 0)
        return task_push_error(L, "auth", err.message);
    int count = read_account(L, path, text);
    OPENSSL_cleanse(text->data, text->cap);
    buf_clear(text);
    return count;
}

// ---- secrets that come later ------------------------------------------------------------------

static int add_secret(lua_State *L)
{
    struct slice text = value_text(L, 1);

    luaL_argcheck(L, text.data != NULL, 1, "a text is needed");
    log_add_token(vm_of(L)->env.log, text, luaL_optnumber(L, 2, 0));
    return 0;
}

void service_account_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"service_account", service_account},
                                         {"sign_rs256", sign_rs256},
                                         {"add_secret", add_secret},
                                         {NULL, NULL}};
    vm_register(vm, functions);
}
