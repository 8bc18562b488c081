#include "cli/cli.h"

#include <stddef.h>
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
    "  tidegate run [FOLDER or gateway.lua]      serve until SIGTERM\n"
    "  tidegate check [FOLDER or gateway.lua]    say what is wrong, with file and line\n"
    "  tidegate test [FOLDER or gateway.lua]     run the *_test.lua beside adapters and scripts\n"
    "  tidegate explain [FOLDER] REQUEST         say where a request would go, and why\n"
    "  tidegate replay RECORDED                  decide recorded requests again, and compare\n"
    "  tidegate adapter new NAME [FOLDER]        begin adapters/NAME.lua, with its test and fixtures\n"
    "  tidegate adapter check FILE or NAME [FOLDER]   hold it against its contract and fixtures\n"
    "  tidegate adapter record NAME [FOLDER]     make fixtures of the provider's own answers\n"
    "  tidegate annotations                      the scripting API, for editors (LuaLS)\n"
    "  tidegate settings                         every field of gateway.lua\n"
    "  tidegate version\n"
    "  tidegate help\n"
    "\n"
    "options of run:\n"
    "  --listen HOST:PORT      instead of `listen` of the configuration (port 0: any free one)\n"
    "  --admin HOST:PORT|off   instead of `admin.listen`\n"
    "  --workers N             instead of `workers` (default: one per core, at most 4)\n"
    "  --no-watch              do not load changed files by itself (SIGHUP and POST /admin/reload do)\n"
    "\n"
    "options of check, explain, replay and adapter check:\n"
    "  --json                  for programs\n"
    "\n"
    "options of test:\n"
    "  --filter TEXT           only cases whose file or name has TEXT in it\n"
    "  --tap                   TAP 14 on standard output\n"
    "  --junit FILE            JUnit XML into FILE\n"
    "  --watch                 again whenever a file changes\n"
    "\n"
    "REQUEST is a file with the body of a request, or with one line of log.bodies; -: standard\n"
    "input. RECORDED is a file of such lines.\n"
    "options of replay:\n"
    "  --old FOLDER            what to compare with (default: what was recorded)\n"
    "  --new FOLDER            what decides now (default: the current folder)\n"
    "\n"
    "options of adapter new:\n"
    "  --extends NAME          the adapter that it is like (default: openai)\n"
    "  --dialect NAME          the wire protocol that it speaks, in place of another adapter\n"
    "  --own                   it has a protocol of its own, told by hooks\n"
    "options of adapter record:\n"
    "  --model NAME            what to ask (default: the first of the provider's models)\n"
    "  --out FOLDER            where to (default: adapters/fixtures/NAME)\n"
    "  --force                 over what is there\n"
    "\n"
    "Without a FOLDER the current one is used; without a gateway.lua in it, the providers whose\n"
    "keys are in the environment or in .env, and always the built-in `mock`:\n"
    "\n"
    "  tidegate run\n"
    "  curl -N http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\\n"
    "    -d '{\"model\":\"mock/gpt\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n"
    "\n"
    "Files that change while it runs are loaded again; SIGHUP does it at once.\n"
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

// Which options a command takes.
enum { RUN = 1, CHECK = 2, TEST = 4, EXPLAIN = 8, REPLAY = 16, ADAPTER = 32 };

static const struct command {
    const char *name;
    int (*run)(const struct cli_options *options);
    unsigned options;
    int words; // that may follow, beside options
} commands[] = {
    // clang-format off
    {"run", command_run, RUN, 1},
    {"check", command_check, CHECK, 1},
    {"test", command_test, TEST, 1},
    {"explain", command_explain, EXPLAIN, 2},
    {"replay", command_replay, REPLAY, 1},
    {"adapter", command_adapter, ADAPTER, 3},
    {"annotations", command_annotations, 0, 0},
    {"settings", command_settings, 0, 0},
    {"version", command_version, 0, 0},
    {"--version", command_version, 0, 0},
    {"help", command_help, 0, 0},
    {"--help", command_help, 0, 0},
    {"-h", command_help, 0, 0},
    // clang-format on
};

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_WORKERS };

