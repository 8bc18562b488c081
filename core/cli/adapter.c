// tidegate adapter new, check and record: tools for those who write adapters.
#include "cli/adapter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/walk.h"
#include "json/json.h"

static const char folder_name[] = "adapters";

static const struct tool {
    const char *name;
    int (*run)(const struct cli_options *options);
} tools[] = {{"new", adapter_new}, {"check", adapter_check}, {"record", adapter_record}};

// The command line takes them for any of the three. Returns 0, or 2 when it has told one that is
// for another.
static int check_options(const struct cli_options *options, const struct tool *tool)
{
    const struct {
        const char *name, *owner;
        bool is_given;
    } given[] = {
        {"--extends", "new", options->extends != NULL},
        {"--dialect", "new", options->dialect != NULL},
        {"--own", "new", options->own},
        {"--json", "check", options->json},
        {"--model", "record", options->model != NULL},
        {"--out", "record", options->out != NULL},
        {"--force", "record", options->force},
    };

    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (!given[i].is_given || strcmp(given[i].owner, tool->name) == 0)
            continue;
        fprintf(stderr, "tidegate: %s is for adapter %s\ntry 'tidegate help'\n", given[i].name,
                given[i].owner);
        return 2;
    }
    return 0;
}

int command_adapter(const struct cli_options *options)
{
    for (size_t i = 0; options->word_count && i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (strcmp(options->words[0], tools[i].name) != 0)
            continue;
        int rc = check_options(options, &tools[i]);
        return rc == 0 ? tools[i].run(options) : rc;
    }
    fprintf(stderr,
            "tidegate: adapter needs one of new, check and record%s%s\n"
            "try 'tidegate help'\n",
            options->word_count ? ", not " : "", options->word_count ? options->words[0] : "");
    return 2;
}

// ---- where --------------------------------------------------------------------------------------

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

// A file in a folder "adapters": "x/adapters/odd.lua" is "odd" of "x".
static int locate_file(const char *path, struct adapter_place *place)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    bool is_plain = len == strlen(folder_name) ? ends_with(path, len, folder_name)
                                               : ends_with(path, len, "/adapters");
    if (!is_plain) {
        if (!realpath(path, resolved)) {
            fprintf(stderr, "tidegate: %s: %s\n", path, strerror(errno));
            return 2;
        }
        path = resolved;
        slash = strrchr(path, '/');
        len = (size_t)(slash - path);
    }
    if (!slash || !ends_with(path, len, folder_name)) {
        fprintf(
            stderr,
            "tidegate: %s: an adapter stands in a folder adapters/, beside gateway.lua or where "
            "it would be\n",
            path);
        return 2;
    }
    const char *file = slash + 1;
    size_t before = len - strlen(folder_name);
    place->name = mem_dup(file, strlen(file) - strlen(".lua"));
    if (before == 0)
        place->folder = mem_dup(".", 1);
    else
        place->folder = mem_dup(path, before == 1 ? 1 : before - 1);
    return 0;
}

int adapter_locate(const struct cli_options *options, struct adapter_place *place)
{
    *place = (struct adapter_place){NULL, NULL};
    if (options->word_count < 2) {
        fprintf(stderr, "tidegate: adapter %s needs the NAME of an adapter\ntry 'tidegate help'\n",
                options->words[0]);
        return 2;
    }
    const char *word = options->words[1];
    const char *folder = options->word_count > 2 ? options->words[2] : ".";
    if (options->word_count == 2 && ends_with(word, strlen(word), ".lua"))
        return locate_file(word, place);
    place->name = mem_dup(word, strlen(word));
    place->folder = mem_dup(folder, strlen(folder));
    return 0;
}

void adapter_place_deinit(struct adapter_place *place)
{
    free(place->name);
    free(place->folder);
}

void adapter_add_text(struct buf *json, const char *name, const char *text)
{
    buf_addf(json, ",\"%s\":", name);
    if (text)
        json_string_encode(json, slice_of(text));
    else
        buf_add_text(json, "null");
}

// ---- writing ------------------------------------------------------------------------------------

struct file {
    const char *path; // borrowed
    struct slice bytes;
};

// Takes the next file off `files`. False at the end.
static bool next_file(struct slice *files, struct file *file)
{
    if (!files->len)
        return false;
    file->path = files->data;
    const char *size = file->path + strlen(file->path) + 1;
    file->bytes.data = size + strlen(size) + 1;
    file->bytes.len = strtoul(size, NULL, 10);
    size_t used = (size_t)(file->bytes.data - files->data) + file->bytes.len;
    *files = (struct slice){files->data + used, files->len - used};
    return true;
}

static int make_folders(char *path, struct error *err)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        int rc = mkdir(path, 0777);
        bool is_there = rc == 0 || errno == EEXIST;
        if (!is_there)
            error_set(err, ERROR_SCRIPT, "%s: %s", path, strerror(errno));
        *slash = '/';
        if (!is_there)
            return -1;
    }
    return 0;
}

static int write_one(const struct file *file, char *path, bool may_replace, struct error *err)
{
    if (make_folders(path, err) != 0)
        return -1;
    FILE *out = fopen(path, may_replace ? "we" : "wxe");
    bool is_whole = out && fwrite(file->bytes.data, 1, file->bytes.len, out) == file->bytes.len;
    if (out && fclose(out) == 0 && is_whole)
        return 0;
    return error_set(err, ERROR_SCRIPT, "%s: %s", path, strerror(errno));
}

int adapter_write(const char *folder, struct slice files, bool may_replace, struct error *err)
{
    struct slice rest = files;
    struct file file;
    int rc = 0;

    while (!may_replace && rc == 0 && next_file(&rest, &file)) {
        char *path = walk_join(folder, file.path);
        if (access(path, F_OK) == 0)
            rc = error_set(err, ERROR_SCRIPT, "%s is there already: nothing was written", path);
        free(path);
    }
    while (rc == 0 && next_file(&files, &file)) {
        char *path = walk_join(folder, file.path);
        rc = write_one(&file, path, may_replace, err);
        free(path);
    }
    return rc;
}
