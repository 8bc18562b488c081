// tidegate annotations: what editors need to know the API of scripts.
#include <stdio.h>

#include "cli/command.h"
#include "lua/sources.h"

int command_annotations(const struct cli_options *options)
{
    const struct embedded_file *file = sources_find_embedded("scripts/tide.d.lua");

    (void)options;
    fwrite(file->text, 1, file->len, stdout);
    return 0;
}
