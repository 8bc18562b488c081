#include "http/sigv4.h"

#include <stdbool.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define TERMINATOR "aws4_request"

// Requests are limited (LIMIT_URI, limits.head); encoding twice makes nine bytes of one.
enum { CANONICAL_LIMIT = 64 * 1024 * 1024 };

// ---- hashes -----------------------------------------------------------------------------------

static void print_hex(const unsigned char bytes[SIGV4_KEY], char hex[SIGV4_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SIGV4_KEY; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[SIGV4_HEX] = '\0';
}

void sigv4_hash(const struct slice *segments, size_t count, char hex[SIGV4_HEX + 1])
{
    unsigned char digest[SIGV4_KEY];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; is_done && i < count; i++)
        is_done = EVP_DigestUpdate(context, segments[i].data, segments[i].len) == 1;
    if (!is_done || EVP_DigestFinal_ex(context, digest, NULL) != 1)
        abort(); // an OpenSSL without SHA-256
    EVP_MD_CTX_free(context);
    print_hex(digest, hex);
}

// `digest` may be the key.
static void hmac(struct slice key, struct slice text, unsigned char digest[SIGV4_KEY])
{
    if (!HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len,
              digest, NULL))
        abort(); // likewise
}

// ---- times ------------------------------------------------------------------------------------

// Days from 1970-01-01 in the Gregorian calendar; years are counted from March.
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void print_digits(char *to, size_t count, uint64_t number)
{
    while (count--) {
        to[count] = (char)('0' + number % 10);
        number /= 10;
    }
}

void sigv4_print_time(int64_t seconds, char time[SIGV4_TIME + 1])
{
    if (seconds < 0)
        seconds = 0;
    int64_t days = seconds / 86400 + 719468, of_day = seconds % 86400;
    int64_t era = days / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned from_march = (5 * of_year + 2) / 153;
    unsigned day = of_year - (153 * from_march + 2) / 5 + 1;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;

    print_digits(time, 4, (uint64_t)(era * 400 + year + (month <= 2)));
    print_digits(time + 4, 2, month);
    print_digits(time + 6, 2, day);
    time[8] = 'T';
    print_digits(time + 9, 2, (uint64_t)of_day / 3600);
    print_digits(time + 11, 2, (uint64_t)of_day / 60 % 60);
    print_digits(time + 13, 2, (uint64_t)of_day % 60);
    time[15] = 'Z';
    time[SIGV4_TIME] = '\0';
}

// -1: something else than digits stands there.
static int number_at(struct slice text, size_t at, size_t count)
{
    int number = 0;

    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        number = number * 10 + (text.data[i] - '0');
    }
    return number;
}

int sigv4_read_time(struct slice text, int64_t *seconds)
{
    char again[SIGV4_TIME + 1];

    if (text.len != SIGV4_TIME)
        return -1;
    int64_t year = number_at(text, 0, 4), month = number_at(text, 4, 2);
    int64_t day = number_at(text, 6, 2), hour = number_at(text, 9, 2);
    int64_t minute = number_at(text, 11, 2), second = number_at(text, 13, 2);
    if (year < 1970 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0)
        return -1;
    int64_t of_day = (hour * 60 + minute) * 60 + second;
    *seconds = days_of(year, month, day) * 86400 + of_day;
    sigv4_print_time(*seconds, again); // the 31st of February would be another day
    return memcmp(again, text.data, SIGV4_TIME) == 0 ? 0 : -1;
}

// ---- signing ----------------------------------------------------------------------------------

static struct slice day_of(const struct sigv4_scope *scope)
{
    return (struct slice){scope->time, SIGV4_DAY};
}

static void add_scope(const struct sigv4_scope *scope, struct buf *out)
{
    buf_add_slice(out, day_of(scope));
    buf_add_text(out, "/");
    buf_add_slice(out, scope->region);
    buf_add_text(out, "/");
    buf_add_slice(out, scope->service);
    buf_add_text(out, "/" TERMINATOR);
}

