// tidegate adapter new: the files that a new adapter begins with.
#include <stdio.h>
#include <string.h>

#include "cli/adapter.h"
#include "config/bundle.h"
#include "worker/offline.h"

enum { TEXT_LIMIT = 1024 * 1024 };

// What the Lua side gives: what to do next, a NUL, and the files.
static int write_files(const struct adapter_place *place, const struct buf *made, struct error *err)
{
    size_t told = strlen(made->data) + 1;
    struct slice files = {made->data + told, made->len - told};

    if (adapter_write(place->folder, files, false, err) != 0)
        return -1;
    fputs(made->data, stdout);
    return 0;
}

static int make(const struct cli_options *options, const struct adapter_place *place,
                struct error *err)
{
    struct config_overrides overrides = {.fakes_secrets = true};
    struct offline offline;
    struct buf argument, made, problems;
    int rc = -1;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&made, TEXT_LIMIT);
    buf_init(&problems, TEXT_LIMIT);
    overrides.problems = &problems; // what is wrong already is no matter here
    buf_addf(&argument, "{\"own\":%s", options->own ? "true" : "false");
    adapter_add_text(&argument, "name", place->name);
    adapter_add_text(&argument, "folder", place->folder);
    adapter_add_text(&argument, "extends", options->extends);
    adapter_add_text(&argument, "dialect", options->dialect);
    buf_add_text(&argument, "}");
    struct bundle *bundle = bundle_read(place->folder, err);
    struct config *config = bundle ? config_load_bundle(bundle, &overrides, err) : NULL;
    if (config) {
        rc = offline_open(&offline, config, bundle, err);
        if (rc == 0)
            rc =
                offline_call(&offline, "tide.adapter_new", "run", buf_slice(&argument), &made, err);
        offline_close(&offline);
    }
    if (rc > 0)
        error_set(err, ERROR_SCRIPT, "%s", made.data);
    if (rc == 0)
        rc = write_files(place, &made, err);
    config_free(config);
    bundle_free(bundle);
    buf_deinit(&argument);
    buf_deinit(&made);
    buf_deinit(&problems);
    return rc;
}

int adapter_new(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct adapter_place place;

    int rc = adapter_locate(options, &place);
    if (rc == 0 && make(options, &place, &err) != 0) {
        fprintf(stderr, "tidegate: %s\n", err.message);
        rc = 1;
    }
    adapter_place_deinit(&place);
    return rc;
}
