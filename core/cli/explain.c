// tidegate explain: where a request would go, and why.
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "config/bundle.h"
#include "json/json.h"
#include "worker/offline.h"

enum { REQUEST_LIMIT = 64 * 1024 * 1024, TEXT_LIMIT = 2 * REQUEST_LIMIT };

static int read_stdin(struct buf *out, struct error *err)
{
    char piece[4096];
    size_t len;

    while ((len = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        if (buf_add(out, piece, len) != 0)
            return error_set(err, ERROR_TOO_LARGE, "standard input: more than %d bytes",
                             REQUEST_LIMIT);
    }
    return 0;
}

static int explain(const struct cli_options *options, struct config *config, struct bundle *bundle,
                   const struct buf *request)
{
    struct error err = {ERROR_NONE, ""};
    struct offline offline;
    struct buf argument, text;

    buf_init(&argument, TEXT_LIMIT);
    buf_init(&text, TEXT_LIMIT);
    buf_add_text(&argument, "{\"text\":");
    json_string_encode(&argument, request->len ? buf_slice(request) : SLICE(""));
    buf_addf(&argument, ",\"json\":%s}", options->json ? "true" : "false");
    int rc = offline_open(&offline, config, bundle, &err);
    if (rc == 0)
        rc = offline_load(&offline, &err);
    if (rc == 0)
        rc = offline_call(&offline, "tide.explain", "run", buf_slice(&argument), &text, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    else
        fwrite(text.data, 1, text.len, rc == 0 ? stdout : stderr);
    offline_close(&offline);
    buf_deinit(&argument);
    buf_deinit(&text);
    return rc == 0 ? 0 : 1;
}

int command_explain(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct config_overrides overrides = {.fakes_secrets = true};
    struct buf request;

    if (options->word_count == 0) {
        fputs("tidegate: explain needs a REQUEST: a file, or - for standard input\n"
              "try 'tidegate help'\n",
              stderr);
        return 2;
    }
    const char *file = options->words[options->word_count - 1];
    const char *folder = options->word_count == 2 ? options->words[0] : NULL;
    buf_init(&request, REQUEST_LIMIT);
    int rc = strcmp(file, "-") == 0 ? read_stdin(&request, &err) : file_read(file, &request, &err);
    struct bundle *bundle = rc == 0 ? bundle_read(folder, &err) : NULL;
    struct config *config = bundle ? config_load_bundle(bundle, &overrides, &err) : NULL;
    int status = 1;
    if (config)
        status = explain(options, config, bundle, &request);
    else
        fprintf(stderr, "%s\n", err.message);
    config_free(config);
    bundle_free(bundle);
    buf_deinit(&request);
    return status;
}
