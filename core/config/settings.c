#include "config/settings.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/formats.h"
#include "config/suggest.h"

#define KB 1024.0
#define MB (1024 * KB)
#define GB (1024 * MB)

#define STORED(kind, member) .storage = STORED_##kind, .offset = offsetof(struct config, member)
#define IN_SECONDS           .min = 0.001, .max = 86400
#define COUNT                (SETTING_NUMBER | SETTING_WHOLE)
#define PICKS \
    .words = "ordered cheapest", .later = "weighted round_robin fastest least_busy sticky cost"

// The same fields at the top (there with defaults), in a provider and in a model.
#define PER_REQUEST(place)                                                                        \
    {place "retry", SETTING_TABLE, .help = "what `retry` at the top is, here"},                   \
        {place "retry.max", COUNT, .help = "attempts after the first", .max = 100},               \
        {place "timeout", SETTING_TABLE, .help = "what `timeout` at the top is, here"},           \
        {place "timeout.connect", SETTING_NUMBER, .help = "DNS, TCP, proxy and TLS together",     \
         IN_SECONDS},                                                                             \
        {place "timeout.first_token", SETTING_NUMBER, .help = "to the first content of a stream", \
         IN_SECONDS},                                                                             \
        {place "timeout.head", SETTING_NUMBER, .help = "to the head of a whole answer",           \
         IN_SECONDS},                                                                             \
        {place "timeout.idle", SETTING_NUMBER, .help = "between bytes behind the head",           \
         IN_SECONDS},                                                                             \
    {                                                                                             \
        place "timeout.total", SETTING_NUMBER, .help = "the whole request, all attempts",         \
                                               IN_SECONDS                                         \
    }

#define PRICE SETTING_NUMBER, .max = 1e6

// What is known of a model's prices: of every one in USD.
#define PRICES_OF(place)                                                                   \
    {place "input", PRICE, .help = "per million tokens read"},                             \
        {place "output", PRICE, .help = "per million tokens written"},                     \
        {place "cached", PRICE, .help = "read from a cache; without it as `input`"},       \
        {place "cache_write", PRICE, .help = "written to a cache; without it as `input`"}, \
        {place "image", PRICE, .help = "per picture"},                                     \
    {                                                                                      \
        place "second", PRICE, .help = "per second of sound or film"                       \
    }

