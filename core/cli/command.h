// What the command table and the commands share.
#pragma once

#include "base/error.h"
#include "config/config.h"

struct cli_options {
    const char *path; // folder or gateway.lua; NULL: the current folder
    struct config_overrides overrides;
};

int command_run(const struct cli_options *options);
int command_check(const struct cli_options *options);
