#include "worker/proof.h"

#include <stdio.h>
#include <string.h>

#include "config/keep.h"
#include "worker/announce.h"

enum { NOTES_LIMIT = 16 * 1024 };

void proof_init(struct proof *proof, struct worker_shared *shared,
                const struct reload_source *source)
{
    *proof = (struct proof){.shared = shared, .source = *source};
    atomic_init(&proof->alive, 1);
    proof->loop = loop_new();
}

void proof_deinit(struct proof *proof)
{
    loop_free(proof->loop);
}

// Nothing that runs is replaced by what is missing: editors delete before they write.
static int check_presence(const struct bundle *bundle, const struct generation *current,
                          struct error *err)
{
    const char *file = current->bundle->file;
    if (!file || bundle->file)
        return 0;
    return error_set(err, ERROR_SCRIPT, "%s:1: it has gone", file);
}

static bool is_same_config(const struct bundle *a, const struct bundle *b)
{
    const struct bundle_file *one = bundle_config(a), *other = bundle_config(b);
    return one && other && memcmp(one->hash, other->hash, BUNDLE_HASH) == 0;
}

static bool has_warnings(const struct config *config, const struct config *current)
{
    return config->warnings.len &&
           !slice_equal(buf_slice(&config->warnings), buf_slice(&current->warnings));
}

// What cannot be changed is said once, not with each change of another file; nor are warnings that
// stand above already.
static void announce_notes(struct log *log, const struct config *config,
                           const struct config *current, const struct buf *notes)
{
    char *rest = NULL;

    for (char *line = notes->data ? strtok_r(notes->data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        announce(log, LOG_WARN, "%s", line);
    if (has_warnings(config, current))
        fputs(config->warnings.data, stderr);
}

static struct config *load_config(struct proof *proof, const struct bundle *bundle,
                                  const struct generation *current, struct error *err)
{
    struct config *config = config_load_bundle(bundle, proof->source.overrides, err);
    struct buf notes;

    if (!config)
        return NULL;
    buf_init(&notes, NOTES_LIMIT);
    if (config_keep(config, current->config, &notes, err) != 0) {
        config_free(config);
        config = NULL;
    } else if (!is_same_config(bundle, current->bundle)) {
        announce_notes(proof->shared->log, config, current->config, &notes);
    }
    buf_deinit(&notes);
    return config;
}

static void add_secrets(const struct proof *proof, const struct config *config)
{
    for (size_t i = 0; i < config->secret_count; i++)
        log_add_secret(proof->shared->log, slice_of(config->secrets[i].value));
}

static int load_all(struct proof *proof, struct generation *generation, struct error *err)
{
    // Not a copy: the workers count in there meanwhile.
    struct worker_shared scratch = {
        .generation = generation,
        .loop = proof->loop,
        .log = proof->shared->log,
        .names = proof->shared->names,
        .store = proof->shared->store,
    };

    add_secrets(proof, generation->config);
    int rc = worker_check(&scratch, NULL, err);
    add_secrets(proof, generation->config); // those that adapters looked up in the environment
    generation->config->is_shared = true;
    return rc;
}

struct generation *proof_make(struct proof *proof, struct bundle *bundle,
                              const struct generation *current, unsigned number, struct error *err)
{
    struct config *config = NULL;

    if (check_presence(bundle, current, err) == 0)
        config = load_config(proof, bundle, current, err);
    if (!config) {
        bundle_free(bundle);
        return NULL;
    }
    struct generation *generation = generation_new(number, config, bundle, &proof->alive);
    if (load_all(proof, generation, err) == 0)
        return generation;
    generation_unref(generation);
    return NULL;
}
