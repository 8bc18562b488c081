// Hard limits of the program that no setting changes, each with its reason. What a user may
// change is in config/settings.c ("limits" of gateway.lua).
#pragma once

enum {
    LIMIT_READ_BUFFER = 64 * 1024,      // one per loop: bytes are parsed in place, then gone
    LIMIT_OUTBOX = 64 * 1024,           // one per loop: small writes kept until a turn ends
    LIMIT_OUTBOX_WRITE = 8 * 1024,      // a larger write is not worth its copy and goes at once
    LIMIT_WRITE_PAUSE = 256 * 1024,     // queued for a slow client: stop reading the upstream
    LIMIT_WRITE_RESUME = 64 * 1024,     // drained so far: read on
    LIMIT_SSE_EVENT = 16 * 1024 * 1024, // one event; pictures come as base64 inside one
    LIMIT_RESPONSE_HEAD = 64 * 1024,    // an upstream's head
    LIMIT_RESPONSE_HEADERS = 200,       // an upstream's header lines
    LIMIT_ERROR_BODY = 256 * 1024,      // of an upstream's error answer, kept for the client
    LIMIT_URI = 8 * 1024,               // request target; longer is 414
    LIMIT_PIPELINE = 64 * 1024,         // bytes of further requests read while one is served
    LIMIT_WATCH_PATHS = 64,             // paths of one dialect's watch table
    LIMIT_CHOICES = 128,                // choices of one answer (OpenAI: n <= 128)
    LIMIT_ORIGIN_IDLE = 1024,           // idle connections kept per origin and worker
    LIMIT_ORIGINS_UNUSED = 256,         // that nobody refers to, kept with their connections
    LIMIT_FETCH_BUFFER = 16 << 20,      // of a script's stream, decoded and not taken yet
    LIMIT_CURL_HANDLES = 16,            // connections per CURLM (its lookup walks them)
    LIMIT_LOG_QUEUE = 4 * 1024 * 1024,  // bytes waiting for the log's writer; more is dropped
    LIMIT_SCRIPT_STACK = 512 * 1024,    // of C, for functions of a script that nest
    LIMIT_TASK_GRACE_MS = 100,          // that canceled tasks have before their maker goes on
    LIMIT_TASK_POOL = 256,              // finished coroutines kept for reuse, per worker
    LIMIT_ENDPOINT_HEADERS = 32 * 1024, // header lines for a provider that the configuration makes
    LIMIT_OWN_HEADERS = 32 * 1024,      // those that a request adds: both fit into a head
    LIMIT_DETACHED = 64,                // copies of requests that nobody waits for, per worker
    LIMIT_BACKGROUND = 1024,            // on_finish and the like at the same time, per worker
    LIMIT_REPEATED = 16 * 1024 * 1024,  // what string.rep makes for scripts: some 10 ms in C
    LIMIT_METRIC_SERIES = 10000,        // label sets of all metrics together
    LIMIT_SCRIPT_METRICS = 100,         // metrics that scripts declare
    LIMIT_SCRIPT_SERIES = 2000,         // label sets of those together
    LIMIT_SCRIPT_LOG_FIELD = 4 * 1024,  // a table as field of a log line, as JSON
    LIMIT_ATTEMPTS_TEXT = 4 * 1024,     // the x-tidegate-attempts header
    LIMIT_TOKEN_SECONDS = 86400,        // that a token of a provider is redacted, at the most
    LIMIT_EARLY_HOLD = 256 * 1024,      // held of an answer before it is passed on unfinished
    LIMIT_VECTOR = 64 * 1024,           // numbers of one embedding
    LIMIT_KEY_FILE = 64 * 1024,         // a service account's file
};
