// tidegate adapter record: fixtures of what a provider really answers.
#include <stdio.h>
#include <string.h>

#include "cli/adapter.h"
#include "config/bundle.h"
#include "worker/offline.h"

enum { TEXT_LIMIT = 512 * 1024 * 1024 };

// What the Lua side gives: what was done, a NUL, and the files.
static int write_files(const struct cli_options *options, const struct adapter_place *place,
                       const struct buf *made, struct error *err)
{
    size_t told = strlen(made->data) + 1;
    struct slice files = {made->data + told, made->len - told};
    const char *folder = options->out ? options->out : place->folder;

    fputs(made->data, stdout);
    if (adapter_write(folder, files, options->force, err) == 0)
        return 0;
    if (!options->force)
        fputs("--force writes over what is there\n", stderr);
    return -1;
}

static int record(const struct cli_options *options, const struct adapter_place *place,
                  struct config *config, struct bundle *bundle, struct error *err)
{
    const struct offline_options how = {.log_file = NULL, .is_live = true};
    struct offline offline;
    struct buf argument, made;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&made, TEXT_LIMIT);
    buf_addf(&argument, "{\"force\":%s", options->force ? "true" : "false");
    adapter_add_text(&argument, "name", place->name);
    adapter_add_text(&argument, "model", options->model);
    adapter_add_text(&argument, "out", options->out);
    buf_add_text(&argument, "}");
    int rc = offline_open_as(&offline, config, bundle, &how, err);
    if (rc == 0)
        rc = offline_load(&offline, err);
    if (rc == 0)
        rc = offline_call(&offline, "tide.adapter_record", "run", buf_slice(&argument), &made, err);
    offline_close(&offline);
    if (rc > 0)
        error_set(err, ERROR_SCRIPT, "%s", made.data);
    if (rc == 0)
        rc = write_files(options, place, &made, err);
    buf_deinit(&argument);
    buf_deinit(&made);
    return rc;
}

int adapter_record(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct adapter_place place;

    int rc = adapter_locate(options, &place);
    struct bundle *bundle = rc == 0 ? bundle_read(place.folder, &err) : NULL;
    struct config *config = bundle ? config_load_bundle(bundle, NULL, &err) : NULL;
    if (rc == 0 && (!config || record(options, &place, config, bundle, &err) != 0)) {
        fprintf(stderr, "tidegate: %s\n", err.message);
        rc = 1;
    }
    config_free(config);
    bundle_free(bundle);
    adapter_place_deinit(&place);
    return rc;
}
