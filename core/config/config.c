#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "config/access.h"
#include "config/bundle.h"
#include "config/check.h"
#include "config/document.h"
#include "config/env.h"
#include "config/evaluate.h"
#include "config/lines.h"
#include "config/settings.h"

enum {
    WARNING_LIMIT = 64 * 1024, // bytes of warnings; more are not told
    MAX_DEFAULT_WORKERS = 4,   // more gain nothing before the upstreams are the limit
};

static const char changes_name[] = "t.config";

// folder/name, owned by the caller; a name that is absolute, or in ".", stands for itself.
static char *join(const char *folder, const char *name)
{
    struct buf path;

    if (*name == '/' || strcmp(folder, ".") == 0)
        return mem_dup(name, strlen(name));
    buf_init(&path, SIZE_MAX / 2);
    size_t len = strlen(folder);
    buf_addf(&path, "%s%s%s", folder, len && folder[len - 1] == '/' ? "" : "/", name);
    return buf_take(&path, NULL);
}

static int default_workers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1)
        return 1;
    return cores < MAX_DEFAULT_WORKERS ? (int)cores : MAX_DEFAULT_WORKERS;
}

static struct config *new_config(void)
{
    struct config *config = mem_alloc(sizeof(*config));

    config->admin_token = -1;
    config->workers = default_workers();
    buf_init(&config->warnings, WARNING_LIMIT);
    settings_store_defaults(config);
    return config;
}

// Frees a secret's bytes, after wiping them.
static void free_secret(struct config_secret *secret)
{
    free(secret->name);
    if (secret->value)
        OPENSSL_cleanse(secret->value, strlen(secret->value));
    free(secret->value);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->client_count; i++) {
        free(config->clients[i].name);
        free(config->clients[i].access_key_id);
    }
    for (size_t i = 0; i < config->secret_count; i++)
        free_secret(&config->secrets[i]);
    free(config->clients);
    free(config->secrets);
    free(config->folder);
    free(config->file);
    free(config->listen_host);
    free(config->admin_host);
    free(config->log_file);
    free(config->log_bodies);
    free(config->document);
    buf_deinit(&config->warnings);
    lines_free(config->lines);
    env_free(config->env);
    free(config);
}

static int load_env(struct config *config, const struct bundle *bundle, struct error *err)
{
    const struct bundle_file *file = bundle_find(bundle, ".env");
    struct slice text = file ? (struct slice){file->text, file->len} : SLICE("");
    char *place = join(config->folder, ".env");

    config->env = env_parse(place, text, err);
    free(place);
    return config->env ? 0 : -1;
}

// The rest of the loading goes on, when all that is wrong is to be told.
static int note_problem(struct config *config, const struct error *err)
{
    config->is_broken = true;
    if (!config->problems)
        return -1;
    buf_add(config->problems, err->message, strlen(err->message) + 1);
    return 0;
}

static int load_file(struct config *config, const struct bundle *bundle, struct field *root,
                     struct error *err)
{
    const struct bundle_file *file = bundle_config(bundle);
    struct slice source = {file->text, file->len};

    config->lines = lines_new(source);
    return evaluate_source(config, source, root, err) == 0 ? 0 : note_problem(config, err);
}

// From here on the changes are the file that is spoken of.
static int load_changes(struct config *config, struct slice source, struct field *root,
                        struct error *err)
{
    struct field changes = {.type = FIELD_TABLE};

    free(config->file);
    config->file = mem_dup(changes_name, strlen(changes_name));
    lines_free(config->lines);
    config->lines = lines_new(source);
    int rc = evaluate_source(config, source, &changes, err);
    if (rc == 0)
        field_take(root, &changes);
    field_deinit(&changes);
    return rc;
}

static int apply_workers(struct config *config, const struct config_overrides *overrides,
                         struct error *err)
{
    const struct setting *setting = settings_find("workers");

    if (!overrides || !overrides->workers)
        return 0;
    if (overrides->workers < setting->min || overrides->workers > setting->max)
        return error_set(err, ERROR_SCRIPT, "--workers: must be from %.0f to %.0f, got %d",
                         setting->min, setting->max, overrides->workers);
    config->workers = overrides->workers;
    return 0;
}

static void place(const struct config *config, char **file)
{
    if (!*file || strcmp(*file, "-") == 0)
        return;
    char *path = join(config->folder, *file);
    free(*file);
    *file = path;
}

// What scripts may use is known, and kept out of the log, before one of them asks for it.
static void register_secrets(struct config *config, const struct field *root)
{
    const struct field *names = field_find(field_find(root, "scripts"), "secrets");

    for (size_t i = 0; names && i < names->count; i++)
        config_env_secret(config, names->items[i].text);
}

