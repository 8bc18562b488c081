#include <stdio.h>

#include "cli/command.h"
#include "worker/pool.h"

int command_run(const struct cli_options *options)
{
    struct error err = {ERROR_NONE, ""};
    struct config *config = config_load(options->words[0], &options->overrides, &err);

    if (!config) {
        fprintf(stderr, "tidegate: %s\n", err.message);
        return 1;
    }
    if (config->warnings.len)
        fputs(config->warnings.data, stderr);
    int rc = pool_run(config, &err);
    if (err.kind)
        fprintf(stderr, "tidegate: %s\n", err.message);
    config_free(config);
    return rc;
}