#define PLACE(field) offsetof(struct cli_options, field)

static const struct option {
    const char *name;
    unsigned commands;
    enum option_type type;
    size_t place; // of the bool, text or int
} options_table[] = {
    {"--listen", RUN | CHECK, OPTION_TEXT, PLACE(overrides.listen)},
    {"--admin", RUN | CHECK, OPTION_TEXT, PLACE(overrides.admin)},
    {"--workers", RUN | CHECK, OPTION_WORKERS, PLACE(overrides.workers)},
    {"--no-watch", RUN | CHECK, OPTION_FLAG, PLACE(overrides.no_watch)},
    {"--json", CHECK | EXPLAIN | REPLAY | ADAPTER, OPTION_FLAG, PLACE(json)},
    {"--filter", TEST, OPTION_TEXT, PLACE(filter)},
    {"--tap", TEST, OPTION_FLAG, PLACE(tap)},
    {"--junit", TEST, OPTION_TEXT, PLACE(junit)},
    {"--watch", TEST, OPTION_FLAG, PLACE(watch)},
    {"--old", REPLAY, OPTION_TEXT, PLACE(old_path)},
    {"--new", REPLAY, OPTION_TEXT, PLACE(new_path)},
    {"--extends", ADAPTER, OPTION_TEXT, PLACE(extends)},
    {"--dialect", ADAPTER, OPTION_TEXT, PLACE(dialect)},
    {"--own", ADAPTER, OPTION_FLAG, PLACE(own)},
    {"--model", ADAPTER, OPTION_TEXT, PLACE(model)},
    {"--out", ADAPTER, OPTION_TEXT, PLACE(out)},
    {"--force", ADAPTER, OPTION_FLAG, PLACE(force)},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static const struct option *find_option(const struct command *command, const char *name)
{
    for (size_t i = 0; i < sizeof(options_table) / sizeof(options_table[0]); i++) {
        if (options_table[i].commands & command->options &&
            strcmp(options_table[i].name, name) == 0)
            return &options_table[i];
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

// Returns the exit status, 0 to go on.
static int read_value(const struct option *option, const char *value, struct cli_options *options)
{
    char *place = (char *)options + option->place;

    if (!value)
        return usage_error("a value is missing after", option->name);
    if (option->type == OPTION_WORKERS)
        return read_workers(value, (int *)place);
    *(const char **)place = value;
    return 0;
}

static int read_word(const struct command *command, const char *word, struct cli_options *options)
{
    if (word[0] == '-' && word[1])
        return usage_error("unknown option", word);
    if (command->words == 0)
        return usage_error("nothing can follow that command; what is", word);
    if (options->word_count == command->words)
        return usage_error(command->words == 1 ? "one of them is enough; what is"
                                               : "nothing more can follow; what is",
                           word);
    options->words[options->word_count++] = word;
    return 0;
}

// Returns the exit status, 0 to go on. "--name=value" and "--name value" are the same.
static int read_options(const struct command *command, int argc, char **argv,
                        struct cli_options *options)
{
    int rc = 0;

    for (int i = 2; rc == 0 && i < argc; i++) {
        char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        const char *name = argv[i];
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            options->wants_help = true;
            continue;
        }
        if (equals)
            *equals = '\0';
        const struct option *option = find_option(command, name);
        if (!option)
            rc = read_word(command, name, options);
        else if (option->type != OPTION_FLAG)
            rc = read_value(option, equals ? equals + 1 : argv[++i], options);
        else if (equals)
            rc = usage_error("no value can follow", name);
        else
            *((bool *)((char *)options + option->place)) = true;
    }
    return rc;
}

int cli_main(int argc, char **argv)
{
    struct cli_options options = {0};

    if (argc < 2) {
        fputs(help_text, stderr);
        return 2;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return usage_error("unknown command", argv[1]);
    int rc = read_options(command, argc, argv, &options);
    if (rc != 0)
        return rc;
    return options.wants_help ? command_help(&options) : command->run(&options);
}
