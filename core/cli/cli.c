#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "cli/command.h"
#include "config/settings.h"

static const char help_text[] =
    "tidegate: one base URL for every AI model, routed by Lua scripts.\n"
    "\n"
    "usage:\n"
    "  tidegate run [FOLDER or gateway.lua] [options]   serve until SIGTERM\n"
    "  tidegate check [FOLDER or gateway.lua]           say what is wrong, with file and line\n"
    "  tidegate settings                                every field of gateway.lua\n"
    "  tidegate version\n"
    "  tidegate help\n"
    "\n"
    "options of run:\n"
    "  --listen HOST:PORT      instead of `listen` of the configuration (port 0: any free one)\n"
    "  --admin HOST:PORT|off   instead of `admin.listen`\n"
    "  --workers N             instead of `workers` (default: one per core, at most 4)\n"
    "  --no-watch              do not reload changed files (this version never does)\n"
    "\n"
    "Without a FOLDER the current one is used; without a gateway.lua in it, the providers whose\n"
    "keys are in the environment or in .env, and always the built-in `mock`:\n"
    "\n"
    "  tidegate run\n"
    "  curl -N http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\\n"
    "    -d '{\"model\":\"mock/gpt\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n"
    "\n"
    "SIGTERM drains: running requests finish (up to limits.drain_time), new ones are refused; a\n"
    "second one ends at once. Exit status: 0 done, 1 failed, 2 used wrongly.\n";

enum { SETTINGS_TEXT = 1 << 20 };

static int usage_error(const char *what, const char *word)
{
    fprintf(stderr, "tidegate: %s%s%s\ntry 'tidegate help'\n", what, word ? " " : "",
            word ? word : "");
    return 2;
}

static int command_version(const struct cli_options *options)
{
    (void)options;
    puts("tidegate " TIDEGATE_VERSION);
    return 0;
}

static int command_help(const struct cli_options *options)
{
    (void)options;
    fputs(help_text, stdout);
    return 0;
}

static int command_settings(const struct cli_options *options)
{
    struct buf text;
    (void)options;
    buf_init(&text, SETTINGS_TEXT);
    settings_print(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_deinit(&text);
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(const struct cli_options *options);
    bool takes_words; // a folder and options may follow
} commands[] = {
    {"run", command_run, true},
    {"check", command_check, true},
    {"settings", command_settings, false},
    {"version", command_version, false},
    {"--version", command_version, false},
    {"help", command_help, false},
    {"--help", command_help, false},
    {"-h", command_help, false},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int read_workers(const char *text, int *workers)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (*end || number < 1 || number > 64)
        return usage_error("--workers takes a number from 1 to 64, not", text);
    *workers = (int)number;
    return 0;
}

// One option that takes a value. Returns the exit status, 0 to go on.
static int read_value_option(const char *name, const char *value, struct cli_options *options)
{
    if (!value)
        return usage_error("a value is missing after", name);
    if (strcmp(name, "--listen") == 0)
        options->overrides.listen = value;
    else if (strcmp(name, "--admin") == 0)
        options->overrides.admin = value;
    else
        return read_workers(value, &options->overrides.workers);
    return 0;
}

static bool takes_value(const char *name)
{
    return strcmp(name, "--listen") == 0 || strcmp(name, "--admin") == 0 ||
           strcmp(name, "--workers") == 0;
}

// A word that is no option with a value. Returns the exit status, 0 to go on.
static int read_word(const char *word, struct cli_options *options, bool *wants_help)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        *wants_help = true;
    else if (word[0] == '-' && strcmp(word, "--no-watch") != 0)
        return usage_error("unknown option", word);
    else if (word[0] != '-' && options->path)
        return usage_error("one folder or gateway.lua is enough; what is", word);
    else if (word[0] != '-')
        options->path = word;
    return 0;
}

// Returns the exit status, 0 to go on. "--name=value" and "--name value" are the same.
static int read_options(int argc, char **argv, struct cli_options *options, bool *wants_help)
{
    int rc = 0;

    for (int i = 2; rc == 0 && i < argc; i++) {
        char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        const char *name = argv[i];
        if (equals)
            *equals++ = '\0';
        if (!takes_value(name))
            rc = read_word(name, options, wants_help);
        else
            rc = read_value_option(name, equals ? equals : argv[++i], options);
    }
    return rc;
}

int cli_main(int argc, char **argv)
{
    struct cli_options options = {0};
    bool wants_help = false;

    if (argc < 2) {
        fputs(help_text, stderr);
        return 2;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return usage_error("unknown command", argv[1]);
    if (!command->takes_words && argc > 2 && strcmp(argv[2], "--help") != 0)
        return usage_error("nothing can follow that command; what is", argv[2]);
    int rc = read_options(argc, argv, &options, &wants_help);
    if (rc != 0)
        return rc;
    return wants_help ? command_help(&options) : command->run(&options);
}
