#include <stdio.h>

#include "cli/command.h"
#include "worker/worker.h"

static int check_scripts(struct config *config, struct buf *summary, struct error *err)
{
    struct worker_shared shared = {.config = config};

    shared.log = log_new("/dev/null", LOG_ERROR, err);
    if (!shared.log)
        return -1;
    shared.names = metric_names_new();
    shared.store = shared_store_new();
    int rc = worker_check(&shared, summary, err);
    metric_names_free(shared.names);
    shared_store_free(shared.store);
    log_free(shared.log);
    return rc;
}

int command_check(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct buf summary;
    struct config *config = config_load(options->path, &options->overrides, &err);

    if (!config) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    buf_init(&summary, 4096);
    int rc = check_scripts(config, &summary, &err);
    if (rc == 0) {
        if (config->warnings.len)
            fputs(config->warnings.data, stderr);
        printf("%s: ok, %s\n", config->file ? config->file : "no gateway.lua", summary.data);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    buf_deinit(&summary);
    config_free(config);
    return rc == 0 ? 0 : 1;
}