static const struct setting settings[] = {
    {"", SETTING_TABLE, .help = "what gateway.lua returns"},
    {"listen", SETTING_STRING, "127.0.0.1:8080", "address for clients",
     .wrong_text = formats_address},
    {"admin", SETTING_TABLE, .help = "metrics and administration; none without this table"},
    {"admin.listen", SETTING_STRING, .help = "address for administrators",
     .wrong_text = formats_address},
    {"admin.token", SETTING_KEY, .help = "asked for; may be left out on loopback",
     .wrong_text = formats_text},
    {"workers", COUNT, .help = "threads (default: one per core, at most 4)", .min = 1, .max = 64,
     STORED(INT, workers)},

    {"providers", SETTING_MAP, .help = "services, by name"},
    {"providers.*", SETTING_TABLE | SETTING_FALSE,
     .help = "a provider; its adapter has the same name. false: none, although there is one",
     .wrong_name = formats_name},
    {"providers.*.extends", SETTING_STRING, .help = "the adapter, when it has another name",
     .wrong_text = formats_name},
    {"providers.*.base_url", SETTING_STRING, .help = "what stands before the dialect's own path",
     .wrong_text = formats_base_url},
    {"providers.*.keys", SETTING_LIST, .help = "credentials, tried in turn"},
    {"providers.*.keys.#", SETTING_KEY | SETTING_TABLE, .help = "a key, or { key, name = ... }",
     .wrong_text = formats_text},
    {"providers.*.keys.#.access_key_id", SETTING_STRING | SETTING_SECRET,
     .help = "instead of a key, where requests are signed", .wrong_text = formats_header_value,
     .with = "secret_access_key"},
    {"providers.*.keys.#.secret_access_key", SETTING_KEY, .help = "what requests are signed with",
     .wrong_text = formats_text, .with = "access_key_id"},
    {"providers.*.keys.#.session_token", SETTING_KEY, .help = "of temporary credentials",
     .wrong_text = formats_header_value, .with = "access_key_id"},
    {"providers.*.keys.#.1", SETTING_KEY, .help = "the key", .wrong_text = formats_text,
     .is_required = true, .unless = "access_key_id"},
    {"providers.*.keys.#.name", SETTING_STRING, .help = "in logs, instead of its position",
     .wrong_text = formats_name},
    {"providers.*.headers", SETTING_MAP, .help = "sent with every request"},
    {"providers.*.headers.*", SETTING_STRING | SETTING_SECRET, .help = "a header's value",
     .wrong_text = formats_header_value, .wrong_name = formats_header},
    {"providers.*.models", SETTING_LIST | SETTING_MAP,
     .help = "shown in /v1/models: names, or tables of what is known of them by name"},
    {"providers.*.models.#", SETTING_STRING, .help = "a model's name", .wrong_text = formats_text},
    {"providers.*.models.*", SETTING_TABLE, .help = "what is known of a model",
     .wrong_name = formats_text},
    {"providers.*.models.*.context", COUNT, .help = "tokens that it can read", .min = 1,
     .max = 1e9},
    {"providers.*.models.*.max_output", COUNT, .help = "tokens that it can write", .min = 1,
     .max = 1e9},
    {"providers.*.models.*.caps", SETTING_LIST, .help = "tools, vision, reasoning ..."},
    {"providers.*.models.*.caps.#", SETTING_STRING, .help = "something that it can do",
     .wrong_text = formats_name},
    {"providers.*.models.*.reasoning", SETTING_NUMBER | SETTING_BOOLEAN, .max = 1e6,
     .help = "true: it thinks first; or what a million tokens of that cost"},
    PRICES_OF("providers.*.models.*."),
    {"providers.*.ca_file", SETTING_STRING, .help = "PEM file, relative to gateway.lua",
     .wrong_text = formats_text},
    {"providers.*.proxy", SETTING_STRING | SETTING_FALSE,
     .help = "URL, or false: none, whatever the environment says", .wrong_text = formats_proxy},
    {"providers.*.*", SETTING_STRING | SETTING_NUMBER,
     .help = "what the adapter's `config` asks for: region, project, ...", .min = -1e15,
     .max = 1e15, .wrong_text = formats_text},
    PER_REQUEST("providers.*."),

    {"models", SETTING_MAP, .help = "names for clients: aliases and groups"},
    {"models.*", SETTING_STRING | SETTING_LIST | SETTING_TABLE,
     .help = "a target, a list of targets, or a table with `targets`", .min = 1,
     .wrong_text = formats_target, .wrong_name = formats_text},
    {"models.*.#", SETTING_STRING, .help = "a target", .wrong_text = formats_target},
    {"models.*.targets", SETTING_LIST, .help = "where requests go", .min = 1, .is_required = true},
    {"models.*.targets.#", SETTING_STRING, .help = "a target", .wrong_text = formats_target},
    {"models.*.pick", SETTING_STRING, .help = "the order of the targets", PICKS},
    {"models.*.policy", SETTING_STRING, .help = "what `policy` at the top is, here",
     .wrong_text = formats_name},
    PER_REQUEST("models.*."),
    {"pick", SETTING_STRING, .help = "the order of a group's targets", PICKS},
    {"prices", SETTING_MAP, .help = "in USD, instead of those that the program knows"},
    {"prices.*", SETTING_TABLE, .help = "of one \"provider/model\"", .wrong_name = formats_target},
    {"prices.*.reasoning", PRICE, .help = "of tokens of thought; without it as `output`"},
    PRICES_OF("prices.*."),

    {"policy", SETTING_STRING, .help = "scripts/policies/NAME.lua: decides for every request",
     .wrong_text = formats_name},
    {"middleware", SETTING_LIST, .help = "scripts/middleware/NAME.lua, in this order"},
    {"middleware.#", SETTING_STRING, .help = "a middleware's name", .wrong_text = formats_name},

    {"clients", SETTING_LIST, .help = "who may ask; none: anybody, on loopback only"},
    {"clients.#", SETTING_TABLE, .help = "a client"},
    {"clients.#.access_key_id", SETTING_STRING | SETTING_SECRET,
     .help = "of a client that signs its requests as for AWS", .wrong_text = formats_text,
     .with = "secret_access_key"},
    {"clients.#.secret_access_key", SETTING_KEY, .help = "what it signs with",
     .wrong_text = formats_text, .with = "access_key_id"},
    {"clients.#.key", SETTING_KEY, .help = "what it sends", .wrong_text = formats_text,
     .is_required = true, .unless = "access_key_id"},
    {"clients.#.name", SETTING_STRING, .help = "in logs and metrics", .wrong_text = formats_text,
     .is_required = true},

    {"retry", SETTING_TABLE, .help = "when an attempt fails"},
    {"retry.max", COUNT, "5", "attempts after the first", .max = 100},
    {"timeout", SETTING_TABLE, .help = "in seconds"},
    {"timeout.connect", SETTING_NUMBER, "3", "DNS, TCP, proxy and TLS together", IN_SECONDS},
    {"timeout.first_token", SETTING_NUMBER, "60", "to the first content of a stream", IN_SECONDS},
    {"timeout.head", SETTING_NUMBER, "300", "to the head of a whole answer", IN_SECONDS},
    {"timeout.idle", SETTING_NUMBER, "60", "between bytes behind the head", IN_SECONDS},
    {"timeout.total", SETTING_NUMBER, "600", "the whole request, all attempts", IN_SECONDS},
    {"stream", SETTING_TABLE, .help = "answers as server-sent events"},
    {"stream.keepalive", SETTING_NUMBER, "15", "seconds of silence before a comment; 0: never",
     .max = 86400, STORED(MILLISECONDS, keepalive_ms)},

    {"limits", SETTING_TABLE, .help = "sizes in bytes or like \"64MB\", times in seconds"},
    {"limits.body", SETTING_SIZE, "64MB", "of a request", 1, 16 * GB, STORED(SIZE, limits.body)},
    {"limits.head", SETTING_SIZE, "64KB", "of a request", 1 * KB, 1 * MB,
     STORED(SIZE, limits.head)},
    {"limits.headers", COUNT, "100", "lines of a request", 1, 10000, STORED(SIZE, limits.headers)},
    {"limits.json_depth", COUNT, "128", "nesting of a body", 1, 128,
     STORED(SIZE, limits.json_depth)},
    {"limits.connections", COUNT, "20000", "of clients, all workers", 1, 1e6,
     STORED(SIZE, limits.connections)},
    {"limits.bodies_total", SETTING_SIZE, "1GB", "all request bodies held at once", 1, 1024 * GB,
     STORED(SIZE, limits.bodies_total)},
    {"limits.hold", SETTING_SIZE, "16MB", "of an answer held back, or kept to be translated", 1,
     1 * GB, STORED(SIZE, limits.hold)},
    {"limits.inputs", COUNT, "2048", "of a request for embeddings, documents of one for reranking",
     1, 1e6, STORED(SIZE, limits.inputs)},
    {"limits.head_time", SETTING_NUMBER, "10", "to read a request's head", IN_SECONDS,
     STORED(MILLISECONDS, limits.head_time)},
    {"limits.body_time", SETTING_NUMBER, "30", "between bytes of a request's body", IN_SECONDS,
     STORED(MILLISECONDS, limits.body_time)},
    {"limits.idle_time", SETTING_NUMBER, "75", "a connection without a request", IN_SECONDS,
     STORED(MILLISECONDS, limits.idle_time)},
    {"limits.write_time", SETTING_NUMBER, "60", "a client that reads nothing", IN_SECONDS,
     STORED(MILLISECONDS, limits.write_time)},
    {"limits.drain_time", SETTING_NUMBER, "30", "for open requests when stopping", IN_SECONDS,
     STORED(MILLISECONDS, limits.drain_time)},

    {"media", SETTING_TABLE,
     .help = "pictures and files given by URL, for providers that want bytes"},
    {"media.max", SETTING_SIZE, "20MB", "of one of them", .min = 1, .max = 1 * GB},
    {"media.total", SETTING_SIZE, "50MB", "of all of one request", .min = 1, .max = 4 * GB},
    {"media.count", COUNT, "20", "URLs fetched for one request; 0: none ever", .max = 1000},
    {"media.redirects", COUNT, "3", "followed from one URL", .max = 20},
    {"media.timeout", SETTING_NUMBER, "20", "seconds for one of them", IN_SECONDS},
    {"media.allow", SETTING_LIST, .help = "origins that may be private addresses; none without it"},
    {"media.allow.#", SETTING_STRING, .help = "\"http://HOST:PORT\"", .wrong_text = formats_origin},

    {"scripts", SETTING_TABLE, .help = "what everything beside gateway.lua may use"},
    {"scripts.on_error", SETTING_STRING, "fallback",
     "when a policy fails: \"fallback\" (the model's own targets) or \"fail\" (500)",
     .words = "fallback fail", STORED(WORD, scripts.on_error)},
    {"scripts.cpu", SETTING_NUMBER, "0.05", "seconds that a script may compute without waiting",
     .min = 0.005, .max = 10, STORED(MILLISECONDS, scripts.cpu_ms)},
    {"scripts.cpu_total", SETTING_NUMBER, "1", "seconds of computing of all scripts of a request",
     .min = 0.005, .max = 3600, STORED(MILLISECONDS, scripts.cpu_total_ms)},
    {"scripts.memory", SETTING_SIZE, "256MB", "of Lua in one worker, when scripts ask for more",
     8 * MB, 16 * GB, STORED(SIZE, scripts.memory)},
    {"scripts.slice_memory", SETTING_SIZE, "64MB", "that a script may add without waiting", 1 * MB,
     16 * GB, STORED(SIZE, scripts.slice_memory)},
    {"scripts.steps", COUNT, "5000000", "of matching one pattern", 1000, 1e9,
     STORED(SIZE, scripts.steps)},
    {"scripts.tasks", COUNT, "64", "tasks of one request at once", 1, 10000,
     STORED(SIZE, scripts.tasks)},
    {"scripts.calls", COUNT, "32", "calls of models and of tide.http in one request", 1, 10000,
     STORED(SIZE, scripts.calls)},
    {"scripts.depth", COUNT, "8", "calls of models inside calls of models", 1, 64,
     STORED(SIZE, scripts.depth)},
    {"scripts.timers", COUNT, "1024", "timers of one worker", 1, 1e6, STORED(SIZE, scripts.timers)},
    {"scripts.log_lines", COUNT, "100", "log lines of one request's scripts", 1, 1e6,
     STORED(SIZE, scripts.log_lines)},
    {"scripts.dict", SETTING_SIZE, "16MB", "of one shared dictionary", 64 * KB, 16 * GB,
     STORED(SIZE, scripts.dict)},
    {"scripts.source", SETTING_SIZE, "1MB", "of one script file", 1 * KB, 64 * MB,
     STORED(SIZE, scripts.source)},
    {"scripts.explain", SETTING_BOOLEAN, "false",
     .help = "clients may ask how a request was decided: x-tidegate-explain: 1"},
    {"scripts.http", SETTING_LIST, .help = "origins that tide.http may ask; none without it"},
    {"scripts.http.#", SETTING_STRING, .help = "\"https://HOST:PORT\", or \"*\": any",
     .wrong_text = formats_origin},
    {"scripts.env", SETTING_LIST, .help = "variables that tide.env() may read"},
    {"scripts.env.#", SETTING_STRING, .help = "a variable's name", .wrong_text = formats_text},
    {"scripts.secrets", SETTING_LIST, .help = "secrets that tide.secret() may use"},
    {"scripts.secrets.#", SETTING_STRING, .help = "a variable's name", .wrong_text = formats_text},
    {"reload", SETTING_TABLE, .help = "changes of files while the gateway runs"},
    {"reload.watch", SETTING_BOOLEAN, "true", "load changed files by itself",
     STORED(BOOL, reload_watch)},

    {"log", SETTING_TABLE, .help = "one line per request"},
    {"log.file", SETTING_STRING, "-", "relative to gateway.lua; \"-\": standard output",
     .wrong_text = formats_text, STORED(STRING, log_file)},
    {"log.level", SETTING_STRING, "info", "debug, info, warn or error",
     .words = "debug info warn error", STORED(WORD, log_level)},
    {"log.bodies", SETTING_STRING, .help = "file for whole requests, which `tidegate replay` reads",
     .wrong_text = formats_text, STORED(STRING, log_bodies)},
    {"cors", SETTING_TABLE, .help = "browsers that may ask"},
    {"cors.origins", SETTING_LIST, .help = "where their pages come from"},
    {"cors.origins.#", SETTING_STRING, .help = "an origin, or \"*\"", .wrong_text = formats_origin},
};