static int load(struct config *config, const struct bundle *bundle, struct field *root,
                const struct config_overrides *overrides, struct error *err)
{
    config->folder = mem_dup(bundle->folder, strlen(bundle->folder));
    if (bundle->file)
        config->file = mem_dup(bundle->file, strlen(bundle->file));
    if (overrides) {
        config->problems = overrides->problems;
        config->fakes_secrets = overrides->fakes_secrets;
    }
    if (load_env(config, bundle, err) != 0)
        return -1;
    if (bundle->file && load_file(config, bundle, root, err) != 0)
        return -1;
    if (overrides && overrides->changes.data &&
        load_changes(config, overrides->changes, root, err) != 0)
        return -1;
    if (check_fields(config, root, err) != 0)
        return -1;
    if (access_apply(config, root, overrides, err) != 0 && note_problem(config, err) != 0)
        return -1;
    if (bundle_check_sizes(bundle, config->scripts.source, err) != 0 &&
        note_problem(config, err) != 0)
        return -1;
    if (config->is_broken)
        *err = (struct error){ERROR_NONE, ""}; // it is in the list
    return apply_workers(config, overrides, err);
}

struct config *config_load_bundle(const struct bundle *bundle,
                                  const struct config_overrides *overrides, struct error *err)
{
    struct config *config = new_config();
    struct field root = {.type = FIELD_TABLE};

    int rc = load(config, bundle, &root, overrides, err);
    if (rc == 0) {
        place(config, &config->log_file);
        place(config, &config->log_bodies);
        register_secrets(config, &root);
        document_build(config, &root);
    }
    field_deinit(&root);
    config->problems = NULL;
    if (rc == 0)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load(const char *path, const struct config_overrides *overrides,
                           struct error *err)
{
    struct bundle *bundle = bundle_read(path, err);
    struct config *config = bundle ? config_load_bundle(bundle, overrides, err) : NULL;
    bundle_free(bundle);
    return config;
}

void config_error_at(const struct config *config, const char *path, const char *message,
                     struct error *err)
{
    if (config->file)
        error_set(err, ERROR_SCRIPT, "%s:%d: %s", config->file, lines_find(config->lines, path),
                  message);
    else
        error_set(err, ERROR_SCRIPT, "%s", message);
}

int config_problem(struct config *config, const char *path, const char *message, struct error *err)
{
    struct error found;

    config_error_at(config, path, message, &found);
    if (!config->is_broken && !config->problems && err)
        *err = found; // the first is the one to be told
    note_problem(config, &found);
    return -1;
}

const char *config_env(const struct config *config, const char *name)
{
    return env_get(config->env, name);
}

size_t config_add_secret(struct config *config, const char *name, const char *value)
{
    size_t size = (config->secret_count + 1) * sizeof(*config->secrets);

    config->secrets = mem_realloc(config->secrets, size);
    config->secrets[config->secret_count] = (struct config_secret){
        .name = mem_dup(name, strlen(name)),
        .value = mem_dup(value, strlen(value)),
    };
    return config->secret_count++;
}

int config_fake_secret(struct config *config, const char *name)
{
    struct buf value;

    buf_init(&value, SIZE_MAX / 2);
    buf_addf(&value, "fake-%s", name);
    size_t secret = config_add_secret(config, name, value.data);
    buf_deinit(&value);
    return (int)secret;
}

int config_env_secret(struct config *config, const char *name)
{
    const char *value = config_env(config, name);

    for (size_t i = 0; i < config->secret_count; i++) {
        if (strcmp(config->secrets[i].name, name) == 0)
            return (int)i;
    }
    if (config->is_shared)
        return -1;
    if (value)
        return (int)config_add_secret(config, name, value);
    return config->fakes_secrets ? config_fake_secret(config, name) : -1;
}

int config_find_client(const struct config *config, struct slice key)
{
    unsigned char hash[32];
    int found = -1;

    access_hash_key(key, hash);
    for (size_t i = 0; i < config->client_count; i++) {
        const struct config_client *client = &config->clients[i];
        if (CRYPTO_memcmp(hash, client->key_hash, sizeof(hash)) == 0 && client->has_key)
            found = (int)i;
    }
    return found;
}

int config_find_signer(const struct config *config, struct slice access_key_id)
{
    for (size_t i = 0; i < config->client_count; i++) {
        const char *id = config->clients[i].access_key_id;
        if (id && slice_equal(slice_of(id), access_key_id))
            return (int)i;
    }
    return -1;
}
