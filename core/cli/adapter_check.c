// tidegate adapter check: first what can be seen without a request, then the conformance kit, in a
// Lua side of its own that has this adapter alone, with a key that is looked for everywhere behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/adapter.h"
#include "config/bundle.h"
#include "config/bundle_edit.h"
#include "config/walk.h"
#include "json/json.h"
#include "worker/offline.h"

enum { TEXT_LIMIT = 64 * 1024 * 1024 };

// What adapter_check.plan() says, each ended by a NUL.
struct plan {
    struct buf text;
    const char *config; // borrowed, like the others: a gateway.lua
    const char *secret; // the key in it
    const char *kept;   // names of the adapter and of all that it extends, each within spaces
    const char *found;  // JSON: what the plan is going on from
};

static const char *next(const char *text)
{
    return text + strlen(text) + 1;
}

static void read_plan(struct plan *plan)
{
    plan->config = plan->text.data;
    plan->secret = next(plan->config);
    plan->kept = next(plan->secret);
    plan->found = next(plan->kept);
}

static void encode_argument(const struct cli_options *options, const struct adapter_place *place,
                            const char *found, const char *failed, bool has_leaked, struct buf *out)
{
    buf_addf(out, "{\"json\":%s,\"leaked\":%s", options->json ? "true" : "false",
             has_leaked ? "true" : "false");
    adapter_add_text(out, "name", place->name);
    adapter_add_text(out, "folder", place->folder);
    adapter_add_text(out, "found", found);
    adapter_add_text(out, "failed", failed);
    buf_add_text(out, "}");
}

// ---- the kit ------------------------------------------------------------------------------------

static bool is_needed(void *owner, const char *path)
{
    const struct plan *plan = owner;
    char name[256];

    if (strncmp(path, "adapters/dialects/", 18) == 0 || strncmp(path, "scripts/lib/", 12) == 0)
        return true;
    size_t len = strlen(path);
    if (strncmp(path, "adapters/", 9) != 0 || len < 13)
        return false;
    return snprintf(name, sizeof(name), " %.*s ", (int)(len - 13), path + 9) < (int)sizeof(name) &&
           strstr(plan->kept, name) != NULL;
}

static int run_kit(const struct adapter_place *place, const struct plan *plan, const char *log_file,
                   struct buf *found, struct error *err)
{
    const struct offline_options how = {.log_file = log_file, .is_live = false};
    struct config_overrides overrides = {.fakes_secrets = true};
    struct offline offline;
    int rc = -1;

    struct bundle *bundle = bundle_read(place->folder, err);
    if (bundle) {
        bundle_keep(bundle, is_needed, (void *)plan);
        bundle_set_config(bundle, slice_of(plan->config));
    }
    struct config *config = bundle ? config_load_bundle(bundle, &overrides, err) : NULL;
    if (config) {
        rc = offline_open_as(&offline, config, bundle, &how, err);
        if (rc == 0)
            rc = offline_load(&offline, err);
        if (rc == 0)
            rc = offline_call(&offline, "tide.adapter_check", "run", slice_of(plan->found), found,
                              err);
        offline_close(&offline);
    }
    config_free(config);
    bundle_free(bundle);
    return rc;
}

// Whether the key stands in what was logged.
static bool is_in_log(const char *path, const char *secret)
{
    struct error err;
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    bool is_there = file_read(path, &text, &err) == 0 && text.data && strstr(text.data, secret);
    buf_deinit(&text);
    return is_there;
}

// `found` becomes what the kit has found. Returns 0, or -1 with `err`.
static int run_logged(const struct adapter_place *place, const struct plan *plan, struct buf *found,
                      bool *has_leaked, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    char *path = walk_join(folder && *folder ? folder : "/tmp", "tidegate-check-XXXXXX");
    int fd = mkstemp(path);
    int rc = -1;

    if (fd < 0) {
        error_set(err, ERROR_SCRIPT, "%s: no file for the log can be made", path);
    } else {
        close(fd);
        rc = run_kit(place, plan, path, found, err);
        *has_leaked = is_in_log(path, plan->secret);
        unlink(path);
    }
    free(path);
    return rc;
}

// ---- the command --------------------------------------------------------------------------------

static int check(const struct cli_options *options, const struct adapter_place *place,
                 struct offline *offline, struct buf *out, struct error *err)
{
    struct plan plan;
    struct buf argument, found;
    bool has_leaked = false;

    buf_init(&plan.text, TEXT_LIMIT);
    buf_init(&argument, TEXT_LIMIT);
    buf_init(&found, TEXT_LIMIT);
    encode_argument(options, place, NULL, NULL, false, &argument);
    int rc =
        offline_call(offline, "tide.adapter_check", "plan", buf_slice(&argument), &plan.text, err);
    if (rc >= 0)
        read_plan(&plan);
    int kit = rc == 0 ? run_logged(place, &plan, &found, &has_leaked, err) : 0;
    if (rc >= 0) {
        buf_clear(&argument);
        encode_argument(options, place, found.len ? found.data : plan.found,
                        kit < 0 ? err->message : NULL, has_leaked, &argument);
        rc = offline_call(offline, "tide.adapter_check", "report", buf_slice(&argument), out, err);
    }
    buf_deinit(&plan.text);
    buf_deinit(&argument);
    buf_deinit(&found);
    return rc;
}

static int check_in_folder(const struct cli_options *options, const struct adapter_place *place,
                           struct buf *out)
{
    struct error err = {ERROR_NONE, ""};
    struct config_overrides overrides = {.fakes_secrets = true};
    struct offline offline;
    struct buf problems;
    int rc = -1;

    buf_init(&problems, TEXT_LIMIT);
    overrides.problems = &problems; // of gateway.lua: `tidegate check` tells them
    struct bundle *bundle = bundle_read(place->folder, &err);
    struct config *config = bundle ? config_load_bundle(bundle, &overrides, &err) : NULL;
    if (config) {
        rc = offline_open(&offline, config, bundle, &err);
        if (rc == 0)
            rc = check(options, place, &offline, out, &err);
        offline_close(&offline);
    }
    if (rc < 0)
        fprintf(stderr, "tidegate: %s\n", err.message);
    config_free(config);
    bundle_free(bundle);
    buf_deinit(&problems);
    return rc == 0 ? 0 : 1;
}

int adapter_check(const struct cli_options *options)
{
    struct adapter_place place;
    struct buf out;

    buf_init(&out, TEXT_LIMIT);
    int rc = adapter_locate(options, &place);
    if (rc == 0)
        rc = check_in_folder(options, &place, &out);
    if (out.len)
        fwrite(out.data, 1, out.len, stdout);
    buf_deinit(&out);
    adapter_place_deinit(&place);
    return rc;
}