// Fields of later versions: refused, but not as mistakes.
static const char *const later[] = {
    // clang-format off
    "pipelines", "breaker", "queue", "store",
    "signing_key", "public_url", "jobs", "alerts", "ledger", "hedge", "redis_away",
    "retry.budget", "limits.lanes", "limits.upload", "limits.parts",
    "providers.*.breaker", "providers.*.queue",
    "providers.*.retry.budget", "providers.*.keys.#.weight", "providers.*.keys.#.concurrency",
    "providers.*.keys.#.rpm", "providers.*.keys.#.tpm",
    "models.*.hedge", "models.*.hold", "models.*.breaker", "models.*.queue",
    "models.*.retry.budget", "clients.#.models", "clients.#.rpm", "clients.#.tpm",
    "clients.#.concurrency", "clients.#.budget", "clients.#.expires", "clients.#.balance",
    // clang-format on
};

enum { ROWS = sizeof(settings) / sizeof(settings[0]), LATER = sizeof(later) / sizeof(later[0]) };

const struct setting *settings_at(size_t i)
{
    return i < ROWS ? &settings[i] : NULL;
}

const struct setting *settings_find(const char *path)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(settings[i].path, path) == 0)
            return &settings[i];
    }
    return NULL;
}

bool settings_is_later(const char *path)
{
    for (size_t i = 0; i < LATER; i++) {
        if (strcmp(later[i], path) == 0)
            return true;
    }
    return false;
}

