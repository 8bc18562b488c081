#include "lua/sources.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "config/config.h"

static int by_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct embedded_file *)file)->path);
}

const struct embedded_file *sources_find_embedded(const char *path)
{
    return bsearch(path, embedded_files, embedded_file_count, sizeof(embedded_files[0]), by_path);
}

static bool is_library(const char *path)
{
    return strncmp(path, "scripts/tide/", 13) == 0;
}

int sources_read(const struct config *config, const char *path, struct buf *out)
{
    char name[4096];

    if (!is_library(path) && config->folder && !strstr(path, "..")) {
        int len = snprintf(name, sizeof(name), "%s/%s", config->folder, path);
        if (len > 0 && (size_t)len < sizeof(name) && file_read(name, out, NULL) == 0)
            return 1;
        buf_clear(out);
    }
    const struct embedded_file *file = sources_find_embedded(path);
    if (!file)
        return -1;
    return buf_add(out, file->text, file->len) == 0 ? 0 : -1;
}

// The name of a file directly in `folder`, without ".lua"; NULL data for anything else.
static struct slice module_name(const char *file)
{
    size_t len = strlen(file);
    if (len <= 4 || file[0] == '.' || strchr(file, '/') || strcmp(file + len - 4, ".lua") != 0)
        return (struct slice){NULL, 0};
    return (struct slice){file, len - 4};
}

static bool is_user_file(const struct config *config, const char *folder, const char *file)
{
    char name[4096];
    struct stat found;
    int len = snprintf(name, sizeof(name), "%s/%s/%s", config->folder, folder, file);
    return len > 0 && (size_t)len < sizeof(name) && stat(name, &found) == 0 &&
           S_ISREG(found.st_mode);
}

static void list_user_files(const struct config *config, const char *folder,
                            void (*on_name)(void *owner, struct slice name), void *owner)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", config->folder, folder);
    DIR *dir = len > 0 && (size_t)len < sizeof(path) ? opendir(path) : NULL;
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct slice name = module_name(entry->d_name);
        if (name.data && is_user_file(config, folder, entry->d_name))
            on_name(owner, name);
    }
    closedir(dir);
}

void sources_list(const struct config *config, const char *folder,
                  void (*on_name)(void *owner, struct slice name), void *owner)
{
    size_t prefix = strlen(folder);

    if (config->folder)
        list_user_files(config, folder, on_name, owner);
    for (size_t i = 0; i < embedded_file_count; i++) {
        const char *path = embedded_files[i].path;
        if (strncmp(path, folder, prefix) != 0 || path[prefix] != '/')
            continue;
        struct slice name = module_name(path + prefix + 1);
        if (name.data && !(config->folder && is_user_file(config, folder, path + prefix + 1)))
            on_name(owner, name);
    }
}
