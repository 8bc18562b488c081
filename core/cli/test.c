// tidegate test: each case of each *_test.lua in a Lua state of its own, so that nothing is left of
// the one before.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "config/bundle.h"
#include "json/json.h"
#include "worker/offline.h"

enum {
    TEXT_LIMIT = 64 * 1024 * 1024,
    LOOK_US = 200 * 1000, // how often --watch looks at the files
    BROKEN = 1,           // what testing.list() says of a file that cannot be loaded
    UNLOADED = 2,         // what call() says of a configuration that cannot
};

static const char RIGHT_CONFIG[] = "the configuration is right";

struct run {
    const struct cli_options *options;
    struct bundle *bundle;
    struct config *config; // of the cases that run now
    struct offline report; // keeps what has been told
};

// ---- the report -------------------------------------------------------------------------------

static int print(struct run *run, const char *function, struct slice argument, FILE *to)
{
    struct error err = {ERROR_NONE, ""};
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    int rc = offline_call(&run->report, "tide.testing_report", function, argument, &text, &err);
    if (rc < 0)
        fprintf(stderr, "tidegate: %s\n", err.message);
    else if (text.len)
        fwrite(text.data, 1, text.len, to);
    fflush(to);
    buf_deinit(&text);
    return rc;
}

// `what` should have been so.
static void tell_broken(struct run *run, const char *path, const char *what, const char *message)
{
    struct buf told;

    buf_init(&told, TEXT_LIMIT);
    buf_add_text(&told, "{\"path\":");
    json_string_encode(&told, slice_of(path));
    buf_add_text(&told, ",\"name\":");
    json_string_encode(&told, slice_of(what));
    buf_add_text(&told, ",\"message\":");
    json_string_encode(&told, slice_of(message));
    buf_add_text(&told, "}");
    print(run, "broken", buf_slice(&told), stdout);
    buf_deinit(&told);
}

static int write_junit(struct run *run)
{
    FILE *file = fopen(run->options->junit, "we");
    if (!file) {
        perror(run->options->junit);
        return 1;
    }
    print(run, "junit", SLICE(""), file);
    return fclose(file) == 0 ? 0 : 1;
}

// ---- one file ---------------------------------------------------------------------------------

// Calls a function of tide.testing in a fresh state; UNLOADED: the configuration is wrong.
static int call(const struct run *run, bool loads, const char *function, struct slice argument,
                struct buf *out, struct error *err)
{
    struct offline offline;

    int rc = offline_open(&offline, run->config, run->bundle, err);
    if (rc == 0 && loads && offline_load(&offline, err) != 0)
        rc = UNLOADED;
    if (rc == 0)
        rc = offline_call(&offline, "tide.testing", function, argument, out, err);
    offline_close(&offline);
    return rc;
}

// False: no case of the file can be run.
static bool run_case(struct run *run, const char *path, unsigned long index)
{
    struct error err = {ERROR_NONE, ""};
    struct buf argument, result;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&result, TEXT_LIMIT);
    buf_add_text(&argument, "{\"path\":");
    json_string_encode(&argument, slice_of(path));
    buf_addf(&argument, ",\"index\":%lu}", index);
    int rc = call(run, true, "run", buf_slice(&argument), &result, &err);
    if (rc == UNLOADED)
        tell_broken(run, path, RIGHT_CONFIG, err.message);
    else if (rc < 0)
        tell_broken(run, path, "the case comes to its end", err.message);
    else
        print(run, "case", buf_slice(&result), stdout);
    buf_deinit(&argument);
    buf_deinit(&result);
    return rc != UNLOADED;
}

// `list` is what testing.list() gave: positions, and behind a line break a configuration.
static void run_cases(struct run *run, const char *path, const char *list)
{
    struct error err = {ERROR_NONE, ""};
    const char *changes = strchr(list, '\n') + 1;
    struct config_overrides overrides = {.fakes_secrets = true};
    char *end;

    if (*changes)
        overrides.changes = slice_of(changes);
    struct config *before = run->config;
    run->config = config_load_bundle(run->bundle, &overrides, &err);
    if (!run->config)
        tell_broken(run, path, RIGHT_CONFIG, err.message);
    while (run->config) {
        unsigned long index = strtoul(list, &end, 10);
        if (end == list || !run_case(run, path, index))
            break;
        list = end;
    }
    config_free(run->config);
    run->config = before;
}

static void run_file(struct run *run, const char *path)
{
    struct error err = {ERROR_NONE, ""};
    struct buf argument, list;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&list, TEXT_LIMIT);
    buf_add_text(&argument, "{\"path\":");
    json_string_encode(&argument, slice_of(path));
    buf_add_text(&argument, ",\"filter\":");
    if (run->options->filter)
        json_string_encode(&argument, slice_of(run->options->filter));
    else
        buf_add_text(&argument, "null");
    buf_add_text(&argument, "}");
    int rc = call(run, false, "list", buf_slice(&argument), &list, &err);
    if (rc != 0)
        tell_broken(run, path, "the file can be loaded", rc == BROKEN ? list.data : err.message);
    else if (list.data[0] != '\n')
        run_cases(run, path, list.data);
    buf_deinit(&argument);
    buf_deinit(&list);
}

// ---- all files --------------------------------------------------------------------------------

static int run_all(struct run *run)
{
    struct error err = {ERROR_NONE, ""};

    if (offline_open(&run->report, run->config, run->bundle, &err) != 0) {
        fprintf(stderr, "tidegate: %s\n", err.message);
        offline_close(&run->report);
        return 1;
    }
    print(run, "begin", run->options->tap ? SLICE("{\"tap\":true}") : SLICE("{}"), stdout);
    for (size_t i = 0; i < run->bundle->count; i++) {
        if (run->bundle->files[i].is_test)
            run_file(run, run->bundle->files[i].path);
    }
    int status = print(run, "finish", SLICE(""), stdout);
    if (run->options->junit && write_junit(run) != 0)
        status = 1;
    offline_close(&run->report);
    return status == 0 ? 0 : 1;
}

static int run_bundle(const struct cli_options *options, struct bundle *bundle)
{
    struct error err = {ERROR_NONE, ""};
    struct config_overrides overrides = {.fakes_secrets = true};
    struct run run = {.options = options, .bundle = bundle, .config = NULL};

    run.config = config_load_bundle(bundle, &overrides, &err);
    if (!run.config) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int status = run_all(&run);
    config_free(run.config);
    return status;
}

static bool is_same(const struct bundle *a, const struct bundle *b)
{
    bool is_same = a->count == b->count;

    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = strcmp(a->files[i].path, b->files[i].path) == 0 &&
                  memcmp(a->files[i].hash, b->files[i].hash, BUNDLE_HASH) == 0;
    return is_same;
}

// Waits until a file differs. NULL with `err` when the folder cannot be read any more.
static struct bundle *next_bundle(const char *path, const struct bundle *last, struct error *err)
{
    for (;;) {
        usleep(LOOK_US);
        struct bundle *bundle = bundle_read(path, err);
        if (!bundle || !is_same(bundle, last))
            return bundle;
        bundle_free(bundle);
    }
}

int command_test(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct bundle *bundle = bundle_read(options->words[0], &err);
    int status = 1;

    while (bundle) {
        status = run_bundle(options, bundle);
        if (!options->watch)
            break;
        struct bundle *next = next_bundle(options->words[0], bundle, &err);
        bundle_free(bundle);
        bundle = next;
    }
    if (!bundle)
        fprintf(stderr, "%s\n", err.message);
    bundle_free(bundle);
    return status;
}