// The last name of a path.
static const char *last_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

// True when `path` is a direct child of `parent`.
static bool is_child(const char *path, const char *parent)
{
    size_t len = (size_t)(last_name(path) - path);

    if (!*parent)
        return len == 0 && *path;
    return len == strlen(parent) + 1 && strncmp(path, parent, len - 1) == 0;
}

const char *settings_suggest(const char *parent, const char *wrong)
{
    const char *names[ROWS];
    size_t count = 0;

    for (size_t i = 0; i < ROWS; i++) {
        const char *name = last_name(settings[i].path);
        if (is_child(settings[i].path, parent) && isalpha((unsigned char)*name))
            names[count++] = name;
    }
    const char *near = suggest_name(wrong, names, count);
    for (size_t i = 0; !near && i < ROWS; i++) {
        if (!strpbrk(settings[i].path, "*#") && *wrong &&
            strcmp(last_name(settings[i].path), wrong) == 0)
            near = settings[i].path;
    }
    return near;
}

double settings_size(const char *text)
{
    static const char units[][3] = {"B", "KB", "MB", "GB", "TB"};
    double unit = 1;
    char *end = NULL;

    if (!isdigit((unsigned char)*text) || text[1] == 'x' || text[1] == 'X')
        return -1;
    double number = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++, unit *= 1024) {
        if (strcmp(end, units[i]) == 0)
            return floor(number * unit);
    }
    return -1;
}

