#include "lua/call_signature.h"

#include <stdbool.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/sigv4.h"
#include "lua/call.h"
#include "lua/call_class.h"
#include "lua/task.h"

enum { WINDOW = 300 }; // seconds that a signature may be older or newer than now

// Why a signature is not taken: as AWS calls it, and a text for people.
struct refusal {
    const char *code, *message;
    bool is_time; // the client's clock and ours differ
};

#define INVALID    "InvalidSignatureException"
#define INCOMPLETE "IncompleteSignatureException"

static const struct refusal malformed = {
    INCOMPLETE,
    "The Authorization header is no whole signature: \"AWS4-HMAC-SHA256 Credential=ACCESS_KEY_ID/"
    "DATE/REGION/SERVICE/aws4_request, SignedHeaders=..., Signature=...\" is expected.",
    false};
static const struct refusal unknown = {"UnrecognizedClientException",
                                       "The access key id is not known here.", false};
static const struct refusal no_date = {
    INCOMPLETE, "The header x-amz-date is missing, or not like 20260131T235959Z.", false};
static const struct refusal other_day = {
    INVALID, "The date in Credential is not that of x-amz-date.", false};
static const struct refusal expired = {
    INVALID, "Signature expired: x-amz-date is more than five minutes behind the clock here.",
    true};
static const struct refusal early = {
    INVALID,
    "Signature not yet current: x-amz-date is more than five minutes ahead of the clock here.",
    true};
static const struct refusal unsigned_headers = {
    INVALID, "SignedHeaders must have host and x-amz-date, and none that the request has not.",
    false};
static const struct refusal unsigned_body = {
    INVALID,
    "The body must be signed: x-amz-content-sha256 is its hash or left out, not UNSIGNED-PAYLOAD "
    "and not STREAMING-.",
    false};
static const struct refusal other_body = {
    INVALID, "The body is not the one that x-amz-content-sha256 is the hash of.", false};
static const struct refusal mismatch = {
    INVALID,
    "The signature does not match the request: the secret access key is another one, or what was "
    "signed has been changed on the way (a proxy must keep Host).",
    false};

// ---- what was signed --------------------------------------------------------------------------

static struct slice next_name(struct slice *names)
{
    const char *end = memchr(names->data, ';', names->len);
    size_t len = end ? (size_t)(end - names->data) : names->len;
    struct slice name = {names->data, len};
    size_t used = end ? len + 1 : len;
    *names = (struct slice){names->data + used, names->len - used};
    return name;
}

// The lines of the headers that `names` lists, into `found`, which has room for all of the request.
// Returns how many; 0 when one of them is missing or listed twice.
static size_t find_signed(const struct headers *headers, struct slice names, struct header *found)
{
    size_t count = 0;

    while (names.len) {
        struct slice name = next_name(&names);
        size_t before = count;
        if (count + headers_count(headers, name) > headers->count)
            return 0;
        for (size_t i = 0; i < headers->count; i++) {
            struct header header = headers_at(headers, i);
            if (slice_equal_nocase(header.name, name))
                found[count++] = header;
        }
        if (count == before)
            return 0;
    }
    return count;
}

static bool has_name(struct slice names, struct slice wanted)
{
    while (names.len) {
        if (slice_equal_nocase(next_name(&names), wanted))
            return true;
    }
    return false;
}

static bool is_same_signature(const struct sigv4_request *request, const struct sigv4_claim *claim,
                              struct slice date, struct slice secret)
{
    struct sigv4_scope scope = {.region = claim->region, .service = claim->service};
    unsigned char key[SIGV4_KEY];
    char signature[SIGV4_HEX + 1];

    memcpy(scope.time, date.data, SIGV4_TIME);
    sigv4_signing_key(secret, &scope, key);
    sigv4_sign(request, &scope, key, signature);
    OPENSSL_cleanse(key, sizeof(key));
    return CRYPTO_memcmp(signature, claim->signature.data, SIGV4_HEX) == 0;
}