void sigv4_signing_key(struct slice secret, const struct sigv4_scope *scope,
                       unsigned char key[SIGV4_KEY])
{
    struct slice so_far = {(const char *)key, SIGV4_KEY};
    struct buf first;

    buf_init(&first, CANONICAL_LIMIT);
    buf_add_text(&first, "AWS4");
    buf_add_slice(&first, secret);
    hmac(buf_slice(&first), day_of(scope), key);
    OPENSSL_cleanse(first.data, first.cap);
    buf_deinit(&first);
    hmac(so_far, scope->region, key);
    hmac(so_far, scope->service, key);
    hmac(so_far, SLICE(TERMINATOR), key);
}

void sigv4_sign(const struct sigv4_request *request, const struct sigv4_scope *scope,
                const unsigned char key[SIGV4_KEY], char signature[SIGV4_HEX + 1])
{
    unsigned char digest[SIGV4_KEY];
    struct buf text;

    buf_init(&text, CANONICAL_LIMIT);
    sigv4_canonical(request, &text);
    struct slice canonical = buf_slice(&text);
    sigv4_hash(&canonical, 1, signature);
    buf_clear(&text);
    buf_add_text(&text, SIGV4_ALGORITHM "\n");
    buf_add_text(&text, scope->time);
    buf_add_text(&text, "\n");
    add_scope(scope, &text);
    buf_add_text(&text, "\n");
    buf_add_text(&text, signature);
    hmac((struct slice){(const char *)key, SIGV4_KEY}, buf_slice(&text), digest);
    buf_deinit(&text);
    print_hex(digest, signature);
}

void sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         struct slice key_id, const unsigned char key[SIGV4_KEY], struct buf *out)
{
    char signature[SIGV4_HEX + 1];

    sigv4_sign(request, scope, key, signature);
    buf_add_text(out, SIGV4_ALGORITHM " Credential=");
    buf_add_slice(out, key_id);
    buf_add_text(out, "/");
    add_scope(scope, out);
    buf_add_text(out, ", SignedHeaders=");
    sigv4_signed_headers(request, out);
    buf_add_text(out, ", Signature=");
    buf_add_text(out, signature);
}

// ---- reading ----------------------------------------------------------------------------------

static struct slice trimmed(struct slice text)
{
    while (text.len && (*text.data == ' ' || *text.data == '\t'))
        text = (struct slice){text.data + 1, text.len - 1};
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

// Takes what stands before the next comma.
static struct slice next_part(struct slice *rest)
{
    const char *comma = memchr(rest->data, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
    struct slice part = {rest->data, len};
    size_t used = comma ? len + 1 : len;
    *rest = (struct slice){rest->data + used, rest->len - used};
    return trimmed(part);
}

// Takes what stands behind the last slash; NULL data when there is none.
static struct slice last_step(struct slice *text)
{
    const char *slash = text->len ? memrchr(text->data, '/', text->len) : NULL;
    if (!slash)
        return (struct slice){NULL, 0};
    size_t before = (size_t)(slash - text->data);
    struct slice step = {slash + 1, text->len - before - 1};
    text->len = before;
    return step;
}

static bool read_credential(struct slice text, struct sigv4_claim *claim)
{
    struct slice terminator = last_step(&text);

    claim->service = last_step(&text);
    claim->region = last_step(&text);
    claim->day = last_step(&text);
    claim->key_id = text;
    return terminator.data && slice_equal(terminator, SLICE(TERMINATOR)) && claim->service.len &&
           claim->region.len && claim->day.len == SIGV4_DAY && claim->key_id.len;
}

static struct slice value_of(struct slice part, struct slice name)
{
    if (!slice_starts_with(part, name))
        return (struct slice){NULL, 0};
    return (struct slice){part.data + name.len, part.len - name.len};
}

int sigv4_read_authorization(struct slice value, struct sigv4_claim *claim)
{
    struct slice rest = value_of(value, SLICE(SIGV4_ALGORITHM " "));
    struct slice credential = {NULL, 0};

    *claim = (struct sigv4_claim){.key_id = {NULL, 0}};
    while (rest.len) {
        struct slice part = next_part(&rest), found;
        if ((found = value_of(part, SLICE("Credential="))).data)
            credential = found;
        else if ((found = value_of(part, SLICE("SignedHeaders="))).data)
            claim->signed_headers = found;
        else if ((found = value_of(part, SLICE("Signature="))).data)
            claim->signature = found;
    }
    bool is_whole = read_credential(credential, claim) && claim->signed_headers.len &&
                    claim->signature.len == SIGV4_HEX;
    return is_whole ? 0 : -1;
}
