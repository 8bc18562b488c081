// What the command table and the commands share.
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

enum { CLI_WORDS = 3 };

// NULL, false and 0: not given.
struct cli_options {
    const char *words[CLI_WORDS]; // what is no option: a folder, a file
    int word_count;
    struct config_overrides overrides;
    bool wants_help, json, tap, watch, own, force;
    const char *filter, *junit, *old_path, *new_path;
    const char *extends, *dialect, *model, *out;
};

int command_run(const struct cli_options *options);
int command_check(const struct cli_options *options);
int command_test(const struct cli_options *options);
int command_explain(const struct cli_options *options);
int command_replay(const struct cli_options *options);
int command_adapter(const struct cli_options *options);
int command_annotations(const struct cli_options *options);
