// The configuration: gateway.lua (or none) checked against the table of settings, then read-only.
//
// gateway.lua runs once in a Lua state of its own: a trimmed standard library (no io, os, ffi,
// debug, package), plus `secret "NAME"` and `env("NAME", default)`, which read the environment and
// a
// `.env` file beside it (the environment wins). Everything the gateway's Lua side needs is handed
// on as one JSON document, in which a secret is {"$secret": index}.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct config_client {
    char *name;                 // owned
    bool has_key;               // false: it has a pair of keys alone, to sign with
    unsigned char key_hash[32]; // SHA-256 of the key
    char *access_key_id;        // owned; NULL: it does not sign
    int secret_access_key;      // index into secrets
};

// One named limit or time per line of DESIGN; bytes and milliseconds.
struct config_limits {
    size_t body, head, headers, json_depth, connections, bodies_total, hold, inputs;
    uint32_t head_time, body_time, idle_time, write_time, drain_time;
};

// Of everything that runs beside gateway.lua.
struct config_scripts {
    uint32_t cpu_ms, cpu_total_ms;
    size_t memory, slice_memory, dict, source;            // bytes
    size_t steps, tasks, calls, depth, timers, log_lines; // counts
    int on_error;                                         // enum config_on_error
};

enum config_on_error { ON_ERROR_FALLBACK, ON_ERROR_FAIL };

struct config_secret {
    char *name; // of the environment variable, or where in gateway.lua a plain string stands; owned
    char *value; // owned
};

struct config {
    char *folder; // of gateway.lua; where adapters/ and scripts/ are looked for
    char *file;   // path of gateway.lua, NULL without one
    char *listen_host;
    int listen_port;
    char *admin_host; // NULL: no admin listener
    int admin_port;
    int admin_token; // index into secrets; -1: none
    int workers;
    struct config_limits limits;
    struct config_scripts scripts;
    bool reload_watch;
    uint32_t keepalive_ms; // stream.keepalive; 0: off
    char *log_file;        // "-": stdout; else a path, already relative to where the process runs
    int log_level;         // enum log_level
    char *log_bodies;      // for whole requests, a path likewise; NULL: they are not kept
    struct config_client *clients;
    size_t client_count;
    struct config_secret *secrets;
    size_t secret_count;
    char *document; // JSON for the Lua side, see config_load()
    size_t document_len;
    struct buf warnings; // lines for people ("plain-string key ..."), may be empty
    bool is_broken;      // something is wrong, and what is here is the rest
    bool fakes_secrets;
    struct buf *problems; // of the overrides, while loading
    struct lines *lines;  // where each field stands, for config_error_at(); NULL without a file
    struct env *env;      // what .env says
    bool is_shared;       // several threads read it: nothing changes any more
};

// What the command line says; NULL or 0: not given.
struct config_overrides {
    const char *listen, *admin; // "host:port"; admin also "off"
    int workers;
    // NULL: the first thing that is wrong ends the loading. Otherwise this gets all of them, each
    // text with a NUL behind it, and the configuration is made of what is right.
    struct buf *problems;
    // Of a test: source of a second gateway.lua, called "t.config", whose top-level fields replace
    // those of the first. NULL `data`: none.
    struct slice changes;
    bool fakes_secrets; // one that is not set gets a value that nobody takes for a key
    bool no_watch;      // whatever reload.watch says
};

struct bundle;

// Loads from the bytes of a bundle. Without a gateway.lua the document is {} and all settings have
// their defaults.
//
// The document holds: providers (each with extends, base_url, keys as a list of {secret index or
// plain string..., name}, timeout, retry ... as written), models, pick, policy, middleware,
// scripts, retry, timeout, cors, stream, and under `defaults` what retry and timeout are where
// nothing is written. Times stay in seconds there.
//
// NULL with `err` otherwise; the message begins with "file:line: " and, for unknown names, ends
// with a suggestion.
struct config *config_load_bundle(const struct bundle *bundle,
                                  const struct config_overrides *overrides, struct error *err);

// The same from a bundle read for the purpose; `path` as bundle_read() takes it.
struct config *config_load(const char *path, const struct config_overrides *overrides,
                           struct error *err);
void config_free(struct config *config);

// "file:line: message" for a field found wrong later (by the Lua side): `path` is member names and
// 1-based positions joined by '.', as in "providers.groq.base_url" or "models.smart.targets.2". The
// line is that of the nearest enclosing field that is written literally.
void config_error_at(const struct config *config, const char *path, const char *message,
                     struct error *err);

// A problem in the same form: into the list of problems, or else into `err`. Returns -1.
int config_problem(struct config *config, const char *path, const char *message, struct error *err);

// Value of a variable in the environment or .env; NULL when unset or empty. Borrowed.
const char *config_env(const struct config *config, const char *name);

// Index of the secret made from that variable, or -1 when unset (and secrets are not faked). It is
// registered on first use, as long as the configuration is not shared between threads; later, one
// that is not registered is -1.
int config_env_secret(struct config *config, const char *name);

// The same with a value that says what it is, "fake-NAME": for looking at a configuration whose
// secrets are not there.
int config_fake_secret(struct config *config, const char *name);

// Registers a secret (copied) and returns its index. While loading only.
size_t config_add_secret(struct config *config, const char *name, const char *value);

// The client whose key this is, compared in constant time over all clients; -1: none.
int config_find_client(const struct config *config, struct slice key);

// The client that signs with this access key id, which is no secret; -1: none.
int config_find_signer(const struct config *config, struct slice access_key_id);
