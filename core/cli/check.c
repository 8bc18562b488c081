#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "json/json.h"
#include "worker/offline.h"

enum { TEXT_LIMIT = 16 * 1024 * 1024 };

// What the Lua side is to go on from: everything that the configuration itself has told.
static void describe(const struct config *config, const struct bundle *bundle,
                     const struct buf *problems, struct buf *out)
{
    buf_add_text(out, "{\"problems\":[");
    for (size_t at = 0; at < problems->len; at += strlen(problems->data + at) + 1) {
        buf_add_text(out, at ? "," : "");
        json_string_encode(out, slice_of(problems->data + at));
    }
    buf_add_text(out, "],\"warnings\":");
    json_string_encode(out, config->warnings.len ? buf_slice(&config->warnings) : SLICE(""));
    buf_add_text(out, ",\"tests\":[");
    size_t before = out->len;
    for (size_t i = 0; i < bundle->count; i++) {
        if (!bundle->files[i].is_test)
            continue;
        buf_add_text(out, out->len > before ? "," : "");
        json_string_encode(out, slice_of(bundle->files[i].path));
    }
    buf_add_text(out, "]}");
}

// Lets the policies decide some requests, in a state of its own where all is loaded. `found` is
// replaced by what is known then.
static int check_samples(struct config *config, struct bundle *bundle, struct buf *found,
                         struct error *err)
{
    struct offline offline;
    struct buf all;

    buf_init(&all, TEXT_LIMIT);
    int rc = offline_open(&offline, config, bundle, err);
    if (rc == 0)
        rc = offline_load(&offline, err);
    if (rc == 0)
        rc = offline_call(&offline, "tide.check_samples", "run", buf_slice(found), &all, err);
    offline_close(&offline);
    buf_clear(found);
    buf_add_slice(found, buf_slice(&all));
    buf_deinit(&all);
    return rc;
}

static int report(const struct cli_options *options, struct offline *offline,
                  const struct buf *found, struct buf *out, struct error *err)
{
    struct buf argument;

    buf_init(&argument, TEXT_LIMIT);
    buf_addf(&argument, "{\"json\":%s,\"found\":", options->json ? "true" : "false");
    json_string_encode(&argument, buf_slice(found));
    buf_add_text(&argument, "}");
    int rc = offline_call(offline, "tide.check", "report", buf_slice(&argument), out, err);
    buf_deinit(&argument);
    return rc;
}

static int check_scripts(const struct cli_options *options, struct config *config,
                         struct bundle *bundle, const struct buf *problems, struct buf *out)
{
    struct error err = {ERROR_NONE, ""};
    struct offline offline;
    struct buf argument, found;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&found, TEXT_LIMIT);
    describe(config, bundle, problems, &argument);
    int rc = offline_open(&offline, config, bundle, &err);
    if (rc == 0)
        rc = offline_call(&offline, "tide.check", "run", buf_slice(&argument), &found, &err);
    if (rc == 0)
        rc = check_samples(config, bundle, &found, &err);
    if (rc >= 0)
        rc = report(options, &offline, &found, out, &err);
    if (rc < 0)
        buf_addf(out, "tidegate: %s\n", err.message);
    offline_close(&offline);
    buf_deinit(&argument);
    buf_deinit(&found);
    return rc == 0 ? 0 : 1;
}

// There is not even a folder to look into.
static void tell_nothing_there(const struct cli_options *options, const struct error *err,
                               struct buf *report)
{
    if (!options->json) {
        buf_addf(report, "%s\n", err->message);
        return;
    }
    buf_add_text(report, "{\"ok\":false,\"problems\":[{\"file\":null,\"line\":null,"
                         "\"severity\":\"error\",\"message\":");
    json_string_encode(report, slice_of(err->message));
    buf_add_text(report, "}]}\n");
}

int command_check(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct config_overrides overrides = options->overrides;
    struct buf problems, report;
    int rc = 1;

    buf_init(&problems, TEXT_LIMIT);
    buf_init(&report, TEXT_LIMIT);
    overrides.problems = &problems;
    struct bundle *bundle = bundle_read(options->words[0], &err);
    struct config *config = bundle ? config_load_bundle(bundle, &overrides, &err) : NULL;
    if (config)
        rc = check_scripts(options, config, bundle, &problems, &report);
    else
        tell_nothing_there(options, &err, &report);
    fwrite(report.data, 1, report.len, rc == 0 || options->json ? stdout : stderr);
    buf_deinit(&problems);
    buf_deinit(&report);
    config_free(config);
    bundle_free(bundle);
    return rc;
}