int settings_word(const char *words, const char *text)
{
    size_t len = strlen(text);

    for (int i = 0; words && *words; i++) {
        size_t word = strcspn(words, " ");
        if (word == len && memcmp(words, text, len) == 0)
            return i;
        words += word + strspn(words + word, " ");
    }
    return -1;
}

void settings_store(const struct setting *setting, struct config *config, double number,
                    const char *text)
{
    void *place = (char *)config + setting->offset;

    switch (setting->storage) {
    case STORED_SIZE:
        *(size_t *)place = (size_t)number;
        break;
    case STORED_MILLISECONDS: // rounded up: a short time is not "off"
        *(uint32_t *)place = (uint32_t)ceil(number * 1000);
        break;
    case STORED_INT:
        *(int *)place = (int)number;
        break;
    case STORED_WORD:
        *(int *)place = settings_word(setting->words, text);
        break;
    case STORED_BOOL:
        *(bool *)place = number != 0;
        break;
    case STORED_STRING:
        free(*(char **)place);
        *(char **)place = mem_dup(text, strlen(text));
        break;
    default:
        break;
    }
}

void settings_store_defaults(struct config *config)
{
    for (size_t i = 0; i < ROWS; i++) {
        const char *text = settings[i].fallback;
        if (!text)
            continue;
        double number = settings[i].kinds & SETTING_SIZE ? settings_size(text) : strtod(text, NULL);
        if (settings[i].storage == STORED_BOOL)
            number = strcmp(text, "true") == 0;
        settings_store(&settings[i], config, number, text);
    }
}

void settings_print(struct buf *out)
{
    for (size_t i = 1; i < ROWS; i++) {
        const char *fallback = settings[i].fallback ? settings[i].fallback : "";
        buf_addf(out, "%-28s %-16s %s\n", settings[i].path, fallback, settings[i].help);
    }
}
