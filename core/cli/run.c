#include <stdio.h>

#include "cli/command.h"
#include "worker/pool.h"

int command_run(const struct cli_options *options)
{
    const struct reload_source source = {options->words[0], &options->overrides};
    struct error err = {ERROR_NONE, ""};
    struct generation *generation = generation_read(source.path, source.overrides, 1, &err);

    if (!generation) {
        fprintf(stderr, "tidegate: %s\n", err.message);
        return 1;
    }
    if (generation->config->warnings.len)
        fputs(generation->config->warnings.data, stderr);
    int rc = pool_run(generation, &source, &err);
    if (err.kind)
        fprintf(stderr, "tidegate: %s\n", err.message);
    generation_unref(generation);
    return rc;
}
