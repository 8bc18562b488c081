// tidegate replay: requests that were kept are decided again, and what has changed is told. No
// upstream is called.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "config/bundle.h"
#include "json/json.h"
#include "worker/offline.h"

enum { TEXT_LIMIT = 64 * 1024 * 1024 };

// One configuration, ready to decide.
struct side {
    struct bundle *bundle; // owned
    struct config *config; // owned; NULL: there is no such side
    struct offline offline;
};

static int open_side(struct side *side, const char *path)
{
    struct error err = {ERROR_NONE, ""};
    struct config_overrides overrides = {.fakes_secrets = true};

    side->bundle = bundle_read(path, &err);
    if (side->bundle)
        side->config = config_load_bundle(side->bundle, &overrides, &err);
    int rc = side->config ? offline_open(&side->offline, side->config, side->bundle, &err) : -1;
    if (rc == 0)
        rc = offline_load(&side->offline, &err);
    if (rc != 0)
        fprintf(stderr, "%s\n", err.message);
    return rc;
}

static void close_side(struct side *side)
{
    if (side->config)
        offline_close(&side->offline);
    config_free(side->config);
    bundle_free(side->bundle);
}

// Appends what the function returns. A failure is told and ends all.
static int call(struct side *side, const char *function, struct slice argument, struct buf *out)
{
    struct error err = {ERROR_NONE, ""};
    int rc = offline_call(&side->offline, "tide.replay", function, argument, out, &err);
    if (rc < 0)
        fprintf(stderr, "tidegate: %s\n", err.message);
    return rc;
}

static int print(struct side *side, const char *function, struct slice argument)
{
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    int rc = call(side, function, argument, &text);
    if (rc >= 0 && text.len)
        fwrite(text.data, 1, text.len, stdout);
    buf_deinit(&text);
    return rc;
}

static int replay_line(const struct cli_options *options, struct side *old, struct side *new,
                       struct slice line, size_t number)
{
    struct buf argument;

    buf_init(&argument, TEXT_LIMIT);
    buf_addf(&argument, "{\"json\":%s,\"number\":%zu,\"line\":", options->json ? "true" : "false",
             number);
    json_string_encode(&argument, line);
    buf_add_text(&argument, ",\"old\":");
    int rc = 0;
    if (old->config)
        rc = call(old, "decide", line, &argument);
    else
        buf_add_text(&argument, "null");
    buf_add_text(&argument, ",\"new\":");
    if (rc >= 0)
        rc = call(new, "decide", line, &argument);
    buf_add_text(&argument, "}");
    if (rc >= 0)
        rc = print(new, "compare", buf_slice(&argument));
    buf_deinit(&argument);
    return rc;
}

static int replay_file(const struct cli_options *options, struct side *old, struct side *new,
                       FILE *file)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t len;
    int rc = 0;

    while (rc >= 0 && (len = getline(&line, &size, file)) >= 0) {
        number++;
        while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len)
            rc = replay_line(options, old, new, (struct slice){line, (size_t)len}, number);
    }
    free(line);
    if (rc < 0)
        return 1;
    return print(new, "finish", options->json ? SLICE("{\"json\":true}") : SLICE("{}")) == 0 ? 0
                                                                                             : 1;
}

int command_replay(const struct cli_options *options)
{
    struct side old = {.bundle = NULL}, new = {.bundle = NULL};

    if (options->word_count == 0) {
        fputs("tidegate: replay needs a file of recorded requests (log.bodies)\n"
              "try 'tidegate help'\n",
              stderr);
        return 2;
    }
    FILE *file = fopen(options->words[0], "re");
    if (!file) {
        fprintf(stderr, "%s: %s\n", options->words[0], strerror(errno));
        return 2;
    }
    int status = 2;
    if ((!options->old_path || open_side(&old, options->old_path) == 0) &&
        open_side(&new, options->new_path) == 0)
        status = replay_file(options, &old, &new, file);
    close_side(&old);
    close_side(&new);
    fclose(file);
    return status;
}