// ---- the checks -------------------------------------------------------------------------------

static const struct refusal *check_date(const struct sigv4_claim *claim, struct slice date)
{
    int64_t signed_at, now = (int64_t)(clock_wall_us() / 1000000);

    if (!date.data || sigv4_read_time(date, &signed_at) != 0)
        return &no_date;
    if (memcmp(claim->day.data, date.data, SIGV4_DAY) != 0)
        return &other_day;
    if (signed_at < now - WINDOW)
        return &expired;
    return signed_at > now + WINDOW ? &early : NULL;
}

static bool is_hash(struct slice text)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0;

    while (i < text.len && text.data[i] && strchr(digits, text.data[i]))
        i++;
    return i == SIGV4_HEX && text.len == SIGV4_HEX;
}

// What the client says of its body must be true of it; `hash` becomes that of the body.
static const struct refusal *check_body(const struct request *request, char hash[SIGV4_HEX + 1])
{
    struct slice said = headers_find(request->headers, SLICE("x-amz-content-sha256"));

    if (said.data && !is_hash(said))
        return &unsigned_body;
    sigv4_hash(&request->body, 1, hash);
    return said.data && memcmp(said.data, hash, SIGV4_HEX) != 0 ? &other_body : NULL;
}

static const struct refusal *check_signature(const struct request *request,
                                             const struct sigv4_claim *claim, struct slice date,
                                             struct slice secret)
{
    char hash[SIGV4_HEX + 1];
    const struct refusal *refusal = check_body(request, hash);

    if (refusal)
        return refusal;
    if (!has_name(claim->signed_headers, SLICE("host")) ||
        !has_name(claim->signed_headers, SLICE("x-amz-date")))
        return &unsigned_headers;
    struct header *headers = mem_alloc((request->headers->count + 1) * sizeof(*headers));
    struct sigv4_request canonical = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = headers,
        .header_count = find_signed(request->headers, claim->signed_headers, headers),
        .payload = slice_of(hash),
    };
    if (!canonical.header_count)
        refusal = &unsigned_headers;
    else if (!is_same_signature(&canonical, claim, date, secret))
        refusal = &mismatch;
    free(headers);
    return refusal;
}

// The client that signed, or that gives its key as the id because it has nothing to sign with.
// Returns its index, or -1 with `refusal`.
static int find_client(const struct config *config, const struct request *request,
                       const struct refusal **refusal)
{
    struct sigv4_claim claim;
    struct slice date = headers_find(request->headers, SLICE("x-amz-date"));

    *refusal = &malformed;
    if (sigv4_read_authorization(headers_find(request->headers, SLICE("authorization")), &claim) !=
        0)
        return -1;
    int client = config_find_signer(config, claim.key_id);
    if (client < 0) {
        client = config_find_client(config, claim.key_id);
        if (client >= 0 && !config->clients[client].access_key_id)
            return client;
        *refusal = &unknown;
        return -1;
    }
    struct slice secret =
        slice_of(config->secrets[config->clients[client].secret_access_key].value);
    *refusal = check_date(&claim, date);
    if (!*refusal)
        *refusal = check_signature(request, &claim, date, secret);
    return *refusal ? -1 : client;
}

int call_signature_verify(lua_State *L)
{
    struct call *call = call_class_check(L, 1);
    const struct config *config = call_config(call);
    const struct refusal *refusal;
    int client = find_client(config, exchange_request(call->exchange), &refusal);

    if (client >= 0) {
        lua_pushstring(L, config->clients[client].name);
        return 1;
    }
    int count = task_push_error(L, "auth", refusal->message);
    lua_pushstring(L, refusal->code);
    lua_setfield(L, -2, "code");
    lua_pushboolean(L, refusal->is_time);
    lua_setfield(L, -2, "is_time");
    return count;
}
